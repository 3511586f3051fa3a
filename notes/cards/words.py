"""The words of a delivery card: the greeting, what the customer said turned into a line to them, the name below.

A note is written about the customer ("She loves the green one"). It is turned round ("You told us you love the green
one.") by few rules that cannot make it say something else. Where they do not reach, the customer's own words are
quoted if the note has them in quotation marks; else there is no line, and a person writes it with the note beside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from notes.cards.quoting import quoted_words
from notes.cards.turning import WORDS, turned_round


@dataclass(frozen=True)
class Phrases:
    """What frames a card in one language."""

    language: str  # in English
    greeting: str
    hello: str  # to somebody whose first name is not known
    said: str
    wish: str
    closing: str


PHRASES = {code: Phrases(**phrases) for code, phrases in WORDS["phrases"].items()}


def language_of(customers: str | None, shops: str) -> str:
    """Which of the languages we have words for: the customer's, else the shop's, else English."""
    for tag in (customers or "", shops):
        if (primary := re.split(r"[-_]", tag)[0].casefold()) in PHRASES:
            return primary
    return "en"


def drafted(first_name: str, line: str, writer: str, language: str) -> str:
    """A whole card. Without a line the place for it stays open."""
    words = PHRASES[language]
    name = " ".join(first_name.split())
    said = f"{line} {words.wish}" if line else ""
    parts = [words.greeting.format(name=name) if name else words.hello, said, f"{words.closing}\n{writer}".strip()]
    return "\n\n".join(parts)


def exchanged(body: str, before: str, after: str) -> str:
    """The card with another line in place of the one that stood there; what a person wrote besides stays."""
    if before and before in body:
        return re.sub(r"\n{3,}", "\n\n", body.replace(before, after, 1)).strip()
    if not after or after in body:
        return body
    head, gap, rest = body.partition("\n\n")  # after the greeting
    return f"{head}\n\n{after}\n\n{rest.strip()}" if gap else f"{body}\n\n{after}".strip()


def middle_of(body: str, language: str) -> str:
    """What a card says besides its greeting and its closing with the name."""
    words = PHRASES.get(language, PHRASES["en"])
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    opening = words.greeting.partition("{")[0].strip(" ,")
    if lines and (lines[0].startswith((opening, words.hello.rstrip(",:"))) and lines[0][-1] in ",:!"):
        lines = lines[1:]
    if words.closing in lines:
        lines = lines[: lines.index(words.closing)]
    return " ".join(lines)


def line_to_them(sentence: str, language: str, names: Sequence[str] = (), before: str = "") -> str:
    """A sentence of a note as a line to the customer; empty where a person has to write it.

    `names` are what the note may call the customer by, `before` what it says before the sentence.
    """
    if own := quoted_words(sentence, language, names, before):
        line = PHRASES[language].said.format(words=own.rstrip(". "))
        return line if own[-1] in "!?…" else f"{line}."
    return turned_round(sentence, names, before) if language == "en" else ""
