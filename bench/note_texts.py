"""Notes as people write them, any number of them, no two quite alike: sentences with what they are about filled in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench import words
from bench.synthetic import rare_words

COLOURS = "sage cream navy rust ochre charcoal teal blush ivory walnut oak green blue red grey white black".split()  # noqa: SIM905
ROOMS = "kitchen bedroom hallway study nursery dining room garden room guest room landing porch".split()  # noqa: SIM905
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
PEOPLE = "daughter son husband wife mother father sister neighbour partner grandson".split()  # noqa: SIM905
THINGS = [name for name, _ in words.THINGS]
# {thing} {colour} {room} {day} {person} {hour}, and {rare}: a name, place or number that few notes hold.
SENTENCES = (
    "Rang about the {thing}, the one in {colour}.",
    "Wants the {thing} delivered on {day}, not before {hour}.",
    "Prefers {colour} for the {room} and finds {colour} too dark.",
    "The {person} starts at {rare} school on {day}.",
    "Asked when the {colour} {thing} is back in stock.",
    "Please ring before {hour}; the bell does not work.",
    "Said the last {thing} arrived with a scratch and was very nice about it.",
    "Is doing up the {room}, budget agreed with the {person}.",
    "Mentioned {rare}, where they spend the summer.",
    "Order {rare} was sent to the old address.",
    "Collects the {colour} range; only the {thing} is missing.",
    "Allergic to wool, so no throw for the {room}.",
    "The courier {rare} left the parcel with the neighbour again.",
    "Would like samples of the {colour} fabric by {day}.",
    "Thinks our {thing} is worth every penny.",
    "Moving to {rare} in spring; will send the new address.",
    "The {person} has a birthday on {day}; the {thing} is a surprise.",
    "Does not want to be called at work, evenings after {hour} are fine.",
    "Complained that the {thing} wobbles; sent a new foot for it.",
    "Ordered for the café in {rare}, needs an invoice in the company's name.",
    "Hurt her back, so everything must be carried up to the {room}.",
    "Loved the handwritten card that came with the {thing}.",
    "Compared us with {rare}; said we answer faster.",
    "Has two cats, asked which {thing} survives them.",
)


def notes(count: int, seed: int = 7) -> Iterator[str]:
    """Of one to four sentences; how often a rare word comes falls off as in any language."""
    rng = np.random.default_rng(seed)
    rare = rare_words()
    weights = np.cumsum(1 / np.arange(1, len(rare) + 1))
    for start in range(0, count, 10_000):
        size = min(10_000, count - start)
        picks = rng.integers(1 << 30, size=(size, 40)).tolist()
        places = np.searchsorted(weights / weights[-1], rng.random((size, 4))).tolist()
        for pick, place in zip(picks, places, strict=True):
            yield " ".join(sentence(pick[8 * n : 8 * n + 8], rare[place[n]]) for n in range(1 + pick[39] % 4))


def sentence(pick: list[int], rare: str) -> str:
    lists = {"thing": THINGS, "colour": COLOURS, "room": ROOMS, "day": DAYS, "person": PEOPLE}
    filled = {name: held[pick[place] % len(held)] for place, (name, held) in enumerate(lists.items())}
    return SENTENCES[pick[5] % len(SENTENCES)].format(**filled, hour=8 + pick[6] % 12, rare=rare.capitalize())
