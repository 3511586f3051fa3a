"""What the customer told us already, so that nobody asks for it again. Pure: vectors and statements in, one out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from console.interactions.talk_signals import sentences_of
from console.interactions.wrapping import WORD, Vectors

# Chosen on the pairs of tests/data/asked_before.yaml and tried on a second list there, see bench/RESULTS.md.
ANSWERS = 0.48  # cosine from which a statement answers an agent's question
SAME_TOPIC = 0.7  # and from which it is about what the customer asks just now
SHORTEST = 4  # words of a statement
MOST = 200  # statements that are looked at, the newest
LONGEST = 300  # characters of one
# What is not brought up unasked: health, belief, politics, money trouble, card numbers.
SENSITIVE = re.compile(
    r"\b(ill(ness)?|sick|hospital|doctor|surgery|cancer|diabet\w+|depress\w+|pregnan\w+|disab\w+|therap\w+|medicat\w+|"
    r"died|death|funeral|divorc\w+|church|mosque|synagogue|religio\w+|muslim|jewish|christian|gay|lesbian|"
    r"union member|voted|bankrupt\w*|debts?|unemployed|lost (my|her|his) job|password|pin)\b|(\d[ -]?){13,}",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """A sentence in which the customer told something, or a note says so, as a slice of that text."""

    kind: str  # "utterance" or "note"
    id: int
    begins: int
    ends: int
    text: str
    said_at: datetime | None


def statements_of(kind: str, id: int, text: str, said_at: datetime | None) -> list[Statement]:
    """The sentences of a turn or a note that tell something which may be brought up again."""
    return [
        Statement(kind, id, one.begins, min(one.ends, one.begins + LONGEST), one.text[:LONGEST], said_at)
        for one in sentences_of(text)
        if not one.text.endswith("?") and len(WORD.findall(one.text)) >= SHORTEST and not SENSITIVE.search(one.text)
    ]


def question_in(text: str) -> str:
    """The last question of an agent's turn; empty when nothing is asked."""
    asked = [one.text for one in sentences_of(text) if one.text.endswith("?")]
    return asked[-1] if asked and len(WORD.findall(asked[-1])) >= SHORTEST else ""


def told_already(
    asked: Vectors, statements: Sequence[Statement], vectors: Vectors, *, at_least: float
) -> tuple[Statement, float] | None:
    """The statement closest to what is asked, a unit vector, when it is close enough; `vectors` are theirs, row by row.

    Of two that are as good as equal the later one counts: what was said last holds.
    """
    if not statements:
        return None
    cosines = vectors @ asked
    best = float(cosines.max())
    if best < at_least:
        return None
    close = [(one, float(cosine)) for one, cosine in zip(statements, cosines, strict=True) if cosine >= best - 0.03]
    return max(close, key=lambda pair: (pair[0].said_at.timestamp() if pair[0].said_at else 0.0, pair[1]))


def stacked(rows: Sequence[Vectors]) -> Vectors:
    return np.stack(rows) if rows else np.zeros((0, 1), np.float32)
