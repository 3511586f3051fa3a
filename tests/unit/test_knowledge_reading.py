"""Reading files of every kind, the bad ones too: each is a draft, or one line that says why not."""

from __future__ import annotations

import stat
import tempfile
import zipfile
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import docx
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen import canvas
from reportlab.platypus import ListFlowable, ListItem, PageBreak, Paragraph, SimpleDocTemplate, Table

from knowledge import documents, unfolding
from knowledge.archives import clean_name
from knowledge.crosslinks import path_of
from knowledge.decoding import decoded
from knowledge.drafts import Draft, Included, Item, Rejected, draft_from, not_understood
from knowledge.ingestion import remark_on
from knowledge.reading import count, read


def read_all(path: Path) -> dict[str, Item]:
    return {(item.where if isinstance(item, Included) else item.external_id or item.where): item for item in read(path)}


def reasons(path: Path) -> dict[str, str]:
    return {item.where: item.reason for item in read(path) if isinstance(item, Rejected)}


def body(path: Path) -> str:
    (item,) = read(path)
    assert isinstance(item, Draft), item
    return item.body


def make_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def word(tmp_path: Path) -> Path:
    document = docx.Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Who may return", 1)
    for step in ("Open the order", "Choose the item"):
        document.add_paragraph(step, style="List Number")
    document.add_paragraph("Lamps", style="List Bullet")
    document.add_paragraph("Bulbs too", style="List Bullet 2")
    table = document.add_table(2, 2)
    for place, words in enumerate(("Size", "Fee", "Large", "£9")):
        table.cell(place // 2, place % 2).text = words
    document.save(str(tmp_path / "handbook.docx"))
    return tmp_path / "handbook.docx"


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    style = getSampleStyleSheet()
    words = "What is bought may be returned within forty-five days, in its box, by whoever it was bought for. " * 4

    def around(page: canvas.Canvas, document: SimpleDocTemplate) -> None:
        page.drawString(72, 800, "Larch & Lantern, internal")
        page.drawString(280, 30, f"Page {document.page} of 4")

    story: list[object] = []
    for number in range(1, 5):
        steps = [ListItem(Paragraph(step, style["BodyText"])) for step in ("Open the order", "Choose the item")]
        story += [
            Paragraph(f"Chapter {number}", style["Heading1"]),
            Paragraph(words, style["BodyText"]),
            ListFlowable(steps, bulletType="1"),
            Paragraph('See <a href="https://x.example/a">the policy</a>.', style["BodyText"]),
            Paragraph("One opens the re-<br/>turn form.", style["BodyText"]),
            Table([["Size", "Fee"], ["Large", "9"]], style=[("GRID", (0, 0), (-1, -1), 1, colors.black)]),
            PageBreak(),
        ]
    SimpleDocTemplate(str(tmp_path / "rules.pdf")).build(story, onFirstPage=around, onLaterPages=around)
    return tmp_path / "rules.pdf"


def test_a_word_file_keeps_headings_steps_lists_and_tables(word: Path) -> None:
    assert body(word) == (
        "# Who may return\n\n1. Open the order\n2. Choose the item\n\n- Lamps\n\n  - Bulbs too\n\n"
        "| Size | Fee |\n| --- | --- |\n| Large | £9 |"
    )
    (draft,) = read(word)
    assert isinstance(draft, Draft)
    assert draft.title == "Handbook"


def test_a_pdf_keeps_headings_steps_tables_and_links_and_loses_what_repeats_on_every_page(pdf: Path) -> None:
    found = body(pdf)
    assert [line for line in found.split("\n") if line.startswith("#")] == ["# Chapter 2", "# Chapter 3", "# Chapter 4"]
    assert "1. Open the order\n\n2. Choose the item" in found
    assert "| Size | Fee |\n| --- | --- |\n| Large | 9 |" in found
    assert "[the policy](https://x.example/a)" in found
    assert "the return form" in found
    assert "internal" not in found
    assert "Page" not in found
    paragraph = next(line for line in found.split("\n") if line.startswith("What is bought"))
    assert paragraph.count("forty-five days") == 4


def test_bad_documents_are_one_line_each(tmp_path: Path, pdf: Path, word: Path) -> None:
    locked = pypdf.PdfWriter(clone_from=str(pdf))
    locked.encrypt("secret")
    locked.write(str(tmp_path / "locked.pdf"))
    scan = canvas.Canvas(str(tmp_path / "scan.pdf"))
    scan.rect(10, 10, 100, 100, fill=1)
    scan.save()
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nonsense")
    (tmp_path / "broken.docx").write_bytes(word.read_bytes()[:3000])
    (tmp_path / "locked.docx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    (tmp_path / "zero.pdf").touch()
    (tmp_path / "old.doc").write_bytes(b"words")
    make_zip(tmp_path / "other.docx", {"a.txt": b"no Word in it"})
    make_zip(tmp_path / "bomb.docx", {"word/document.xml": b"0" * 20_000_000})
    assert reasons(tmp_path) == {
        "locked.pdf": "it is locked with a password",
        "scan.pdf": "there is no text in it: it looks scanned",
        "broken.pdf": "it is damaged",
        "broken.docx": "it is damaged",
        "locked.docx": "it is locked with a password, or an old .doc: save it as .docx without one",
        "zero.pdf": "it is empty",
        "old.doc": ".doc is not read: save it as .docx, .pdf or .md",
        "other.docx": "it is not a Word document",
        "bomb.docx": "it would unpack to more than a hundred times its size, as a zip bomb does",
    }


def test_a_document_that_takes_too_long_is_given_up(pdf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SECONDS", 0.01)
    assert reasons(pdf) == {"rules.pdf": "reading it took longer than 0.01 seconds"}


def test_a_zip_is_read_like_the_folder_it_was_made_from(tmp_path: Path) -> None:
    packed = make_zip(tmp_path / "docs.zip", {
        "docs/a.md": b"# A\n\nSee [b](in/b.html).", "docs/in/b.html": b"<p>B</p>", "docs/logo.png": b"",
        "__MACOSX/docs/._a.md": b"x", "docs/": b"", "docs/.x.md": b"x",
        "docs/c.jsonl": b'{"id": "c1", "text": "One"}\n{"id": "c2", "text": "Two"}\n',
    })  # fmt: skip
    assert sorted(read_all(packed)) == ["a.md", "c1", "c2", "in/b.html"]
    assert count(packed) == 4  # progress never runs past its end


def test_path_tricks_links_and_archives_within_get_nowhere(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for name in ("../up.md", "/abs.md", "C:\\drive.md", "a/../../b.md", "in\\windows.md", "good.md", "good.md"):
            with pytest.warns(UserWarning) if name == "good.md" and "good.md" in archive.namelist() else nullcontext():
                archive.writestr(name, b"Words of an article.")
        link = zipfile.ZipInfo("link.md")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("more.zip", b"PK")
    found = read_all(tmp_path / "z.zip")
    assert sorted(id for id, item in found.items() if isinstance(item, Draft)) == ["good.md", "in/windows.md"]
    assert reasons(tmp_path / "z.zip") == {
        "../up.md": "its name leads out of the archive",
        "/abs.md": "its name leads out of the archive",
        "C:\\drive.md": "its name leads out of the archive",
        "a/../../b.md": "its name leads out of the archive",
        "good.md": "the same name stands above",
        "link.md": "it is a link",
        "more.zip": "it is an archive inside an archive: unpack it and bring it in by itself",
    }
    assert sorted(file.name for file in tmp_path.iterdir()) == ["z.zip"]


@pytest.mark.parametrize(("limit", "value", "reason"), [
    ("ENTRIES", 1, "it holds more than 1 files"),
    ("LARGEST_WHOLE", 1_000, "unpacked it would be larger than 0 MB"),
    ("BOMB_FROM", 1_000, "it would unpack to more than a hundred times its size, as a zip bomb does"),
])  # fmt: skip
def test_a_zip_that_would_fill_the_disk_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
) -> None:
    packed = make_zip(tmp_path / "z.zip", {"a.md": b"0" * 1_000_000, "b.md": b"1"})
    monkeypatch.setattr(unfolding, limit, value)
    assert reasons(packed) == {"z.zip": reason}


def test_damaged_and_locked_zips_are_told_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    (tmp_path / "no.zip").write_bytes(b"PK nonsense")
    good = make_zip(tmp_path / "a.zip", {"a.md": b"Words that are long enough to be packed " * 9}).read_bytes()
    locked = bytearray(good)
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        place = good.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        locked[place] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    spoilt = bytearray(good)
    spoilt[45] ^= 0xFF
    (tmp_path / "spoilt.zip").write_bytes(spoilt)
    assert reasons(tmp_path / "no.zip") == {"no.zip": "it is not a zip, or it is damaged"}
    assert reasons(tmp_path / "locked.zip") == {"a.md": "it is locked with a password"}
    assert reasons(tmp_path / "spoilt.zip") == {"a.md": "it is damaged"}
    half_read = read(tmp_path / "a.zip")
    next(half_read)
    assert list(private.iterdir())
    half_read.close()
    assert not list(private.iterdir())


@given(st.text(max_size=40))
def test_no_name_leads_out_of_a_folder(name: str) -> None:
    found = clean_name(name)
    root = Path("/private")
    assert found is None or (root / found).resolve().is_relative_to(root)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "a.html"
    file.write_bytes(data)
    (item,) = read(file)
    assert isinstance(item, Draft | Rejected)


@pytest.mark.parametrize(("data", "is_html", "text"), [
    ("Größe — 5 €".encode("cp1252"), False, "Größe — 5 €"),
    ("Закажите лампу до пятницы".encode("cp1251"), False, "Закажите лампу до пятницы"),
    ("\ufeffwide".encode("utf-16"), False, "wide"),
    ("<meta charset='shift_jis'>営業".encode("shift_jis"), True, "<meta charset='shift_jis'>営業"),
    (b"\xef\xbb\xbfmarked", False, "marked"),
])  # fmt: skip
def test_text_is_read_in_its_own_encoding(data: bytes, is_html: bool, text: str) -> None:
    assert decoded(data, is_html=is_html).text.removeprefix("\ufeff") == text


def test_what_is_no_text_is_refused_and_a_guess_is_said(tmp_path: Path) -> None:
    (tmp_path / "noise.txt").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "lie.html").write_bytes(b"<meta charset=utf-8>caf\xe9 ferm\xe9")
    (tmp_path / "wide.csv").write_bytes("id;title;body\n1;Größe;Wörter".encode("utf-16"))
    (tmp_path / "zero.csv").touch()
    found = read_all(tmp_path)
    assert reasons(tmp_path) == {"noise.txt": "it is not text", "zero.csv": "it is empty"}
    guessed, wide = found["lie.html"], found["1"]
    assert isinstance(guessed, Draft)
    assert isinstance(wide, Draft)
    assert (guessed.body, guessed.meta["read as"]) == ("café fermé", "cp1250")
    assert (wide.title, wide.body) == ("Größe", "Wörter")


def test_values_that_mean_nothing_here_are_named() -> None:
    row = {"title": "Refunds", "verify_by": "soon", "audience": "public", "status": "live", "date": "2026-02-30"}
    assert not_understood(row) == ["updated_at “2026-02-30”", "verify_by “soon”", "audience “public”", "state “live”"]
    assert not_understood({"verify_by": "2027-01-31", "audience": "Customer", "state": "draft", "expires": ""}) == []


def test_what_somebody_should_look_at_is_remarked_on() -> None:
    row = {"title": "Refunds", "body": "In five days."}
    odd = row | {"expires": "2026-01-31", "audience": "public", "read as": "cp1250"}
    draft = draft_from(odd, "refunds.md", "refunds.md", "refunds")
    assert isinstance(draft, Draft)
    assert remark_on(draft, date(2026, 1, 30)) == (
        "read as cp1250: look whether its accents are right; not understood: audience “public”"
    )
    assert remark_on(draft, date(2026, 1, 31)).endswith("; expired already, so nobody finds it")
    plain = draft_from(row, "a.md", "a.md", "a")
    assert isinstance(plain, Draft) and remark_on(plain, date(2026, 1, 31)) == ""


def test_a_number_is_no_title(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text('id,body\n17,"**Lamps** can be _mended_ here."\nlamp-care,Dust it.')
    titles = {id: item.title for id, item in read_all(tmp_path).items() if isinstance(item, Draft)}
    assert titles == {"17": "Lamps can be mended here.", "lamp-care": "lamp care"}


def test_what_a_markdown_file_includes_is_read_from_its_own_folder_alone(tmp_path: Path) -> None:
    root = tmp_path / "docs"
    (root / "includes").mkdir(parents=True)
    (tmp_path / "secret.md").write_text("secret")
    (root / "includes" / "roles.md").write_text("---\nms.date: x\n---\nYou need a role.")
    (root / "a.md").write_text(
        "---\ntitle: A\nbring:\n- your ID\n- a pen\nexpires: 2027-01-31\n---\n> [!NOTE] Careful\n\n"
        "[!INCLUDE [roles](includes/roles.md)]\n[!INCLUDE [x](../secret.md)]\n\n"
        "Bring:\n{% include list.html items=page.bring %}\n\n```\n{% raw %} stays {: .x}\n```\n\n[!VIDEO https://v.example/1]\n"
    )
    draft = read_all(root)["a.md"]
    assert isinstance(draft, Draft)
    assert draft.expires_on == date(2027, 1, 31)
    assert "You need a role." in draft.body
    assert "secret" not in draft.body
    assert "- your ID\n- a pen" in draft.body
    assert "{% raw %} stays {: .x}" in draft.body
    assert "**NOTE:** Careful" in draft.body
    assert "[Video](https://v.example/1)" in draft.body


def test_a_snippet_is_left_out_only_where_its_words_stand_in_another_article(tmp_path: Path) -> None:
    (tmp_path / "includes").mkdir()
    for name, words in (("roles", "You need a role. [!INCLUDE [x](inner.md)]"), ("inner", "Or two."), ("alone", "x")):
        (tmp_path / "includes" / f"{name}.md").write_text(words)
    (tmp_path / "includes" / "draft.md").write_text("Only a draft has it.")
    for name in ("a", "b"):
        (tmp_path / f"{name}.md").write_text("Words.\n\n[!INCLUDE [roles](includes/roles.md)]\n")
    (tmp_path / "c.md").write_text("---\ndraft: true\n---\nWords.\n\n[!INCLUDE [x](includes/draft.md)]\n")
    snippets = {item.where: item.number for item in read(tmp_path) if isinstance(item, Included)}
    assert snippets == {"includes/roles.md": 2}
    kept = {"a.md", "b.md", "c.md", "includes/inner.md", "includes/alone.md", "includes/draft.md"}
    assert {item.external_id for item in read(tmp_path) if isinstance(item, Draft)} == kept


@pytest.mark.parametrize(("table", "places", "bodies"), [
    ('1,A,"open\n2,B,two\n3,C,three\n', ["line 2"], ["two", "three"]),
    ('1,A,"open\n2,B,"two\nlines"\n3,C,three\n', ["line 2"], ["two\nlines", "three"]),
    ('1,A,"open,\nmore, words\nof "it" all"\n2,B,two\n', ["line 2"], ["two"]),
    ('1,A,"open\n2,B,"\ntwo"\n3,C,"Mon,\nTue"\n', ["line 2"], ["two", "Mon,\nTue"]),
    ('1,A,"one" word\n2,B,"said "hi", he"\n3,C,"a ""b"""\n,,\n', ["line 3"], ["one word", 'a "b"']),
])  # fmt: skip
def test_a_quote_that_nobody_closed_swallows_no_rows(
    tmp_path: Path, table: str, places: list[str], bodies: list[str]
) -> None:
    (tmp_path / "kb.csv").write_text(f"id,title,body\n{table}")
    found = list(read(tmp_path))
    said = reasons(tmp_path)
    assert list(said) == [f"kb.csv, {place}" for place in places]
    assert all("a quote opens here" in reason for reason in said.values())
    assert [item.body for item in found if isinstance(item, Draft)] == bodies


def test_a_page_says_its_language_and_its_own_heading_is_its_title(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "<html lang=fr-FR><head><title>Retours | Aide</title><link rel=canonical href='https://x.example/r'></head>"
        "<body><nav>menu</nav><main><h1>Retours</h1><p>Sous 45 jours.</p></main><footer>pied</footer></body>"
    )
    (draft,) = read(tmp_path / "page.html")
    assert isinstance(draft, Draft)
    assert (draft.title, draft.language, draft.url) == ("Retours", "fr-fr", "https://x.example/r")
    assert draft.body == "Sous 45 jours."


def test_short_lines_of_a_text_file_stay_lines(tmp_path: Path) -> None:
    (tmp_path / "hours.txt").write_text("Monday 8 to 20\nSunday closed\n\nOne long line " + "of words " * 20)
    assert body(tmp_path / "hours.txt").startswith("Monday 8 to 20\\\nSunday closed\n\nOne long line")


@pytest.mark.parametrize(("name", "path"), [
    ("returns/policy.md", "/returns/policy"),
    ("/returns/policy/", "/returns/policy"),
    ("https://x.example/returns/policy?a=1#top", "/returns/policy"),
    ("Returns/Index.HTML", "/returns"),
    ("a%20b.md", "/a b"),
])  # fmt: skip
def test_one_article_has_one_name_however_it_is_linked(name: str, path: str) -> None:
    assert path_of(name) == path
