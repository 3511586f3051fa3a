"""An article's numbered steps as plain lines, to be ticked off one by one while a customer waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from markdown_it.token import Token

from knowledge.rendering import PARSER

LONGEST = 500  # characters of a step
MOST = 100
FEWEST = 2  # a list of one is no procedure


@dataclass(frozen=True)
class Step:
    """One thing to do. `number` counts through the whole article, `label` is what stands before it there."""

    number: int
    label: int
    text: str
    heading: str = ""  # what stands above its list; only with the list's first step


@lru_cache(maxsize=200)
def steps_of(body: str) -> tuple[Step, ...]:
    """The items of the outermost numbered lists, which `rendering` shows with boxes, in their order."""
    found: list[Step] = []
    heading, items, label = "", list[str](), 1
    tokens = PARSER.parse(body)
    for place, token in enumerate(tokens):
        if token.level == 0 and token.type == "heading_open":
            heading = words([tokens[place + 1]])
        elif token.level == 0 and token.type == "ordered_list_open":
            items, label = [], int(token.attrGet("start") or 1)
        elif token.level == 1 and token.type == "list_item_open" and token.markup in ".)":
            items.append(words(tokens[place + 1 : end_of(tokens, place)]))
        elif token.level == 0 and token.type == "ordered_list_close" and len(items) >= FEWEST:
            for count, text in enumerate(items):
                found.append(Step(len(found) + 1, label + count, text, "" if count else heading))
    return tuple(found[:MOST])


def end_of(tokens: list[Token], opened: int) -> int:
    level = tokens[opened].level
    return next(place for place in range(opened + 1, len(tokens)) if tokens[place].level == level)


def words(tokens: Iterable[Token]) -> str:
    """What is written there, without its marks; a paragraph, an inner item or a new line becomes a space."""
    inline = (child for token in tokens for child in ([*(token.children or []), token]))
    parts = (" " if child.type in ("softbreak", "hardbreak", "inline") else child.content for child in inline)
    text = " ".join("".join(parts).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2].rstrip()} …"
