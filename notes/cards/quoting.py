"""What a customer said in their own words: a stretch in quotation marks, if it is sure that they said it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from notes.cards.turning import (
    GOING_ON,
    LONGEST_LINE,
    OTHERS,
    PAST,
    PEOPLE,
    VERBS,
    WORD,
    WORDS,
    is_somebody_else,
    is_unfit,
)

SHORTEST_QUOTE = 3  # words
# A sentence is cut off at its full stop, so that the last mark may be missing.
QUOTED = re.compile(
    r"[“„«\"]\s*(?P<double>[^“”„«»\"\n]+?)\s*(?:[”“»\"]|$)|(?<!\w)['‘](?P<single>[^\n]+?)(?:['’](?!\w)|(?<=[.!?])$)"
)
SPEECH = {code: frozenset(words.split()) for code, words in WORDS["speech"].items()}
US = frozenset("i i'd i'll i've we we'll we've my our".split())  # noqa: SIM905
TO_THEM = re.compile(r"\b(?:told|asked|promised|assured|answered|wrote(?: to)?) (?:him|her|them|the customer)\b")
SMALL = frozenset("a and at by for from in of on or the to with".split())  # noqa: SIM905


def quoted_words(sentence: str, language: str, names: Sequence[str] = (), before: str = "") -> str:
    """The longest stretch in quotation marks that they said, is long enough to be something, and fit for a card."""
    found = [
        words
        for match in QUOTED.finditer(sentence)
        if len(WORD.findall(words := (match["double"] or match["single"]).strip())) >= SHORTEST_QUOTE
        and len(words) <= LONGEST_LINE
        and not (is_title(words) or OTHERS & set(words_in(words)) or is_unfit(sentence))
        and is_theirs(sentence[: match.start()], sentence[match.end() :], language, names, before)
    ]
    return max(found, key=len, default="")


def is_title(words: str) -> bool:
    """Of a book or a song: "The Wind in the Willows"."""
    telling = [word for word in WORD.findall(words) if word.casefold() not in SMALL]
    return all(word[0].isupper() for word in telling)


def is_theirs(lead: str, rest: str, language: str, names: Sequence[str], before: str) -> bool:
    """Whether the customer says what stands between `lead` and `rest`; `before` is what the note said earlier."""
    said, words = SPEECH.get(language, frozenset()), words_in(lead)
    if language != "en":
        return set(words) | set(words_in(rest)) <= said
    if is_somebody_else(lead, before) or TO_THEM.search(lead.casefold()) or (OTHERS | US) & {*words, *words_in(rest)}:
        return False
    if not words:
        return not rest.strip(" .!?…,") or words_in(rest)[:1] == ["she"] or words_in(rest)[:1] == ["he"]
    called = {part.casefold() for name in names for part in name.split()}
    if words[0] not in {*PEOPLE, *called, *VERBS, *PAST, *GOING_ON, *said}:
        return False
    return lead.rstrip().endswith((":", ",")) or words[-1] in said


def words_in(text: str) -> list[str]:
    return [word.casefold().replace("’", "'") for word in WORD.findall(text)]
