"""Taking articles in, on both engines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from console.db import db
from console.errors import DomainError
from knowledge.ingestion import Report, ingest
from knowledge.models import Article, ArticleState, Audience, Passage
from knowledge.reading import LARGEST

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "helpdocs"

pytestmark = pytest.mark.usefixtures("in_app")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    (folder / "returns").mkdir(parents=True)
    (folder / "returns" / "policy.md").write_text(
        "---\ntitle: Returns\nlabels: [returns, refunds]\naudience: customer\nupdated_at: 2026-03-01\n"
        "verify_by: 2026-09-01\n---\n\n# Returns\n\n45 days from delivery.\n\n## Furniture\n\nTwo people collect.\n"
    )
    (folder / "lamp.html").write_text("<title>A lamp flickers</title><h2>First</h2><p>Try another bulb.</p>")
    (folder / "hours.txt").write_text("Monday to Friday, 8 to 20.")
    return folder


def run(path: Path, **given: object) -> Report:
    report = ingest(path, source="docs", now=NOW, **given)  # type: ignore[arg-type]
    db.session.commit()
    return report


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.inserted, report.updated, report.unchanged, report.archived, len(report.rejected)


def article(external_id: str) -> Article:
    db.session.expire_all()
    return db.session.scalars(select(Article).where(Article.external_id == external_id)).one()


def passages(external_id: str) -> list[Passage]:
    statement = select(Passage).join(Passage.article).where(Article.external_id == external_id)
    return list(db.session.scalars(statement.order_by(Passage.position)))


def test_a_folder_of_markdown_html_and_text_becomes_articles_with_passages(folder: Path) -> None:
    assert counts(run(folder)) == (3, 0, 0, 0, 0)
    policy = article("returns/policy.md")
    assert (policy.title, policy.slug, policy.labels, policy.audience) == (
        "Returns", "returns", ["returns", "refunds"], Audience.CUSTOMER,
    )  # fmt: skip
    assert policy.updated_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert policy.verify_by == date(2026, 9, 1)
    assert [(row.heading, row.text) for row in passages("returns/policy.md")] == [
        ("", "45 days from delivery."), ("Furniture", "Two people collect."),
    ]  # fmt: skip
    assert article("lamp.html").title == "A lamp flickers"
    assert article("hours.txt").title == "hours"


def test_the_same_folder_again_changes_nothing(folder: Path) -> None:
    run(folder)
    before = [row.id for row in db.session.scalars(select(Passage))]
    report = run(folder)
    assert (counts(report), report.passages) == ((0, 0, 3, 0, 0), 0)
    assert [row.id for row in db.session.scalars(select(Passage))] == before


def test_an_edited_article_keeps_the_passages_that_did_not_change_with_their_vectors(folder: Path) -> None:
    run(folder)
    kept, edited = passages("returns/policy.md")
    for row in (kept, edited):
        row.vector, row.model = b"1234", "m"
    db.session.commit()
    file = folder / "returns" / "policy.md"
    file.write_text(file.read_text().replace("Two people", "Two strong people"))
    report = run(folder)
    assert (counts(report), report.passages) == ((0, 1, 2, 0, 0), 1)
    first, second = passages("returns/policy.md")
    assert (first.id, first.model) == (kept.id, "m")
    assert (second.text, second.model) == ("Two strong people collect.", None)
    assert article("returns/policy.md").slug == "returns"


def test_a_removed_file_is_archived_and_comes_back_when_it_does(folder: Path) -> None:
    run(folder)
    text = (folder / "hours.txt").read_text()
    (folder / "hours.txt").unlink()
    assert counts(run(folder)) == (0, 0, 2, 1, 0)
    assert article("hours.txt").state is ArticleState.ARCHIVED
    assert counts(run(folder)) == (0, 0, 2, 0, 0)
    (folder / "hours.txt").write_text(text)
    assert counts(run(folder)) == (0, 1, 2, 0, 0)
    assert article("hours.txt").state is ArticleState.PUBLISHED


def test_another_source_is_left_alone(folder: Path, tmp_path: Path) -> None:
    run(folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "hours.txt").write_text("Other hours.")
    report = ingest(tmp_path / "other", source="other", now=NOW)
    assert (report.inserted, report.archived) == (1, 0)
    assert {row.slug for row in db.session.scalars(select(Article).where(Article.title == "hours"))} == {
        "hours",
        "hours-2",
    }


def test_a_broken_file_is_one_line_of_the_report_and_its_article_stays(folder: Path) -> None:
    run(folder)
    (folder / "hours.txt").write_bytes(b"caf\xe9 ol\xe9")
    (folder / "empty.md").write_text("---\ntitle: Nothing\n---\n")
    (folder / "yaml.md").write_text("---\ntitle: [unclosed\n---\nBody")
    (folder / "blank.html").write_text("<script>only()</script>")
    (folder / "huge.md").write_text("x " * (LARGEST // 2 + 1))
    (folder / "link.md").symlink_to("/etc/hostname")
    report = run(folder)
    assert counts(report) == (0, 0, 2, 0, 6)
    assert {item.where: item.reason for item in report.rejected} == {
        "hours.txt": "it is not UTF-8 (byte 3)",
        "empty.md": "it is empty",
        "yaml.md": "its front matter is not valid YAML",
        "blank.html": "it is empty",
        "huge.md": "it is larger than 5 MB",
        "link.md": "it is a link that leads out of the folder",
    }
    assert article("hours.txt").state is ArticleState.PUBLISHED


def test_jsonl_takes_each_line_by_itself(tmp_path: Path) -> None:
    lines = [
        json.dumps({"_id": "a", "title": "A", "text": "Alpha text", "labels": ["x"], "updated_at": "2026-01-02"}),
        "not json",
        "[1]",
        json.dumps({"title": "no id", "text": "words"}),
        json.dumps({"_id": "a", "title": "A again", "text": "words"}),
        json.dumps({"id": 7, "title": "Seven", "html": "<p>Seven <b>words</b></p>", "url": "https://x.example/7"}),
        "",
    ]
    (tmp_path / "corpus.jsonl").write_text("\ufeff" + "\r\n".join(lines))
    report = run(tmp_path / "corpus.jsonl")
    assert counts(report) == (2, 0, 0, 0, 4)
    assert [item.where for item in report.rejected[:3]] == [f"corpus.jsonl, line {number}" for number in (2, 3, 4)]
    assert (article("7").body, article("7").url) == ("Seven **words**", "https://x.example/7")


def test_csv_columns_are_mapped_by_name(tmp_path: Path) -> None:
    (tmp_path / "kb.csv").write_text(
        '\ufeffKey,Subject,Answer\n1,Hours,"Mon to Fri,\n8 to 20"\n2,Empty,\n', newline="\r\n"
    )
    report = run(tmp_path / "kb.csv", mapping={"external_id": "Key", "title": "Subject", "body": "Answer"})
    assert counts(report) == (1, 0, 0, 0, 1)
    assert article("1").title == "Hours"
    assert "8 to 20" in article("1").body


@pytest.mark.parametrize(("name", "language"), [
    ("help._es.md", "es"), ("help.fr.md", "fr"), ("help_zh.md", "zh"), ("set_up.md", "en"), ("plain.md", "en"),
])  # fmt: skip
def test_a_language_is_read_from_the_name_of_the_file(tmp_path: Path, name: str, language: str) -> None:
    (tmp_path / name).write_text("Words of some language.")
    run(tmp_path)
    assert article(name).language == language


def test_a_path_without_articles_archives_nothing(folder: Path, tmp_path: Path) -> None:
    run(folder)
    (tmp_path / "void").mkdir()
    with pytest.raises(DomainError):
        run(tmp_path / "void")
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "nowhere")
    db.session.rollback()
    assert article("hours.txt").state is ArticleState.PUBLISHED


def test_what_generators_write_between_the_words_does_not_reach_a_reader(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "{% include x.html %}\nSee [home]({{ site.baseurl }}/help){:target='_blank'}.\n\n> [!NOTE]\n> Dear {{name}}\n\n"
        ':::image type="content" source="a.png" alt-text="The menu":::\n'
    )
    run(tmp_path)
    body = article("a.md").body
    assert "{%" not in body
    assert "site." not in body
    assert "{:" not in body
    assert "**NOTE:**" in body
    assert "{{name}}" in body
    assert "![The menu]()" in body


@pytest.mark.parametrize(("path", "articles"), [
    ("login-gov", 220), ("m365-apps", 267), ("mozilla-html/articles_html.jsonl", 590),
])  # fmt: skip
@pytest.mark.skipif(not SHARED.exists(), reason="real help documents are not here")
def test_real_help_documents_are_taken_in(path: str, articles: int) -> None:
    report = run(SHARED / path)
    assert report.inserted + len(report.rejected) == articles
    assert len(report.rejected) <= 3, report.rejected
    assert report.passages > 2 * articles
    assert counts(run(SHARED / path))[:4] == (0, 0, report.inserted, 0)


def test_the_command_reports_and_refuses_plainly(app: Flask, folder: Path, tmp_path: Path) -> None:
    app.config["EMBEDDING_MODEL"] = "none"
    runner = app.test_cli_runner()
    done = runner.invoke(args=["ingest", str(folder)])
    assert done.exit_code == 0, done.output
    assert "Inserted 3, updated 0, unchanged 0, archived 0, rejected 0; wrote 4 passages." in done.output
    for path, words in (
        (tmp_path / "nowhere", "There is nothing at"),
        (tmp_path / "void", "There is no article in it"),
    ):
        (tmp_path / "void").mkdir(exist_ok=True)
        refused = runner.invoke(args=["ingest", str(path)])
        assert refused.exit_code == 1
        assert words in refused.output
