"""How names are written and mistyped: folding, words, and one typing error. Plain text in and out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from enum import IntEnum

LONGEST_WORD = 60
SHORTEST_TYPO = 3  # letters; in a shorter word one error leaves too little
LONGEST_TYPO = 30

WORD = re.compile(r"[^\W_]+")
APOSTROPHES = dict.fromkeys(map(ord, "'’‘`´ʼʹ"))
# Letters that do not fall apart into a base letter and an accent.
LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
# Everybody has these in their address; as a word to search by they say nothing.
MAILBOXES = frozenset(
    """gmail googlemail outlook hotmail live msn yahoo ymail icloud me mac aol gmx web proton protonmail mail
    btinternet example""".split()  # noqa: SIM905  a list of 19 strings is harder to read
)


class Likeness(IntEnum):
    """How a typed word resembles a word on record; lower is nearer."""

    EXACT = 0
    PREFIX = 1
    TYPO = 2


def fold(text: str) -> str:
    """Lower case without accents: "Zielińska" and "ZIELINSKA" both become "zielinska"."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare.translate(LETTERS))


def words(text: str) -> list[str]:
    """The folded words of a name, in order; an apostrophe joins ("O'Brien" is "obrien"), a hyphen parts."""
    return [word[:LONGEST_WORD] for word in WORD.findall(fold(text.translate(APOSTROPHES)))]


def tokens_of(first_name: str, last_name: str, addresses: Iterable[str] = ()) -> set[str]:
    """Every word by which a customer is found.

    Beside the words themselves: the parts around an apostrophe ("brien"), a name of several words
    written as one ("vanderberg"), and the words of the e-mail addresses without their digits.
    """
    found: set[str] = set()
    for name in (first_name, last_name):
        parts = words(name)
        found.update(parts)
        if len(parts) > 1:
            found.add("".join(parts)[:LONGEST_WORD])
        if any(ord(letter) in APOSTROPHES for letter in name):
            found.update(part for part in WORD.findall(fold(name)) if len(part) > 1)
    for address in addresses:
        found.update(address_words(address))
    return found


def address_words(address: str) -> set[str]:
    local, _, domain = address.partition("@")
    company = domain.split(".")[-2:-1]
    letters = (part for word in words(local) for part in re.split(r"\d+", word))
    return {word for word in letters if len(word) > 1} | {
        word for word in words(" ".join(company)) if word not in MAILBOXES and len(word) > 1
    }


def shortened(word: str) -> set[str]:
    """The word with each letter left out in turn; two words one typing error apart share one (SymSpell)."""
    if not SHORTEST_TYPO <= len(word) <= LONGEST_TYPO:
        return set()
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


def one_typo_apart(typed: str, meant: str) -> bool:
    """Whether one letter added, left out, changed, or swapped with its neighbour turns one into the other."""
    if typed == meant or min(len(typed), len(meant)) < SHORTEST_TYPO - 1:
        return False
    if len(typed) > len(meant):
        typed, meant = meant, typed
    at = next((place for place, (a, b) in enumerate(zip(typed, meant, strict=False)) if a != b), len(typed))
    if len(meant) - len(typed) == 1:
        return typed[at:] == meant[at + 1 :]
    if len(meant) != len(typed):
        return False
    swapped = typed[at : at + 2] == meant[at : at + 2][::-1] and typed[at + 2 :] == meant[at + 2 :]
    return swapped or typed[at + 1 :] == meant[at + 1 :]


def likeness(typed: str, token: str) -> Likeness | None:
    if typed == token:
        return Likeness.EXACT
    if token.startswith(typed):
        return Likeness.PREFIX
    if len(typed) >= SHORTEST_TYPO and one_typo_apart(typed, token):
        return Likeness.TYPO
    return None


def likeness_of_all(typed: Sequence[str], tokens: Iterable[str]) -> tuple[Likeness, int] | None:
    """How well a customer's tokens answer all typed words: the worst likeness, and the sum of all of them.

    None when a word resembles no token. Words may come in any order.
    """
    known = list(tokens)
    best: list[Likeness] = []
    for word in typed:
        found = [grade for token in known if (grade := likeness(word, token)) is not None]
        if not found:
            return None
        best.append(min(found))
    return (max(best), sum(best)) if best else None
