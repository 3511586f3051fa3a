"""What is better not written down, pointed out before it is stored. Pure: words, patterns and examples in, remarks out.

Words and numbers are known at once; by meaning a sentence is known when a Finder of the topics is given, see
notes.findings.recognising. Card numbers are refused, not pointed out: see console.card_numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from console.interactions.talk_signals import Kind, shipped_in
from console.interactions.wrapping import WORD
from notes.findings import recognising
from notes.findings.recognising import Finder, pieces_of

SHIPPED = Path(__file__).with_name("sensitive.yaml")
WORD_WEIGHT = 0.5  # of a topic's own word beside a vector of meaning
# The score from which a sentence is pointed out; an example is +1, anything else -1. Chosen on the tuning half of
# bench/data/sensitive_notes.jsonl; below 0 because so much of what is learned is ordinary, see bench/RESULTS.md.
SURE = -0.3
LONGEST_NAMED = 80  # characters of what is pointed out
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}\b", re.IGNORECASE)
IBAN_LENGTHS = range(15, 35)
ACCOUNT = re.compile(
    r"\b(?:account|acct|a/c|sort code|konto(?:nummer)?|iban|routing)\b[^\n\d]{0,20}(?P<digits>\d[\d -]{5,18}\d)",
    re.IGNORECASE,
)
NUMBERS = "An account number"


@dataclass(frozen=True)
class Remark:
    """Something to look at again before it is stored: why, and the words."""

    topic: str
    words: str


def remarks_on(body: str, topics: Sequence[Kind], finder: Finder | None = None) -> list[Remark]:
    """What in a note is sensitive, in the order written; each topic at most twice. `finder` knows the same topics."""
    found = [Remark(NUMBERS, words) for words in account_numbers(body)]
    pieces = [piece for piece in pieces_of(body) if len(WORD.findall(piece.text)) > 1]  # a name alone means nothing
    scores = finder.scores([piece.text for piece in pieces]) if finder and pieces else None
    by_meaning = {kind.code: column for column, kind in enumerate(finder.kinds)} if finder else {}
    for topic in topics:
        if not topic.is_on:
            continue
        own = [Remark(topic.label, match[0]) for match in words_of(topic).finditer(body)]
        if scores is not None and topic.code in by_meaning:
            column = scores[:, by_meaning[topic.code]]
            sure = [pieces[row].text for row in np.flatnonzero(column >= SURE)]
            own += [Remark(topic.label, text) for text in sure if not any(one.words in text for one in own)]
        found += own[:2]
    return [Remark(one.topic, shortened(one.words)) for one in dict.fromkeys(found)]


def mark_of(remarks: Sequence[Remark]) -> str:
    """Changes with what is pointed out: somebody who saves anyway has seen just this."""
    return (
        sha256("\n".join(f"{one.topic}: {one.words}" for one in remarks).encode()).hexdigest()[:16] if remarks else ""
    )


def account_numbers(text: str) -> list[str]:
    """IBANs whose check sum is right, and numbers that are called an account's."""
    found = [part for match in IBAN.finditer(text) if (part := iban_in(match[0]))]
    return found + [
        match["digits"] for match in ACCOUNT.finditer(text) if not any(match["digits"] in one for one in found)
    ]


def iban_in(text: str) -> str:
    """The longest beginning of it that is an IBAN (ISO 13616): the words after it may look like its end."""
    for end in range(len(text), 0, -1):
        part = text[:end]
        bare = re.sub(r"[^A-Za-z0-9]", "", part).upper()
        if len(bare) not in IBAN_LENGTHS or not part[-1].isalnum():
            continue
        if int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1:
            return part
    return ""


def wording_of(topics: Sequence[Kind]) -> Callable[[Sequence[str]], NDArray[np.float64]]:
    """For a Finder: which topics' own words a text holds."""
    patterns = [words_of(topic) for topic in topics]

    def wording(texts: Sequence[str]) -> NDArray[np.float64]:
        held = [[bool(pattern.search(text)) for pattern in patterns] for text in texts]
        return WORD_WEIGHT * np.array(held, np.float64).reshape(len(texts), len(patterns))

    return wording


def words_of(topic: Kind) -> re.Pattern[str]:
    """The examples of one word, as a pattern that finds them whole."""
    return pattern_of(tuple(text for text in topic.examples if " " not in text))


@cache
def pattern_of(words: tuple[str, ...]) -> re.Pattern[str]:
    # Capitals are kept where an example is all capitals: "AIDS" is not "aids".
    exact = [re.escape(word) for word in words if word.isupper()]
    loose = [f"(?i:{re.escape(word)})" for word in words if not word.isupper()]
    return re.compile(rf"(?<!\w)(?:{'|'.join([*exact, *loose])})(?:'s|s)?(?!\w)" if words else r"(?!)")


def shortened(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= LONGEST_NAMED else f"{flat[: LONGEST_NAMED - 1].rsplit(' ', 1)[0]}…"


def shipped() -> tuple[Kind, ...]:
    """What a new console begins with."""
    return shipped_in(SHIPPED).kinds


def ordinary() -> tuple[str, ...]:
    """What notes say that is not sensitive; all that is worth keeping is among it."""
    worth = recognising.shipped()
    known = (text for kind in worth for text in (*kind.examples, *kind.counter_examples))
    return (*shipped_in(SHIPPED).ordinary, *known)
