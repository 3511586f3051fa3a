"""Real help documents: all of them are taken in, and nothing is lost that a reader would miss. Skipped where absent."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from markdown_it import MarkdownIt

from console.db import db
from knowledge.chunking import cut
from knowledge.drafts import Draft, Included
from knowledge.ingestion import ingest
from knowledge.reading import read
from knowledge.rendering import render

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "helpdocs"
FILE_NAME = re.compile(
    r"\S*\.(png|jpe?g|gif|svg)|[0-9a-f]{12,}|(Screenshot|Image|Photo)[^.]*\.(png|jpe?g)", re.IGNORECASE
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="real help documents are not here")


@pytest.mark.usefixtures("in_app")
@pytest.mark.parametrize(("database_url", "path", "articles", "snippets"), [
    ("sqlite", "login-gov", 220, 0), ("postgresql", "login-gov", 220, 0),
    ("sqlite", "m365-apps", 248, 19), ("postgresql", "mozilla-html/articles_html.jsonl", 590, 0),
], indirect=["database_url"])  # fmt: skip
def test_real_help_documents_are_taken_in(path: str, articles: int, snippets: int) -> None:
    report = ingest(SHARED / path, source="docs", now=NOW)
    db.session.commit()
    assert report.inserted + len(report.rejected) == articles
    assert len(report.rejected) <= 3, report.rejected
    assert report.included == snippets
    assert report.passages > 2 * articles
    again = ingest(SHARED / path, source="docs", now=NOW)
    assert (again.inserted, again.updated, again.unchanged, again.archived) == (0, 0, report.inserted, 0)


def words(text: str) -> Counter[str]:
    return Counter(word.casefold() for word in re.findall(r"[^\W_]+", text))


def read_by(root: html.HtmlElement) -> Counter[str]:
    """The words that somebody who looks at the page can read, those of its pictures too; not their files' names."""
    alternatives = (image.get("alt", "") for image in root.iter("img"))
    said = (words for words in alternatives if not FILE_NAME.fullmatch(words))
    return words(root.text_content() + " " + " ".join(said))


def shown(draft: Draft) -> Counter[str]:
    page = str(render(draft.body)).replace("<br", " <br")
    shown_page: Any = html.fromstring(f"<div>{page}</div>")
    return words(draft.title) + words(shown_page.text_content())


def shape(root: Any) -> Counter[str]:
    names = {"h1": "heading", "h2": "heading", "h3": "heading", "h4": "heading"}
    kept = ("li", "ol", "table", "pre", "heading")
    found = Counter(
        names.get(str(one.tag), str(one.tag)) for one in root.iter(*names, *kept) if one.text_content().strip()
    )
    return Counter({name: found[name] for name in kept})


def test_every_word_heading_step_and_table_of_html_articles_stays() -> None:
    file = SHARED / "mozilla-html" / "articles_html.jsonl"
    lost: Counter[str] = Counter()
    there = other_shape = 0
    for line, draft in zip(file.read_text(encoding="utf-8").splitlines(), read(file), strict=True):
        assert isinstance(draft, Draft)
        # Wordings for different systems stand right behind each other in the source; here they stand apart.
        source = re.sub(
            r"(<span|</span>|<br>|</?p>|</?li>|</?d[tdl]>|<img|</?t[dhr]>|</?h[1-6])", r" \1", json.loads(line)["html"]
        )
        root: Any = html.fromstring(f"<div>{re.sub('</span>', '</span> ', source)}</div>")
        for left_out in root.xpath('//script|//style|//*[@id="toc"]'):
            left_out.drop_tree()
        there += read_by(root).total()
        lost += read_by(root) - shown(draft)
        other_shape += shape(root) != shape(html.fromstring(f"<div>{MARKDOWN.render(draft.body)}</div>"))
    assert there > 300_000
    assert lost.total() < there / 2_000, lost.most_common(20)
    assert other_shape < 10


@pytest.mark.parametrize("folder", ["login-gov", "m365-apps"])
def test_every_word_of_markdown_articles_stays(folder: str) -> None:
    lost: Counter[str] = Counter()
    there = 0
    for draft in read(SHARED / folder):
        if isinstance(draft, Included):
            continue
        assert isinstance(draft, Draft)
        text = (SHARED / folder / draft.external_id).read_text(encoding="utf-8-sig").replace("\r\n", "\n")
        text = re.sub(r"\A\s*---\n.*?\n---[ \t]*\n", "", text, flags=re.DOTALL)
        text = re.sub(r":::image[^\n]*?alt-text=\"([^\"]*)\"[^\n]*", r"\1", text)
        text = re.sub(r"\[!(INCLUDE\s*\[[^\]]*\]\([^)]*\)|VIDEO[^\]]*)\]|\[!div[^\n]*|:::[^\n]*", "", text)
        text = re.sub(r"<!--.*?-->|\{%.*?%\}|\{\{.*?\}\}|\{:.*?\}", "", text, flags=re.DOTALL)
        text = re.sub(r"^[ \t]+(?=<)", "", text, flags=re.MULTILINE)  # indented after an empty line, it would be code
        source = read_by(html.fromstring(f"<div>{MARKDOWN.render(text)}</div>"))
        there += source.total()
        lost += source - shown(draft)
        assert not re.search(r"</?(?:div|li|ol|ul|p)\b", " ".join(piece.text for piece in cut(draft.title, draft.body)))
    assert there > 50_000
    assert lost.total() < there / 1_000, lost.most_common(20)


def test_lists_that_a_page_keeps_in_its_front_matter_are_read() -> None:
    drafts = {draft.external_id: draft for draft in read(SHARED / "login-gov") if isinstance(draft, Draft)}
    overview = drafts["content/_help/verify-your-identity/overview._en.md"]
    assert "- Social Security number\n- U.S. phone number or mailing address" in overview.body
    assert {draft.language for draft in drafts.values()} == {"en", "es", "fr", "zh"}
