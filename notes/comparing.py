"""What changed between two versions of a text, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Piece:
    """A stretch of text that both versions have, or only the earlier ("taken") or the later ("added") one."""

    change: Literal["same", "taken", "added"]
    text: str


def compare(before: str, after: str) -> list[Piece]:
    """The pieces in reading order; what was taken stands before what was added in its place."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    pieces = []
    for change, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new).get_opcodes():
        if change == "equal":
            pieces.append(Piece("same", "".join(old[old_from:old_to])))
            continue
        if old_from < old_to:
            pieces.append(Piece("taken", "".join(old[old_from:old_to])))
        if new_from < new_to:
            pieces.append(Piece("added", "".join(new[new_from:new_to])))
    return pieces
