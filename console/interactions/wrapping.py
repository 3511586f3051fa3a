"""A wrap-up drafted from what was said: sentences chosen, never written. Pure: turns in, their own sentences out.

A sentence is of a kind (the customer's problem, what was done, how it ended) as far as it is close to examples of it
and far from chatter; where it stands in the talk counts a little. Close is the cosine of what `embed` makes of texts:
a sentence encoder's vectors, or without one `by_words`, which goes by the words in common.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import yaml
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # one unit vector a row
Embed = Callable[[Sequence[str]], Vectors]
Refuses = Callable[[Sequence[str]], Sequence[bool]]  # which of a customer's sentences refuse something for good

EXAMPLES = Path(__file__).with_name("wrapping.yaml")
SENTENCE = re.compile(r"[^.!?\n…]+(?:[.!?…]+|\n|$)")
WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
SHORTEST, LONGEST = 3, 60  # words of a sentence worth quoting
FIRST, LAST = 50, 70  # sentences looked at in a long talk: its beginning and its end
TWO = 2  # at most so many sentences for one part of the note
CHATTER = 0.7  # what likeness to chatter takes away
PLACE = 0.15  # what standing in the right part of the talk adds
ENOUGH = {"reason": 0.1, "resolution": 0.15, "result": 0.1}
SECOND = 0.12  # a second sentence may be so much weaker than the first
SURE = 0.45  # cosine from which on a promise or a preference is proposed
MOST_PROPOSED = 6
PROMISING = re.compile(r"\b(i|we|you)\s?['’]ll\b|\b(i|we|you) (will|shall)\b|\bpromise\b", re.IGNORECASE)
LIKING = re.compile(
    r"\b(prefer|rather|always|like|love|best|better|favourite|lovely|suits?|works for|leave (it|them))\b", re.IGNORECASE
)
REFUSING = re.compile(r"\b(don['’]?t|do not|never|no)\b.{0,20}\b(call|ring|phone|gift|present)", re.IGNORECASE)
# What is refused for good, by its wording alone: for as long as the examples of boundaries are not read.
REFUSED = re.compile(
    r"\b((please|pls) ((do not|don['’]?t|never) (ever )?(call|ring|phone|text|write|send|give)|stop \w+ing)"
    r"|no (more |further )?(calls|gifts?|presents?|vouchers?|newsletters?|samples|surveys)\b(?!.*\bw(as|ere)\b)"
    r"|(do not|don['’]?t) (ever )?(want|wish) (any |your |more )*(calls|gifts?|presents?|vouchers?|newsletters?))",
    re.IGNORECASE,
)
ABOUT = {
    "delivery": re.compile(r"deliver|parcel|courier|neighbour|door|leave (it|them)|evening|morning", re.IGNORECASE),
    "contact": re.compile(r"\bcall|ring|phone|e-?mail|text|write|answer", re.IGNORECASE),
    "style": re.compile(r"colou?r|blue|green|red|style|plain|pattern|packag", re.IGNORECASE),
}
CONSOLING = re.compile(r"\b(do not|don['’]?t) (you )?(worry|be)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Spoken:
    """A turn: whose, and its words."""

    id: int
    by_customer: bool
    text: str


@dataclass(frozen=True)
class Sentence:
    """Words of one turn, exactly as they stand there."""

    turn_id: int
    by_customer: bool
    text: str
    place: float  # 0 the beginning of the talk, 1 its end


@dataclass(frozen=True)
class Draft:
    """The 3R note in the talk's own sentences."""

    reason: tuple[Sentence, ...] = ()
    resolution: tuple[Sentence, ...] = ()
    result: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """Something to keep: a promise an agent made; a preference the customer told, about `category`; or a boundary, what
    the customer refused."""

    kind: str
    sentence: Sentence
    category: str = ""


def drafted(turns: Sequence[Spoken], embed: Embed | None, *, keep: Callable[[str], bool] = bool) -> Draft:
    """Sentences of the turns for each part of the note. `keep` says whether one may be quoted at all."""
    said = [one for one in sentences(turns) if keep(one.text)]
    if not said:
        return Draft()
    by = embed or by_words
    vectors = by([one.text for one in said])
    chatter = likeness(vectors, by, "chatter")
    taken: set[int] = set()
    parts: dict[str, tuple[Sentence, ...]] = {}
    for part in ("resolution", "reason", "result"):
        scores = likeness(vectors, by, part) - CHATTER * chatter + PLACE * np.array([fit(part, one) for one in said])
        scores[[n for n, one in enumerate(said) if not may_be(part, one) or n in taken]] = -1
        chosen = best(scores, ENOUGH[part], 1 if part == "result" else TWO)
        taken.update(chosen)
        parts[part] = tuple(said[n] for n in sorted(chosen))
    return Draft(**parts)


def may_be(part: str, one: Sentence) -> bool:
    """A problem is told by the customer, what was done by the agent; either may say how it ended."""
    if part != "reason" and one.text.endswith("?"):
        return False
    if part == "result":
        return one.place > 0.6
    return one.by_customer == (part == "reason")


def fit(part: str, one: Sentence) -> float:
    return {"reason": 1 - one.place, "resolution": min(1, 2 * one.place), "result": one.place}[part]


def best(scores: NDArray[Any], enough: float, most: int) -> list[int]:
    order = [int(n) for n in np.argsort(-scores)[:most]]
    first = scores[order[0]]
    return [n for n in order if scores[n] >= enough and scores[n] >= first - SECOND]


def proposed(
    turns: Sequence[Spoken],
    embed: Embed | None,
    *,
    keep: Callable[[str], bool] = bool,
    refuses: Refuses | None = None,
) -> list[Proposal]:
    """Promises, preferences and boundaries in what was said, in the order spoken. What is refused is nothing else.

    `refuses` hears what is refused, by meaning; without it a few wordings tell.
    """
    said = [one for one in sentences(turns) if keep(one.text) and not one.text.endswith("?")]
    refused = refusals(said, refuses or by_wording)
    likely = [one for one in said if one not in refused and not REFUSING.search(one.text) and is_worded(one)]
    found = [*(Proposal("boundary", one) for one in refused), *kept_by_meaning(likely, embed)]
    order = {one: place for place, one in enumerate(said)}
    return sorted(found, key=lambda one: order[one.sentence])[:MOST_PROPOSED]


def refusals(said: Sequence[Sentence], refuses: Refuses) -> list[Sentence]:
    theirs = [one for one in said if one.by_customer and not CONSOLING.search(one.text)]
    if not theirs:
        return []
    return [one for one, is_one in zip(theirs, refuses([one.text for one in theirs]), strict=True) if is_one]


def by_wording(texts: Sequence[str]) -> list[bool]:
    return [REFUSED.search(text) is not None for text in texts]


def kept_by_meaning(said: Sequence[Sentence], embed: Embed | None) -> list[Proposal]:
    """The promises and preferences among some sentences."""
    if not said:
        return []
    by = embed or by_words
    vectors = by([one.text for one in said])
    chatter = likeness(vectors, by, "chatter")
    found = []
    for kind, by_customer in (("promise", False), ("preference", True)):
        scores = likeness(vectors, by, kind)
        for n, one in enumerate(said):
            if one.by_customer == by_customer and scores[n] >= (SURE if embed else SURE / 2) and scores[n] > chatter[n]:
                found.append(proposal(kind, one))
    return found


def is_worded(one: Sentence) -> bool:
    return bool((LIKING if one.by_customer else PROMISING).search(one.text))


def proposal(kind: str, one: Sentence) -> Proposal:
    if kind == "promise":
        return Proposal(kind, one)
    category = next((name for name, words in ABOUT.items() if words.search(one.text)), "other")
    return Proposal(kind, one, category=category)


def sentences(turns: Sequence[Spoken]) -> list[Sentence]:
    """Those worth quoting; of a long talk its first and its last."""
    found = []
    last = max(len(turns) - 1, 1)
    for number, turn in enumerate(turns):
        for match in SENTENCE.finditer(turn.text):
            text = match[0].strip()
            if SHORTEST <= len(WORD.findall(text)) <= LONGEST:
                found.append(Sentence(turn.id, turn.by_customer, text, number / last))
    return found if len(found) <= FIRST + LAST else found[:FIRST] + found[-LAST:]


def likeness(vectors: Vectors, by: Embed, *path: str) -> NDArray[np.float64]:
    """How close each row is to the closest example of a kind: cosines, shape (rows,)."""
    kind: Any = examples()
    for name in path:
        kind = kind[name]
    return np.asarray((vectors @ by(kind).T).max(axis=1), dtype=np.float64)


@cache
def examples() -> dict[str, Any]:
    given: dict[str, Any] = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    return given


def by_words(texts: Sequence[str]) -> Vectors:
    """Unit vectors, shape (len(texts), 1024), that are close when texts share words."""
    rows = np.zeros((len(texts), 1024), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in WORD.findall(text.casefold()):
            row[crc32(word.encode()) % 1024] += 1 if len(word) > 3 else 0.3
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), dtype=np.float32)
