"""Markdown as HTML that is safe to show: no scripts, no styles, no foreign pictures, links that leave plainly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

TAG_NAMES = """
a abbr b blockquote br caption code dd del details div dl dt em h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre s small
span strong sub summary sup table tbody td tfoot th thead tr u ul
"""
TAGS = set(TAG_NAMES.split())
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}}
SCHEMES = {"http", "https", "mailto", "tel"}


def render(body: str) -> Markup:
    """HTML of an article. Its headings begin at h2: the page's h1 is the title."""
    tokens = PARSER.parse(body)
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    shift = 1 if any(token.tag == "h1" for token in headings) else 0
    for token in headings:
        token.tag = f"h{min(6, int(token.tag[1]) + shift)}"
    source = PARSER.renderer.render(tokens, PARSER.options, {})
    return Markup(  # noqa: S704  cleaned in this very line
        nh3.clean(
            source,
            tags=TAGS,
            attributes=ATTRIBUTES,
            url_schemes=SCHEMES,
            attribute_filter=only_absolute,
            link_rel="noopener noreferrer",
            clean_content_tags={"script", "style", "template", "iframe", "object", "svg"},
        )
    )


def only_absolute(element: str, attribute: str, value: str) -> str | None:
    """A relative link pointed into the folder that the article came from; here it would lead nowhere."""
    if attribute == "href" and value.partition(":")[0].strip().lower() not in SCHEMES:
        return None
    return value


def words_of_image(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    words = tokens[index].content.strip()
    return f"<em>Picture: {escape(words)}</em>" if words else ""


PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PARSER.renderer.rules["image"] = words_of_image  # type: ignore[attr-defined]
