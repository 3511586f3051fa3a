"""What is read out of an e-mail file."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notes.mail.reading import Unreadable, read_mail
from notes.mail.text import folded, note_of, text_of_html
from notes.screening import LONGEST_NOTE


def mail(body: str = "The oak is lovely.", **heads: str) -> EmailMessage:
    message = EmailMessage()
    heads = {"From": "Isla Mercer <Isla@Example.com>", "To": "shop@shop.example", "Subject": "Shelf",
             "Date": "Mon, 04 May 2026 10:30:00 +0200", "Message-ID": "<1@example.com>"} | heads  # fmt: skip
    for name, value in heads.items():
        if value:
            message[name.replace("_", "-")] = value
    message.set_content(body)
    return message


def test_sender_time_subject_words_and_files_are_read() -> None:
    message = mail("Grüße 🍵\r\nIsla")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="schrank.png")
    found = read_mail(message.as_bytes())
    assert (found.key, found.sender) == ("<1@example.com>", "isla@example.com")
    assert found.sent_at == datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
    assert found.body == "Shelf\n\nGrüße 🍵\nIsla"
    assert [(file.name, file.content) for file in found.files] == [("schrank.png", b"\x89PNG")]


def test_of_a_forwarded_mail_its_own_writer_stands_first() -> None:
    text = (
        "FYI @dana\n\n---------- Forwarded message ---------\nFrom: Isla <isla@example.com>\nTo: a@b.example\n\nHello"
    )
    found = read_mail(mail(text, From="Maya <maya@shop.example>", To="Dana <dana@shop.example>").as_bytes())
    assert found.groups[:2] == (("isla@example.com",), ("dana@shop.example",))
    outer = mail("see attached", From="maya@shop.example")
    outer.add_attachment(mail("Hello from inside"))
    inner = read_mail(outer.as_bytes())
    assert inner.groups[0] == ("isla@example.com",)
    assert "Hello from inside" in inner.body
    assert inner.files == ()


RAW = b"From: isla@example.com\r\nSubject: x\r\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (RAW + b"Content-Type: text/plain; charset=no-such-thing\r\n\r\nGr\xc3\xbc\xc3\x9fe", "Grüße"),
        (RAW + b"Content-Type: text/plain; charset=utf-8\r\n\r\ncaf\xe9 cr\xe8me \xe0 la carte", "caf"),
        (RAW + b"Content-Type: text/html\r\n\r\n<p>One<br>two</p><script>x()</script><ul><li>three</ul>", "One\ntwo"),
        (RAW + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwords without an end", "words without"),
        (RAW + b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64", "x"),
        (b"From: =?utf-8?q?=FF=FE?= <isla@example.com>\r\nSubject: =?bad?b?@@?= \xff\r\n\r\nhi", "hi"),
        (b"From: isla@example.com\nDate: never\n\nNo line ends, no date", "No line ends"),
    ],
)
def test_wrong_encodings_and_broken_parts_lose_no_mail(data: bytes, words: str) -> None:
    found = read_mail(data)
    assert words in found.body
    assert found.sender == "isla@example.com"
    assert found.key.startswith("sha256:")  # it has no Message-ID
    assert read_mail(data).key == found.key
    assert found.body.encode()  # no half characters


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"just words", b"Subject: x\r\n\r\nno sender", b"From: nobody\r\n\r\nx", b"x" * 25_000_001]
)
def test_what_is_no_mail_says_so(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_mail(data)


@given(st.binary(max_size=600) | st.binary(max_size=300).map(RAW.__add__))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        assert read_mail(data).body.encode() is not None
    except Unreadable as reason:
        assert str(reason)


def test_a_long_mail_is_kept_as_far_as_a_note_holds_it_and_says_so() -> None:
    body = note_of("Subject", "words " * 4000)
    assert len(body) <= LONGEST_NOTE
    assert body.endswith("more characters did not fit.]")
    assert read_mail(mail(f"{'x' * 9_990} 4111 1111 1111 1111").as_bytes()).has_card_number


@pytest.mark.parametrize(
    ("body", "earlier"),
    [
        ("Shelf\n\nYes please.\n\nOn Mon, 4 May 2026, Maya\n<maya@shop.example> wrote:\n> Oak or ash?\n", "On Mon"),
        ("Shelf\n\nJa.\n\nAm 4.5.2026 um 10:00 schrieb Maya:\n> Eiche?", "Am 4.5."),
        ("Shelf\n\nYes.\n\n-----Original Message-----\nFrom: Maya", "-----Original"),
        ("Shelf\n\nYes.\n-- \nIsla Mercer\nLeeds", "--"),
        ("Shelf\n\nYes.\n\n> Oak?\n> Ash?", "> Oak?"),
        ("Shelf\n\nOn Monday she wrote:\n> Oak?\nYes!\n> Ash?\nNo.", ""),  # answers between the questions
        ("Fwd: Shelf\n\nFYI\n\nOn Mon, Isla wrote:\n> Oak", ""),
        ("Shelf\n\nOn Monday I wrote a list.", ""),
        ("On Mon, 4 May, Maya wrote:\n> Oak?", ""),  # nothing else is in it
    ],
)
def test_only_what_was_said_before_is_folded_away(body: str, earlier: str) -> None:
    now, before = folded(body)
    assert before.startswith(earlier) if earlier else before == ""
    assert (now + before).replace("\n", "").replace(" ", "") == body.replace("\n", "").replace(" ", "")


def test_html_becomes_lines_that_a_person_reads() -> None:
    html = "<head><title>t</title><style>p{}</style></head><p>Dear&nbsp;shop,</p>\n<div>5 &lt; 6<br>ok</div></body>"
    assert text_of_html(html) == "Dear shop,\n5 < 6\nok"
