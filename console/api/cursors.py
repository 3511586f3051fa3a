"""Where a page of a list ended. A cursor holds row numbers and nothing else: changing one leads elsewhere in a list
that its bearer may read anyway."""

from __future__ import annotations

import base64
import binascii

from console.api.refusing import Refusal
from console.web import LARGEST_ID


def cursor(kind: str, *place: int) -> str:
    """`kind` keeps the cursor of one list out of another."""
    return base64.urlsafe_b64encode(":".join([kind, *map(str, place)]).encode()).decode().rstrip("=")


def place_in(kind: str, text: str | None, numbers: int) -> tuple[int, ...] | None:
    """The place that a cursor names, as so many numbers; none without one. Raises Refusal."""
    if text is None:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        name, *rest = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").split(":")
        place = tuple(int(one) for one in rest if one.lstrip("-").isdigit() and len(one) < 20)
    except (ValueError, binascii.Error):
        name, place = "", ()
    if name != kind or len(place) != numbers or not all(-LARGEST_ID <= one <= LARGEST_ID for one in place):
        raise no_cursor()
    return place


def no_cursor() -> Refusal:
    return Refusal.of_field("cursor", "This is no cursor of this list. Leave it out to begin at its start.")
