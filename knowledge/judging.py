"""How sure it is that an answer is among what was found: from candidates and the words of their passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from knowledge.candidates import Candidate
from knowledge.chance import NOTHING
from knowledge.chunking import sentences
from knowledge.held import ReadPassage
from knowledge.keywords import TOKEN, stem, words_in_common
from knowledge.likeness import COMPARED, alike, covered, kept_wordings, told_by
from knowledge.looking_up import Asked
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


def judged(asked: Asked, found: Sequence[Candidate], passages: Mapping[int, ReadPassage]) -> Verdict:
    """Weigh what was found, the best first. `passages` by their ids: all those of the first JUDGED candidates."""
    background = asked.background
    if not found or not tells_something(asked, found, passages):
        return Verdict(0.0, (0.0,) * len(found))
    if asked.vector is not None and background.is_foreign(asked.text):
        return Verdict(0.0, (0.0,) * len(found))
    if asked.vector is None:
        by_words = tuple(sure_by_words(asked, one, passages) for one in found)
        return Verdict(max(by_words[:JUDGED]), by_words)
    likely = likenesses(asked, found, passages)
    telling = told_by([stem(word) for word in asked.words], background.rarity)
    shares = [covered(telling, folded(one, passages)) for one in found]
    others = [one.score for one in found[1 : 1 + BEHIND]]
    lead = found[0].score - sum(others) / len(others) if others else ALONE
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
    return bool(numbers) and set(numbers) <= set(TOKEN.findall(" ".join(folded(found[0], passages))))


def folded(one: Candidate, passages: Mapping[int, ReadPassage]) -> list[str]:
    """The words of its passages that were read, case-folded."""
    return [passages[id].whole.casefold() for id in one.passage_ids if id in passages]


def sure_by_words(asked: Asked, one: Candidate, passages: Mapping[int, ReadPassage]) -> float:
    """Without a model it rests on words alone: a third of them, or three, are enough."""
    own = [passages[id] for id in one.passage_ids if id in passages]
    common = len({w for passage in own for w in words_in_common(asked.words, passage.whole, beginning=asked.beginning)})
    return 1.0 if common >= 3 or 0 < len(asked.words) <= 3 * common else 0.0


def likenesses(asked: Asked, found: Sequence[Candidate], passages: Mapping[int, ReadPassage]) -> list[float]:
    """How alike the question and each candidate's best sentence are; the words of the nearest few are compared."""
    near: list[tuple[float, int, str, tuple[int, int]]] = []  # cosine, candidate, text, from where to where of it
    result = [max((max(own.centred) for own in one.sentences.values()), default=0.0) for one in found]
    for place, one in enumerate(found[:JUDGED]):
        for id, own in one.sentences.items():
            text = passages[id].text if id in passages else ""
            spans = sentences(text)
            if len(spans) == len(own.centred):  # else they are of another text
                near += [(cosine, place, text, span) for cosine, span in zip(own.centred, spans, strict=True)]
    near.sort(key=itemgetter(0), reverse=True)
    del near[COMPARED:]
    wordings = kept_wordings([text[begin:end] for _, _, text, (begin, end) in near], asked.background.rarity)
    likely = alike(asked.wording, wordings, [cosine for cosine, *_ in near])
    for (_, place, *_), value in zip(near, likely.tolist(), strict=True):
        result[place] = max(result[place], value)
    return [max(value, 0.0) for value in result]
