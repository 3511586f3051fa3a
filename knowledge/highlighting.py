"""Points out the sentences of a passage that answer, in their context. It never writes a word of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from knowledge.chunking import sentences
from knowledge.keywords import TOKEN, stem

ABOUT_AS_GOOD = 0.9  # a second sentence is marked from this share of the best one's score
CONTEXT = 45  # words of a passage that are shown


@dataclass(frozen=True)
class Part:
    text: str
    marked: bool


def pick_by_meaning(text: str, scores: Sequence[float]) -> tuple[int, ...] | None:
    """Which one or two sentences to mark, by their cosines; None when `scores` are of another text."""
    if len(scores) != len(sentences(text)) or not len(scores):
        return None
    return pick(scores)


def pick_by_words(text: str, words: Sequence[str]) -> tuple[int, ...]:
    """The same by how many of the words a sentence holds; nothing when none does."""
    wanted = {stem(word) for word in words}
    spans = sentences(text)
    held = [{stem(token) for token in TOKEN.findall(text[begin:end])} for begin, end in spans]
    scores = [len(wanted & tokens) / (len(tokens) + 5) for tokens in held]
    return pick(scores) if any(scores) else ()


def pick(scores: Sequence[float]) -> tuple[int, ...]:
    best = max(range(len(scores)), key=scores.__getitem__)
    others = [place for place in (best - 1, best + 1) if 0 <= place < len(scores)]
    good = [place for place in others if scores[place] >= ABOUT_AS_GOOD * scores[best]]
    return tuple(sorted([best, *sorted(good, key=scores.__getitem__)[-1:]]))


@lru_cache(maxsize=5_000)
def excerpt(text: str, picked: tuple[int, ...]) -> tuple[Part, ...]:
    """The picked sentences marked, and as many whole sentences around them as make about CONTEXT words."""
    spans = sentences(text)
    first, last = (picked[0], picked[-1]) if picked else (0, 0)
    shown = len(text[spans[first][0] : spans[last][1]].split())
    while shown < CONTEXT and (first > 0 or last < len(spans) - 1):
        if last < len(spans) - 1:  # what follows an answer says more than what leads to it
            last += 1
            shown += len(text[slice(*spans[last])].split())
        if first > 0 and shown < CONTEXT:
            first -= 1
            shown += len(text[slice(*spans[first])].split())
    parts = [Part("… ", False)] if first > 0 else []
    for place in range(first, last + 1):
        begin, end = spans[place]
        parts.append(Part(text[begin:end], place in picked))
        if place < last:
            gap = text[end : spans[place + 1][0]]
            parts.append(Part(gap, place in picked and place + 1 in picked))
    return merged([*parts, Part(" …", False)] if last < len(spans) - 1 else parts)


def merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Neighbours that are alike become one, so that two marked sentences read as one mark."""
    result: list[Part] = []
    for part in parts:
        if result and result[-1].marked == part.marked:
            result[-1] = Part(result[-1].text + part.text, part.marked)
        else:
            result.append(part)
    return tuple(result)
