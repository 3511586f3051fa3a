"""What a note says that is worth keeping, found by meaning. Pure: sentences and examples in, kinds out.

A sentence is compared with all examples and counter-examples of all kinds, and with ordinary sentences, by its vector
of meaning and by its wording (cues.py): kernel ridge regression on +1 and -1, in closed form, with a Gaussian
kernel (Saunders, Gammerman and Vovk 1998). It is what console.interactions.talk_signals does with a straight line;
notes need a bent one, see bench/RESULTS.md. The examples' file and its rules are the same as there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from console.interactions.talk_signals import Kind, shipped_in
from console.interactions.wrapping import WORD, Embed
from knowledge.chunking import sentences
from notes.findings.cues import cues
from notes.findings.due_dates import clock_in

SHIPPED = Path(__file__).with_name("findings.yaml")
# Chosen on the tuning half of bench/data/note_findings.jsonl, see bench/RESULTS.md.
WIDTH = 0.6  # of the kernel: exp(-WIDTH * squared distance)
RIDGE = 0.1
FROM = 0.1  # the score from which a kind is proposed: an example is +1, anything else -1
OF_A_CLAUSE = 0.2  # a clause by itself must be so much surer than its sentence
MOST_SENTENCES = 200  # of one note
LONGEST = 300  # characters of a sentence that are read, and kept
SHORTEST_CLAUSE = 3  # words
QUESTION = re.compile(
    r"\?[\"”'’)]*$|^(?:did|does|do|is|are|was|were|can|could|will|would|shall|should|who|what|which|when|where|why|how|may"
    r"|has|have) (?:he|she|they|we|i|you|it|the|her|his|that|there)\b",
    re.IGNORECASE,
)
LEAD = re.compile(
    r"^(?:[-*•–—>+]|[\u2600-\u27bf\ufe0f\u200d\U0001f000-\U0001faff]+|\d{1,2}[.)]|\[[ x]?\]"
    r"|(?:reason|resolution|result|note|nb|info)\s*[:–-])\s*",
    re.IGNORECASE,
)
BREAK = re.compile(
    r"; |, (?=(?:so|but|and|i|we|i['’]ll|we['’]ll|he|she|they|no|never|don['’]t|please)\b)"
    r"| (?=(?:and|but|so) (?:i|we|he|she|they|please|prefers|likes|wants|asked|promised|told"
    r"|never|no|don['’]t|will)\b)",
    re.IGNORECASE,
)
JOINED_BY = re.compile(r"^(?:and|but|so)\s+", re.IGNORECASE)
CALLS = re.compile(r"\b(?:call|ring|phone|telephone)", re.IGNORECASE)
AFTER = re.compile(r"\b(?:after|past|later than)\s+(.{1,14})", re.IGNORECASE)
SPELT = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
GIFTS = re.compile(r"\b(?:gifts?|presents?|freebies|free samples?|giveaways?|extras|surprise items?)\b", re.IGNORECASE)


Wording = Callable[[Sequence[str]], NDArray[np.float64]]


@dataclass(frozen=True)
class Piece:
    """A sentence of a note, as a slice of its body, and its words without bullets."""

    begins: int
    ends: int
    text: str


@dataclass(frozen=True)
class Found:
    """A kind that a sentence seems to be of; `score` from 0 (barely) to 1 (an example)."""

    kind: str
    piece: Piece
    score: float


class Finder:
    """Finds the kinds that are switched on. It learns from the examples of all when it is made.

    `embed` makes a unit vector of each text, one a row; `wording` tells more about each text, shape (texts, any).
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        ordinary: Sequence[str],
        embed: Embed,
        wording: Wording = cues,
    ) -> None:
        self.embed, self.wording = embed, wording
        self.kinds = [kind for kind in kinds if kind.is_on and kind.examples]
        known = (text for kind in kinds for text in (*kind.examples, *kind.counter_examples))
        texts = list(dict.fromkeys([*known, *ordinary]))
        if self.kinds:
            examples = [set(kind.examples) for kind in self.kinds]
            wanted = np.array([[1.0 if text in own else -1.0 for own in examples] for text in texts])
            self._known = self.features(texts)
            alike = likeness(self._known, self._known)
            self._shares = np.linalg.solve(alike + RIDGE * np.eye(len(texts)), wanted)

    def find(self, body: str) -> list[Found]:
        """What seems worth keeping in a note, in the order written; a sentence may be of several kinds."""
        pieces = pieces_of(body)
        found = []
        for piece, scores in zip(pieces, self.scores([piece.text for piece in pieces]), strict=True):
            sure = zip(self.kinds, scores.tolist(), strict=True)
            found += [Found(kind.code, piece, min(score, 1.0)) for kind, score in sure if score >= FROM]
        return found

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How surely each sentence is of each kind: shape (texts, kinds). A clause counts by itself too."""
        parts = [clauses_of(text) for text in texts]
        flat = [*texts, *(part for own in parts for part in own)]
        if not flat or not self.kinds:
            return np.empty((len(texts), len(self.kinds)))
        scores = likeness(self.features(flat), self._known) @ self._shares
        result, at = scores[: len(texts)], len(texts)
        for row, own in enumerate(parts):
            if own:
                result[row] = np.maximum(result[row], scores[at : at + len(own)].max(axis=0) - OF_A_CLAUSE)
                at += len(own)
        result[[bool(QUESTION.search(text)) for text in texts]] = -1.0
        return np.asarray(result)

    def features(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return np.hstack([np.asarray(self.embed(texts), np.float64), self.wording(texts)])


def likeness(rows: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel of each row with each other: shape (rows, others), 1 for the same."""
    squares = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)[None] - 2 * rows @ others.T
    return np.asarray(np.exp(-WIDTH * np.maximum(squares, 0.0)))


def pieces_of(body: str) -> list[Piece]:
    """The sentences of a note that hold a word; a line is one at least, bullets and "Result:" are left out."""
    found = []
    for begins, ends in sentences(body):
        for line in re.finditer(r"[^\n]+", body[begins:ends]):
            text = line[0].strip()
            while stripped := LEAD.sub("", text, count=1):
                if stripped == text:
                    break
                text = stripped
            if WORD.search(text):
                at = begins + line.start() + line[0].index(text)
                found.append(Piece(at, at + len(text), text[:LONGEST]))
    return found[:MOST_SENTENCES]


def clauses_of(text: str) -> list[str]:
    """The parts of a sentence that could be ones of their own; none when it has one part."""
    parts, last = [], 0
    for match in BREAK.finditer(text):
        parts.append(text[last : match.start()])
        last = match.end()
    if not parts:
        return []
    parts = [JOINED_BY.sub("", part.strip()) for part in (*parts, text[last:])]
    return [part for part in parts if len(WORD.findall(part)) >= SHORTEST_CLAUSE]


def boundary_meant(text: str) -> tuple[str, time | None]:
    """What is refused, as a boundary's kind: ("no_calls_after", 18:00), ("no_gifts", None) or ("other", None)."""
    if GIFTS.search(text):
        return "no_gifts", None
    if CALLS.search(text) and (after := AFTER.search(text)) and (moment := hour_in(after[1])):
        return "no_calls_after", moment
    return "other", None


def hour_in(words: str) -> time | None:
    """18:00 of "18:00", "6 pm", "six" or "18"; nobody is refused a call from six in the morning on."""
    if moment := clock_in(words):
        return moment
    first = words.split(maxsplit=1)[0].casefold().strip(".,;:!")
    number = SPELT.index(first) if first in SPELT[1:] else int(first) if re.fullmatch(r"[0-9]{1,2}", first) else None
    if number is None or number > 23:
        return None
    return time(number + 12 if number <= 11 else number)


def shipped() -> tuple[Kind, ...]:
    """What a new console begins with."""
    return shipped_in(SHIPPED).kinds


def ordinary() -> tuple[str, ...]:
    """What notes say most of the time: nothing to keep."""
    return shipped_in(SHIPPED).ordinary
