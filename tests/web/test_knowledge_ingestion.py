"""Taking articles in, on both engines."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask
from sqlalchemy import select

from console.db import db
from console.errors import DomainError
from knowledge.drafts import LARGEST
from knowledge.ingestion import KEPT, KEPT_GONE, KEPT_NEWER, KEPT_UNREAD, TAKEN, Report, Terms, ingest
from knowledge.models import (
    Article,
    ArticleRevision,
    ArticleState,
    Audience,
    IngestionRun,
    IngestionState,
    Origin,
    Passage,
)
from knowledge.writing import change, content_of
from tests.factories import make_user
from tests.factories_knowledge import make_article

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)

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
    (folder / "hours.txt").write_bytes(bytes(range(256)))
    (folder / "empty.md").write_text("---\ntitle: Nothing\n---\n")
    (folder / "yaml.md").write_text("---\ntitle: [unclosed\n---\nBody")
    (folder / "blank.html").write_text("<script>only()</script>")
    (folder / "huge.md").write_text("x " * (LARGEST // 2 + 1))
    (folder / "link.md").symlink_to("/etc/hostname")
    (folder / "returns" / "policy.md").unlink()
    (folder / "returns" / "policy.md").symlink_to("nowhere.md")
    report = run(folder)
    assert counts(report) == (0, 0, 1, 0, 7)
    assert {item.where: item.reason for item in report.rejected} == {
        "hours.txt": "it is not text",
        "empty.md": "it is empty",
        "yaml.md": "its front matter is not valid YAML",
        "blank.html": "it is empty",
        "huge.md": "it is larger than 5 MB",
        "link.md": "it is a link that leads out of the folder",
        "returns/policy.md": "it is a link that leads nowhere",
    }
    assert article("hours.txt").state is ArticleState.PUBLISHED


@pytest.mark.parametrize("spoil", ["line", "bytes", "zip"])
def test_what_could_not_be_read_of_a_table_archives_nothing(tmp_path: Path, spoil: str) -> None:
    rows = [json.dumps({"id": str(number), "title": f"T{number}", "text": "Words"}) for number in range(5)]
    folder, packed = tmp_path / "kb", tmp_path / "kb.zip"
    folder.mkdir()
    (folder / "kb.jsonl").write_text("\n".join(rows))
    for name in ("a.md", "b.md", "c.md", "d.md"):
        (folder / name).write_text("Words")
    run(folder)
    (folder / "kb.jsonl").write_bytes(b"\n".join([*(row.encode() for row in rows[1:]), b'{"id": "0", "ti']))
    if spoil == "bytes":
        (folder / "kb.jsonl").rename(folder / "kb.csv")
        (folder / "kb.csv").write_bytes(bytes(range(256)))
    elif spoil == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
            archive.getinfo("kb.jsonl").CRC ^= 1
    report = run(packed if spoil == "zip" else folder)
    assert (report.archived, report.missing, len(report.rejected)) == (0, 0, 1)
    gone = "1 article" if spoil == "line" else "5 articles"
    assert report.lines == [("kept", "kb.csv" if spoil == "bytes" else "kb.jsonl", KEPT_UNREAD.format(gone))]
    assert article("0").state is ArticleState.PUBLISHED
    (folder / "kb.csv").unlink(missing_ok=True)
    (folder / "kb.jsonl").write_text("\n".join(rows[1:]))
    assert run(folder).archived == 1


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
    assert [item.where for item in report.rejected] == [f"corpus.jsonl, line {number}" for number in (2, 3, 4, 5)]
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
        "![a1b2c3d4e5f60718](a.png)\n"
    )
    run(tmp_path)
    body = article("a.md").body
    assert "{%" not in body
    assert "site." not in body
    assert "{:" not in body
    assert "**NOTE:**" in body
    assert "{{name}}" in body
    assert "![The menu]()" in body
    assert "a1b2" not in body


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


def revisions(external_id: str) -> list[tuple[int, Origin, str]]:
    statement = select(ArticleRevision).where(ArticleRevision.article_id == article(external_id).id)
    rows = db.session.scalars(statement.order_by(ArticleRevision.number))
    return [(row.number, row.origin, row.body) for row in rows]


def edit_here(external_id: str, body: str) -> None:
    """As the console does it: the content hash stays the source's."""
    row = article(external_id)
    row.body, row.revision = body, row.revision + 1
    revision = {"article_id": row.id, "number": row.revision, "title": row.title, "body": body}
    db.session.add(ArticleRevision(**revision, origin=Origin.EDITED, made_at=NOW))
    db.session.commit()


def test_every_change_by_a_source_is_a_revision(folder: Path) -> None:
    run(folder)
    (folder / "hours.txt").write_text("Monday to Sunday.")
    run(folder)
    (folder / "hours.txt").unlink()
    run(folder)
    assert revisions("hours.txt") == [
        (1, Origin.INGESTED, "Monday to Friday, 8 to 20."),
        (2, Origin.INGESTED, "Monday to Sunday."),
        (3, Origin.INGESTED, "Monday to Sunday."),
    ]
    newest = db.session.scalars(select(ArticleRevision).order_by(ArticleRevision.id.desc()).limit(1)).one()
    assert (newest.facts["state"], newest.comment) == ("archived", "The source no longer has it.")
    assert article("hours.txt").revision == 3


def test_what_was_edited_here_is_kept_until_somebody_says_otherwise(folder: Path) -> None:
    run(folder)
    edit_here("hours.txt", "By appointment.")
    report = run(folder)
    assert (report.kept, report.updated, report.unchanged) == (1, 0, 2)
    assert report.lines == [("kept", "hours.txt", KEPT)]
    (folder / "hours.txt").write_text("Monday to Sunday.")
    report = run(folder)
    assert report.lines == [("kept", "hours.txt", KEPT_NEWER)]
    assert article("hours.txt").body == "By appointment."
    report = run(folder, terms=Terms(overwrite=True))
    assert (report.kept, report.updated) == (0, 1)
    assert article("hours.txt").body == "Monday to Sunday."
    assert [origin for _, origin, _ in revisions("hours.txt")] == [Origin.INGESTED, Origin.EDITED, Origin.INGESTED]
    assert run(folder).unchanged == 3


def decide_here(external_id: str, **decided: Any) -> None:
    """As an owner does it in the editor, title and text left as they are."""
    owner = make_user(db.session())
    row = article(external_id)
    change(row, replace(content_of(row), **decided), based_on=row.revision, actor_id=owner.id, now=NOW)
    db.session.commit()


def test_a_newer_text_comes_in_where_only_labels_owner_or_days_were_set_here(folder: Path) -> None:
    run(folder)
    decide_here("returns/policy.md", labels=("money",), verify_by=date(2027, 1, 1))
    assert run(folder).unchanged == 3
    policy = folder / "returns" / "policy.md"
    for days in ("60 days", "90 days"):
        policy.write_text(policy.read_text().replace("45 days", days).replace("60 days", days))
        assert (run(folder).updated, article("returns/policy.md").body.startswith(days)) == (1, True)
        now = article("returns/policy.md")
        assert (now.labels, now.verify_by, now.audience) == (["money"], date(2027, 1, 1), Audience.CUSTOMER)
    policy.write_text(policy.read_text().replace("90 days", "A year"))
    run(folder, terms=Terms(overwrite=True))
    assert article("returns/policy.md").labels == ["returns", "refunds"]


def test_what_was_archived_here_stays_so_while_its_source_goes_on(folder: Path) -> None:
    run(folder)
    decide_here("hours.txt", state=ArticleState.ARCHIVED)
    assert run(folder).unchanged == 3
    (folder / "hours.txt").write_text("Monday to Sunday.")
    assert run(folder).updated == 1
    assert (article("hours.txt").state, article("hours.txt").body) == (ArticleState.ARCHIVED, "Monday to Sunday.")


def test_an_address_that_a_colleague_takes_meanwhile_is_left_to_them(folder: Path) -> None:
    theirs: list[str] = []

    def colleague() -> None:
        """Saves an article of the same title after the addresses were read."""
        if not theirs:
            theirs.append("hours")
            make_article(db.session(), "Hours", slug="hours")
            db.session.commit()

    (folder / "a.md").write_text("# Something first\n\nText.")
    with patch("knowledge.ingestion.BATCH", 1):
        report = run(folder, checkpoint=colleague)
    assert (report.inserted, report.rejected) == (4, [])
    assert article("hours.txt").slug == "hours-2"
    with patch("knowledge.ingestion.free_slug", return_value="hours"), patch("knowledge.ingestion.TRIES", 1):
        (folder / "z.md").write_text("# Hours\n\nAt night.")
        report = run(folder)
    assert [(line.where, line.reason) for line in report.rejected] == [("z.md", TAKEN)]
    assert run(folder).inserted == 1


def test_what_was_edited_here_is_not_archived_when_its_file_goes(folder: Path) -> None:
    run(folder)
    edit_here("hours.txt", "By appointment.")
    (folder / "hours.txt").unlink()
    report = run(folder)
    assert (report.archived, report.lines) == (0, [("kept", "hours.txt", KEPT_GONE)])
    assert article("hours.txt").state is ArticleState.PUBLISHED
    assert run(folder, terms=Terms(overwrite=True)).archived == 1


def test_when_more_than_half_of_a_source_is_gone_nothing_is_archived_unasked(folder: Path) -> None:
    run(folder)
    (folder / "hours.txt").unlink()
    (folder / "lamp.html").unlink()
    report = run(folder)
    assert (report.missing, report.archived) == (2, 0)
    assert article("hours.txt").state is ArticleState.PUBLISHED
    assert run(folder, terms=Terms(whole=False)).missing == 0
    assert run(folder, terms=Terms(allow_shrink=True)).archived == 2


def test_a_run_that_fails_half_way_archives_nothing_and_the_next_goes_on(folder: Path) -> None:
    run(folder)
    (folder / "hours.txt").unlink()
    for number in range(250):
        (folder / f"new-{number:03}.md").write_text(f"# New {number}\n\nWords, see [next](new-{number + 1:03}.md).")
    commits = 0

    def stop_at_second() -> None:
        nonlocal commits
        db.session.commit()
        commits += 1
        if commits == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, checkpoint=stop_at_second)
    db.session.rollback()
    assert article("hours.txt").state is ArticleState.PUBLISHED
    assert "](new-001.md)" in article("new-000.md").body
    report = run(folder)
    assert report.unchanged >= 2
    assert report.inserted + report.unchanged == 252
    assert report.archived == 1
    assert article("new-000.md").body == "Words, see [next](/knowledge/articles/new-1)."
    assert "](new-250.md)" in article("new-249.md").body


def test_links_between_files_lead_from_article_to_article(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "a.md").write_text("# A\n\n[b](in/b.md#part), [web](https://x.example), [p](/old/), `[c](in/b.md)`\n")
    (tmp_path / "in" / "b.md").write_text("---\nredirect_from: /old/\n---\n# B\n\nBack to [a](../a.md).")
    run(tmp_path)
    assert article("a.md").body.startswith(
        "[b](/knowledge/articles/b), [web](https://x.example), [p](/knowledge/articles/b)"
    )
    assert article("in/b.md").body == "Back to [a](/knowledge/articles/a)."
    assert revisions("a.md")[0][2] == article("a.md").body
    assert counts(run(tmp_path)) == (0, 0, 2, 0, 0)


def test_trying_out_changes_nothing(folder: Path) -> None:
    run(folder)
    (folder / "hours.txt").write_text("Monday to Sunday.")
    (folder / "lamp.html").unlink()
    (folder / "new.md").write_text("New words.")
    report = run(folder, terms=Terms(dry_run=True))
    assert counts(report) == (1, 1, 1, 1, 0)
    assert article("hours.txt").body == "Monday to Friday, 8 to 20."
    assert article("lamp.html").state is ArticleState.PUBLISHED
    assert counts(run(folder)) == (1, 1, 1, 1, 0)


def test_an_article_says_when_it_expires(tmp_path: Path) -> None:
    (tmp_path / "sale.md").write_text("---\nexpiry: 2026-12-31\n---\nUntil New Year.")
    run(tmp_path)
    assert article("sale.md").expires_on == date(2026, 12, 31)


def test_the_command_writes_down_each_run_and_tries_out_on_request(app: Flask, folder: Path) -> None:
    runner = app.test_cli_runner()
    tried = runner.invoke(args=["ingest", str(folder), "--dry-run"])
    assert "Nothing was changed. It would be:\nInserted 3," in tried.output
    assert runner.invoke(args=["ingest", str(folder), "--source", "docs"]).exit_code == 0
    edit_here("hours.txt", "By appointment.")
    again = runner.invoke(args=["ingest", str(folder), "--source", "docs"])
    assert "kept 1, archived 0" in again.output
    assert "hours.txt: kept: edited here since" in again.output
    for name in ("hours.txt", "lamp.html"):
        (folder / name).unlink()
    assert "--allow-shrink" in runner.invoke(args=["ingest", str(folder), "--source", "docs"]).output
    runs = db.session.scalars(select(IngestionRun).order_by(IngestionRun.id)).all()
    assert [(one.source, one.state, one.done) for one in runs] == [
        ("articles", IngestionState.FINISHED, 3), ("docs", IngestionState.FINISHED, 3),
        ("docs", IngestionState.FINISHED, 3), ("docs", IngestionState.FINISHED, 1),
    ]  # fmt: skip
    assert runs[2].report["kept"] == 1
    (folder / "returns" / "policy.md").unlink()
    assert runner.invoke(args=["ingest", str(folder), "--source", "docs"]).exit_code == 1
    db.session.expire_all()
    failed = db.session.scalars(select(IngestionRun).order_by(IngestionRun.id.desc()).limit(1)).one()
    assert (failed.state, failed.problem[:28]) == (IngestionState.FAILED, "There is no article in it: n")
