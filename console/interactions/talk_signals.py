"""What a customer says that calls for attention, heard by meaning. Pure: sentences and examples in, signals out.

For each kind a line is drawn between the vectors of its examples and of everything else: its counter-examples, the
other kinds' sentences, ordinary ones. It is ridge regression on +1 and -1 in closed form (Hoerl and Kennard 1970), is
done in milliseconds, and hears far better than the nearest example does, see bench/RESULTS.md. `embed` makes a unit
vector of each text, one a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from console.interactions.wrapping import WORD, Embed, Vectors

SHIPPED = Path(__file__).with_name("talk_signals.yaml")
SENTENCE = re.compile(r"[^.!?\n…]+[.!?…]*")
# Chosen by `python -m bench.hearing --thresholds`: on the examples alone, each heard with itself left out.
RIDGE = 0.3
FROM = 0.0  # the score from which a sentence is heard: rather an example, +1, than not, -1
BIAS = 0.1  # the square of the constant that stands beside each vector
ORDINARY = "ordinary"
REPEATS = "repeats"
SAME = 0.72  # cosine from which a sentence says what another one said
SHORTEST_SAME = 5  # words of a sentence that can repeat another one
MOST_SENTENCES = 40  # of one turn
LONGEST = 400  # characters of a sentence that are read
MOST_EXAMPLES, LONGEST_EXAMPLE = 400, 300


@dataclass(frozen=True)
class Kind:
    """One kind of signal: its name, and what tells it from others."""

    code: str
    label: str
    icon: str
    tone: str  # of its chip: "", good, warn, bad
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...] = ()
    is_on: bool = True


@dataclass(frozen=True)
class Kept:
    """A kind as it is now; when a supervisor last changed it, if one did."""

    kind: Kind
    changed_at: datetime | None = None

    @property
    def seen(self) -> str:
        """Changes with every change of it, and is empty while it is as it was shipped."""
        return self.changed_at.isoformat() if self.changed_at else ""


@dataclass(frozen=True)
class Sentence:
    """A slice of a turn's text."""

    begins: int
    ends: int
    text: str


@dataclass(frozen=True)
class Signal:
    """A kind found in a sentence, 0 (barely) to 1 (an example of it). `again`: the turn that it says once more."""

    code: str
    begins: int
    ends: int
    score: float
    again: int | None = None


@dataclass(frozen=True)
class Earlier:
    """Something that the customer said before in this talk, with its unit vector of shape (dimensions,)."""

    turn_id: int
    vector: Vectors


class Ear:
    """Listens for the kinds that are switched on. It learns from their examples when it is made."""

    def __init__(self, kinds: Sequence[Kind], embed: Embed) -> None:
        self.embed = embed
        self.kinds = [kind for kind in kinds if kind.is_on and kind.examples]
        texts = list(dict.fromkeys(text for kind in kinds for text in (*kind.examples, *kind.counter_examples)))
        texts += [text for text in ordinary() if text not in texts]
        if self.kinds:
            wanted = np.array([[1.0 if text in kind.examples else -1.0 for kind in self.kinds] for text in texts])
            self._weights, self._constants = line_between(np.asarray(embed(texts), np.float64), wanted)

    def hear(self, sentences: Sequence[Sentence], vectors: Vectors) -> list[Signal]:
        """At most one signal of each kind, its clearest; `vectors` are the sentences', one a row."""
        if not sentences or not self.kinds:
            return []
        scores = vectors @ self._weights + self._constants
        clearest = scores.argmax(axis=0)
        return [
            Signal(kind.code, sentences[row].begins, sentences[row].ends, min(float(scores[row, column]), 1.0))
            for column, (kind, row) in enumerate(zip(self.kinds, clearest.tolist(), strict=True))
            if scores[row, column] >= FROM
        ]

    def try_out(self, text: str) -> list[Signal]:
        """What would be heard in a text."""
        found = sentences_of(text)
        return self.hear(found, self.embed([one.text for one in found])) if found else []


def line_between(
    vectors: NDArray[np.float64], wanted: NDArray[np.float64], ridge: float = RIDGE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights of shape (dimensions, kinds) and constants of shape (kinds,), for unit vectors of shape (n, dimensions)
    and what they should score, shape (n, kinds)."""
    shares = np.linalg.solve(vectors @ vectors.T + BIAS + ridge * np.eye(len(vectors)), wanted)
    return vectors.T @ shares, BIAS * shares.sum(axis=0)


def said_again(sentences: Sequence[Sentence], vectors: Vectors, earlier: Sequence[Earlier]) -> Signal | None:
    """The sentence that most clearly says what the customer said before; none when nothing does."""
    long = [row for row, one in enumerate(sentences) if len(WORD.findall(one.text)) >= SHORTEST_SAME]
    if not long or not earlier:
        return None
    cosines = vectors[long] @ np.stack([one.vector for one in earlier]).T
    row, place = np.unravel_index(int(cosines.argmax()), cosines.shape)
    score = float(cosines[row, place])
    if score < SAME:
        return None
    sentence = sentences[long[int(row)]]
    return Signal(REPEATS, sentence.begins, sentence.ends, score, again=earlier[int(place)].turn_id)


def sentences_of(text: str) -> list[Sentence]:
    """The sentences of a turn that hold a word, with where they stand."""
    found = []
    for match in SENTENCE.finditer(text):
        stripped = match[0].strip()
        if WORD.search(stripped):
            begins = match.start() + len(match[0]) - len(match[0].lstrip())
            found.append(Sentence(begins, begins + len(stripped), stripped[:LONGEST]))
    return found[:MOST_SENTENCES]


def shipped() -> tuple[Kind, ...]:
    """What a new console begins with."""
    return shipped_in(SHIPPED).kinds


def ordinary() -> tuple[str, ...]:
    """What customers say most of the time: none of any kind."""
    return shipped_in(SHIPPED).ordinary


@dataclass(frozen=True)
class Shipped:
    kinds: tuple[Kind, ...]
    ordinary: tuple[str, ...]  # sentences of no kind


@cache
def shipped_in(file: Path) -> Shipped:
    """A file that comes with the software, parsed once: that takes a second for a thousand sentences."""
    given = parsed(file.read_text(encoding="utf-8"))
    return Shipped(tuple(kinds_of(given)), tidied("\n".join(given[ORDINARY])))


def read(text: str) -> list[Kind]:
    """Kinds from a YAML file. Raises ValueError with a sentence that says what is wrong with it."""
    return kinds_of(parsed(text))


def parsed(text: str) -> dict[Any, Any]:
    try:
        given: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        line = getattr(getattr(problem, "problem_mark", None), "line", None)
        where = f" near line {line + 1}" if line is not None else ""
        raise ValueError(f"That file cannot be read{where}. Download the present one and change that.") from None
    if not isinstance(given, dict) or not set(given) - {ORDINARY}:
        raise ValueError("There are no signals in that file. Download the present one and change that.")
    return given


def kinds_of(given: dict[Any, Any]) -> list[Kind]:
    return [kind_of(str(code), fields) for code, fields in given.items() if code != ORDINARY]


def kind_of(code: str, fields: Any) -> Kind:
    if not isinstance(fields, dict):
        raise ValueError(f"“{code}” has no examples.")
    lists: dict[str, tuple[str, ...]] = {}
    for name in ("examples", "counter_examples"):
        rows = fields.get(name) or []
        if not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
            raise ValueError(f"In “{code}”, {name.replace('_', '-')} is a list with one sentence a line.")
        lists[name] = tidied("\n".join(rows))
    if problem := problem_with(**lists):
        raise ValueError(f"In “{code}”: {problem}")
    is_on = fields.get("is_on", True)
    label, icon, tone = (str(fields.get(name) or "") for name in ("label", "icon", "tone"))
    return Kind(code, label, icon, tone, lists["examples"], lists["counter_examples"], is_on is not False)


def tidied(lines: str) -> tuple[str, ...]:
    """One example a line, as a person wrote them into a box: no empty ones, none twice."""
    return tuple(dict.fromkeys(" ".join(line.split()) for line in lines.replace("\0", "").splitlines() if line.strip()))


def problem_with(examples: Sequence[str], counter_examples: Sequence[str]) -> str:
    """What is wrong with some examples, in a sentence; empty when nothing is."""
    if not examples:
        return "Give at least one example, or switch the signal off."
    if max(len(examples), len(counter_examples)) > MOST_EXAMPLES:
        return f"At most {MOST_EXAMPLES} examples and as many counter-examples."
    if any(len(text) > LONGEST_EXAMPLE for text in (*examples, *counter_examples)):
        return f"An example has at most {LONGEST_EXAMPLE} characters."
    both = set(examples) & set(counter_examples)
    return f"“{both.pop()}” cannot be an example and a counter-example." if both else ""


def as_yaml(kinds: Sequence[Kind]) -> str:
    """The file that `read` reads."""
    return yaml.safe_dump(
        {
            kind.code: {
                "label": kind.label,
                "icon": kind.icon,
                "tone": kind.tone,
                "is_on": kind.is_on,
                "examples": list(kind.examples),
                "counter_examples": list(kind.counter_examples),
            }
            for kind in kinds
        },
        allow_unicode=True,
        sort_keys=False,
        width=1_000,
    )
