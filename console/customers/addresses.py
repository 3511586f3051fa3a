"""When two addresses are the same, however they are spelt."""

from __future__ import annotations

import re
import unicodedata

Address = tuple[str, str, str]  # street, postcode, country


def plain_address(street: str | None, postcode: str | None, country: str | None) -> Address | None:
    """Without capitals, accents, stops and spaces; None unless street and postcode are known."""
    found = plain(street), plain(postcode), plain(country)
    return found if all(found[:2]) else None


def plain(text: str | None) -> str:
    folded = unicodedata.normalize("NFKD", text or "").casefold()
    return re.sub(r"[^\w]|_", "", folded)
