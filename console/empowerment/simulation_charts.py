"""Where the lines and bars of a simulation's charts go. Pure: numbers in, points of an SVG of 640 by 170 out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, TOP, BOTTOM, LEFT = 640, 20, 140, 4


@dataclass(frozen=True)
class Line:
    """`points` as an SVG polyline takes them."""

    name: str
    points: str


@dataclass(frozen=True)
class Plot:
    highest: float
    lines: Sequence[Line]
    marks: Sequence[tuple[float, str]]  # x, and what stands below it


def across(place: int, number: int) -> float:
    return LEFT + place * (WIDTH - 2 * LEFT) / max(number - 1, 1)


def up(value: float, highest: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * value / highest if highest else BOTTOM


def curves(series: Mapping[str, Sequence[float]], below: Sequence[str], highest: float = 0) -> Plot:
    """Lines over the same places; about five of the words in `below` are written."""
    highest = max(highest, *(max(values, default=0) for values in series.values()), 1)
    lines = [
        Line(
            name,
            " ".join(
                f"{across(place, len(values)):.1f},{up(value, highest):.1f}" for place, value in enumerate(values)
            ),
        )
        for name, values in series.items()
    ]
    every = max(-(-len(below) // 5), 1)
    return Plot(
        highest, lines, [(across(place, len(below)), word) for place, word in enumerate(below) if place % every == 0]
    )


def elbow(points: Sequence[Mapping[str, Any]]) -> Plot:
    """The likely cost a day against a cap, typical and one day in twenty; caps are placed by their amount."""
    caps = [one["cap"] for one in points]
    least, most = min(caps), max(caps)
    highest = max(max(one["p95"] for one in points), 1)
    spread = (WIDTH - 2 * LEFT - 40) / max(most - least, 1)

    def at(cap: float) -> float:
        return float(LEFT + 20 + (cap - least) * spread)

    lines = [
        Line(name, " ".join(f"{at(one['cap']):.1f},{up(one[name], highest):.1f}" for one in points))
        for name in ("mean", "p95")
    ]
    return Plot(highest, lines, [(at(cap), str(cap)) for cap in caps])
