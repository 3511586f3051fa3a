"""What may stand in a note: plain text of bounded length, and never a card number."""

from __future__ import annotations

import re

from console.card_numbers import REFUSAL, holds_card_number

LONGEST_NOTE = 10_000  # characters
LONGEST_PROMISE = 300
UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # PostgreSQL refuses NUL; none of them can be read


def tidy(text: str | None) -> str:
    """The words as they are kept: Unix line ends, no control characters, no blank margins."""
    return UNWANTED.sub("", (text or "").replace("\r\n", "\n").replace("\r", "\n")).strip()


def fault_in_note(body: str) -> str | None:
    """Say in a sentence what is wrong with a tidied note, or None."""
    return fault_in(body, LONGEST_NOTE, "Write the note first.", "The note")


def fault_in_promise(text: str) -> str | None:
    """Say in a sentence what is wrong with a tidied promise, or None."""
    return fault_in(text, LONGEST_PROMISE, "Say what was promised.", "The promise")


def fault_in(text: str, longest: int, missing: str, name: str) -> str | None:
    if not text:
        return missing
    if len(text) > longest:
        return f"{name} has {len(text):,} characters; {longest:,} fit. Shorten it."
    if holds_card_number(text):
        return REFUSAL
    return None
