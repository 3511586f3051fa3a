"""How sure it is that an answer is among what was found: from candidates and the words of their passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge import ranking
from knowledge.background import Background
from knowledge.candidates import Asked, Candidate
from knowledge.chance import NOTHING
from knowledge.chunking import sentences
from knowledge.held import ReadPassage
from knowledge.keywords import TOKEN, stem
from knowledge.likeness import COMPARED, Wording, alike, covered, wording
from knowledge.ranking import Evidence, confidence

JUDGED = 3  # articles whose passages are all read
BEHIND = 3  # articles that the first one's lead is measured against
ALONE = 0.3  # its lead when there is no other
SHORTEST_NUMBER = 3  # digits of a number that may be what is asked for


@dataclass(frozen=True)
class Verdict:
    """Confidences, 0 to 1: that the answer is here, and of each candidate."""

    confidence: float
    of_each: tuple[float, ...]


@dataclass(frozen=True)
class Sentence:
    """One sentence of a candidate, and its cosine to the question when both are centred."""

    candidate: int
    text: str
    cosine: float


def judged(
    asked: Asked, background: Background, found: Sequence[Candidate], passages: Mapping[int, ReadPassage]
) -> Verdict:
    """Weigh what was found, the best first. `passages` by their ids: all those of the first JUDGED candidates."""
    if not found or not tells_something(asked, found, passages):
        return Verdict(0.0, (0.0,) * len(found))
    if asked.vector is not None and background.is_foreign(asked.text):
        return Verdict(0.0, (0.0,) * len(found))
    if asked.vector is None:
        by_words = tuple(sure_by_words(asked, one, passages) for one in found)
        return Verdict(max(by_words[:JUDGED]), by_words)
    likely = likenesses(asked, asked.vector, background, found, passages)
    stems = [stem(word) for word in asked.words]
    shares = [covered(stems, stems_of(one, passages), background.rarity) for one in found]
    others = [one.score for one in found[1 : 1 + BEHIND]]
    lead = found[0].score - float(np.mean(others)) if others else ALONE
    by_chance = background.chance or NOTHING
    usual = background.expected, by_chance.likeness, by_chance.cosine
    of_each = tuple(
        confidence(Evidence(likely[place], one.cosine, lead if place == 0 else 0.0, shares[place], *usual))
        for place, one in enumerate(found)
    )
    whole = Evidence(max(likely[:JUDGED]), max(one.cosine for one in found), lead, shares[0], *usual)
    return Verdict(confidence(whole), of_each)


def tells_something(asked: Asked, found: Sequence[Candidate], passages: Mapping[int, ReadPassage]) -> bool:
    """A question without a telling word asks nothing; a number alone, only when it stands in the best article."""
    if any(not word.isdigit() for word in asked.words):
        return True
    numbers = [word for word in asked.words if len(word) >= SHORTEST_NUMBER]
    return bool(numbers) and set(numbers) <= set(TOKEN.findall(words_of(found[0], passages)))


def words_of(one: Candidate, passages: Mapping[int, ReadPassage]) -> str:
    return " ".join(passages[id].whole for id in one.passage_ids if id in passages)


def stems_of(one: Candidate, passages: Mapping[int, ReadPassage]) -> frozenset[str]:
    return frozenset().union(*(passages[id].stems for id in one.passage_ids if id in passages))


def sure_by_words(asked: Asked, one: Candidate, passages: Mapping[int, ReadPassage]) -> float:
    """Without a model it rests on words alone: a third of them, or three, are enough."""
    own = [passages[id] for id in one.passage_ids if id in passages]
    common = len({word for passage in own for word in passage.words_in_common(asked.words, asked.beginning)})
    return 1.0 if common >= 3 or 0 < len(asked.words) <= 3 * common else 0.0


def likenesses(
    asked: Asked,
    vector: ranking.Scores,
    background: Background,
    found: Sequence[Candidate],
    passages: Mapping[int, ReadPassage],
) -> list[float]:
    """How alike the question and each candidate's best sentence are; the words of the nearest few are compared."""
    question = background.centred(vector[np.newaxis])[0]
    owners = [(place, id, len(rows)) for place, one in enumerate(found) for id, rows in one.sentences.items()]
    if not owners:
        return [0.0] * len(found)
    rows = np.concatenate([found[place].sentences[id] for place, id, _ in owners])
    cosines = background.centred(rows) @ question
    near: list[Sentence] = []
    result = [0.0] * len(found)
    start = 0
    for place, id, count in owners:
        own = cosines[start : start + count].tolist()
        start += count
        result[place] = max(result[place], *own)
        if place < JUDGED and id in passages:
            near += spelled_out(place, passages[id].text, own)
    own_words = Wording(asked.text, background.rarity)
    for sentence in sorted(near, key=lambda one: -one.cosine)[:COMPARED]:
        found_alike = alike(own_words, wording(sentence.text, background.rarity), sentence.cosine)
        result[sentence.candidate] = max(result[sentence.candidate], found_alike)
    return result


def spelled_out(place: int, text: str, cosines: Sequence[float]) -> list[Sentence]:
    """A passage's sentences with their cosines; none when those are of another text."""
    spans = sentences(text)
    if len(spans) != len(cosines):
        return []
    return [Sentence(place, text[begin:end], c) for (begin, end), c in zip(spans, cosines, strict=True)]
