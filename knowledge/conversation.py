"""What a conversation asks: a few of the customer's latest turns, and the agent's words only where theirs say little.

The whole of it as one question finds less than its last turn alone; a last turn alone is often "yes, the blue one".
Measured by `python -m bench.search` on conversations of which both are known, see bench/RESULTS.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from knowledge.keywords import STOP_WORDS, TOKEN

BURSTS = 2  # of the customer's, the latest that say something
FEW_WORDS = 2  # so few words are an answer to what the agent asked
LONGEST_ASKED = 200  # characters of an agent's question
LONGEST = 2_000  # characters in all
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
CHATTER = (
    "hi hello hey dear yes yep yeah yup no nope ok okay sure right alright fine great good perfect lovely cool thanks "
    "thank thankyou cheers please sorry bye goodbye welcome morning afternoon evening day sir madam mam maam hmm ah oh "
    "wow well exactly correct understood moment second minute wait hold"
)
SMALL_TALK = frozenset(CHATTER.split())


@dataclass(frozen=True)
class Line:
    """One turn as it was said. Whispers and what a system answered are never lines."""

    by_customer: bool
    text: str


def question_of(lines: Iterable[Line]) -> str:
    """What the conversation asks just now; empty when the customer has asked nothing.

    Turns of one speaker in a row are one burst. A burst that says nothing ("ok, thank you") is passed over, so that
    what it thanks for stays asked; one that only answers ("the blue one") brings the agent's question with it.
    """
    bursts = merged(lines)
    asked: list[str] = []
    theirs = 0
    for place in range(len(bursts) - 1, -1, -1):
        burst = bursts[place]
        words = telling(burst.text)
        if not burst.by_customer or not words:
            continue
        asked.append(burst.text)
        if not theirs and len(words) <= FEW_WORDS and place:
            asked.append(last_question(bursts[place - 1].text))
        theirs += 1
        if theirs == BURSTS:
            break
    return "\n".join(filter(None, reversed(asked)))[-LONGEST:].strip()


def merged(lines: Iterable[Line]) -> Sequence[Line]:
    """One line for all that somebody said in a row."""
    return [
        Line(by_customer, "\n".join(line.text for line in burst))
        for by_customer, burst in groupby(lines, key=lambda line: line.by_customer)
    ]


def telling(text: str) -> set[str]:
    """The words of a turn that could tell what it is about."""
    return {word for word in TOKEN.findall(text.casefold()) if word not in STOP_WORDS and word not in SMALL_TALK}


def last_question(text: str) -> str:
    """The last sentence of a turn that asks for something; empty when none does."""
    asking = [one.strip() for one in SENTENCE.findall(text) if one.rstrip().endswith("?") and telling(one)]
    return asking[-1][-LONGEST_ASKED:] if asking else ""
