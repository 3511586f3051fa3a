"""Markdown as HTML that is safe to show: no scripts, no styles, no foreign pictures, links that leave plainly.

A numbered list is a procedure: each of its steps gets a box to tick off while it is done, kept in the page alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from knowledge.chunking import UNREAD

TAG_NAMES = """
a abbr b blockquote br caption code dd del details div dl dt em h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre s small
span strong sub summary sup table tbody td tfoot th thead tr u ul
"""
TAGS = {*TAG_NAMES.split(), "input"}
ATTRIBUTES = {
    "a": {"href", "title"},
    "input": {"aria-label"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
PREVIEWED = 20_000  # characters, some ten printed pages: 80 ms
SCHEMES = {"http", "https", "mailto", "tel"}
OURS = "/knowledge/articles/"  # what links between files of one source have become


def preview(body: str) -> tuple[Markup, bool]:
    """HTML of what is being written, and whether that is only its beginning: long texts are read again and again."""
    if len(body) <= PREVIEWED:
        return render(body), False
    beginning = body[:PREVIEWED]
    return render(beginning[: beginning.rfind("\n\n")] if "\n\n" in beginning else beginning), True


@lru_cache(maxsize=50)
def render(body: str) -> Markup:
    """HTML of an article. Its headings begin at h2: the page's h1 is the title.

    300,000 characters take a second; so what is read over and over is kept.
    """
    tokens = PARSER.parse(body)
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    shift = 1 if any(token.tag == "h1" for token in headings) else 0
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1]) + shift)}"
    mark_steps(tokens)
    source = PARSER.renderer.render(tokens, PARSER.options, {})
    clean = nh3.clean(
        source,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        # Should an <input> get past, it is a box to tick, without a name and outside any form.
        set_tag_attribute_values={"input": {"type": "checkbox"}},
        allowed_classes={"ol": {"steps"}},
        attribute_filter=only_absolute,
        link_rel="noopener noreferrer",
        clean_content_tags=set(UNREAD),
    )
    return Markup(in_boxes(clean))  # noqa: S704  cleaned above


def in_boxes(clean: str) -> str:
    """Put each table in a box that scrolls sideways, by keys too. nh3 leaves no `<` but those of tags."""
    numbers = count(1)

    def opened(_: re.Match[str]) -> str:
        return f'<div class="table-wrap" role="region" aria-label="Table {next(numbers)}" tabindex="0"><table>'

    return re.sub("<table>", opened, clean).replace("</table>", "</table></div>")


def mark_steps(tokens: list[Token]) -> None:
    """Number the outermost ordered lists' items as steps, each with its box in front."""
    number = 0
    for token in tokens:
        if token.level == 0 and token.type == "ordered_list_open":
            token.attrSet("class", "steps")
            number = int(token.attrGet("start") or 1)
        elif token.level == 1 and token.type == "list_item_open" and token.markup in ".)" and number:
            token.meta["step"] = number
            number += 1
        elif token.level == 0:
            number = 0


def step(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    number = tokens[index].meta.get("step")
    return f'<li><input type="checkbox" aria-label="Step {number} done">' if number else "<li>"


def without_inputs(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A box that an author writes by hand would have no name for those who cannot see it."""
    return re.sub(r"<(?=/?input\b)", "&lt;", tokens[index].content, flags=re.IGNORECASE)


def only_absolute(element: str, attribute: str, value: str) -> str | None:
    """A relative link pointed into the folder that the article came from; here it would lead nowhere."""
    if attribute == "href" and not value.startswith(OURS) and value.partition(":")[0].strip().lower() not in SCHEMES:
        return None
    return value


def words_of_image(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    words = tokens[index].content.strip()
    return f"<em>Picture: {escape(words)}</em>" if words else ""


PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PARSER.renderer.rules["image"] = words_of_image  # type: ignore[attr-defined]
PARSER.renderer.rules["list_item_open"] = step  # type: ignore[attr-defined]
for kind in ("html_block", "html_inline"):
    PARSER.renderer.rules[kind] = without_inputs  # type: ignore[attr-defined]
