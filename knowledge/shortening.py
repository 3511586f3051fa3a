"""Long words made short: for a title, a label, a list."""

from __future__ import annotations


def shortened(text: str, length: int) -> str:
    """On one line and at most `length` characters long, cut between words, with "…" for what is left out."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"
