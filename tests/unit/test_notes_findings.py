"""What a note is found to say, and what is pointed out in it: the rules, without a model and without a database."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.interactions.talk_signals import Kind
from console.interactions.wrapping import by_words
from notes.findings import recognising as findings
from notes.findings import sensitive
from notes.findings.recognising import Finder, boundary_meant, clauses_of, pieces_of
from notes.findings.sensitive import Remark, account_numbers, mark_of, remarks_on

LIKES = Kind("preference", "", "", "", ("Prefers evening deliveries.", "Loves dark wood."), ("Ordered dark wood.",))
REFUSES = Kind("boundary", "", "", "", ("No more gifts please.", "No gifts, prefers evening deliveries."))
SMALL = Finder([LIKES, REFUSES], ["Called about the delivery.", "Parcel was damaged."], by_words)


def test_a_sentence_may_be_of_several_kinds_and_says_where_it_stands() -> None:
    note = "Called about the delivery.\n- Prefers evening deliveries. No more gifts please!\nParcel was damaged."
    found = SMALL.find(note)
    assert [(one.kind, note[one.piece.begins : one.piece.ends]) for one in found] == [
        ("preference", "Prefers evening deliveries."),
        ("boundary", "No more gifts please!"),
    ]
    both = SMALL.find("Parcel was damaged, so prefers evening deliveries; no more gifts please")
    assert {one.kind for one in both} == {"preference", "boundary"}


def test_a_question_and_a_kind_that_is_off_say_nothing() -> None:
    assert SMALL.find("Prefers evening deliveries?") == []
    assert Finder([Kind("boundary", "", "", "", REFUSES.examples, is_on=False)], [], by_words).find("No gifts") == []


def test_sentences_are_cut_as_notes_are_written() -> None:
    note = "Reason: late.\n* Mr. Ito rang at 17.30, e.g. about oak\n[ ] call back\n2) ok…\n\n🎂\n--- ☕ Tea!"
    assert [one.text for one in pieces_of(note)] == [
        "late.", "Mr. Ito rang at 17.30, e.g. about oak", "call back", "ok…", "Tea!"
    ]  # fmt: skip
    assert all(note[one.begins : one.ends] == one.text for one in pieces_of(note))
    assert clauses_of("Works nights at the ward, so never ring before noon") == [
        "Works nights at the ward", "never ring before noon"
    ]  # fmt: skip


@given(st.text(max_size=400))
def test_whatever_is_written_is_cut_into_pieces_of_it(text: str) -> None:
    for one in pieces_of(text):
        assert text[one.begins : one.ends][: len(one.text)] == one.text


@pytest.mark.parametrize(
    ("text", "kind", "after"),
    [
        ("please no more gifts", "no_gifts", None),
        ("Don't ring me after six", "no_calls_after", time(18)),
        ("No calls after 18:30, that is family time", "no_calls_after", time(18, 30)),
        ("never phone after 9 pm", "no_calls_after", time(21)),
        ("no calls after 20", "no_calls_after", time(20)),
        ("No calls after work", "other", None),
        ("No newsletter", "other", None),
    ],
)
def test_what_a_boundary_refuses_is_understood(text: str, kind: str, after: time | None) -> None:
    assert boundary_meant(text) == (kind, after)


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("Her mother has cancer.", ["Health"]),
        ("Pay to GB82 WEST 1234 5698 7654 32 please", ["An account number"]),
        ("GB82 WEST 1234 5698 7654 33, order 12345678, call 020 7946 0958", []),
        ("Account no. 12345678", ["An account number"]),
        ("He is a moron and a Muslim", ["Religion", "Insult"]),
        ("Hearing aids ordered for the church hall", []),
        ("Ordered blood orange candles", []),
    ],
)
def test_sensitive_words_and_numbers_are_pointed_out(text: str, topics: list[str]) -> None:
    assert [one.topic for one in remarks_on(text, sensitive.shipped())] == topics


def test_what_is_pointed_out_names_the_words_and_marks_them() -> None:
    remarks = remarks_on("She has diabetes.", sensitive.shipped())
    assert remarks == [Remark("Health", "diabetes")]
    assert mark_of(remarks) != mark_of([Remark("Health", "cancer")])
    assert mark_of([]) == ""
    assert account_numbers("DE89 3704 0044 0532 0130 00 and thanks") == ["DE89 3704 0044 0532 0130 00"]
    topics = sensitive.shipped()
    finder = Finder(topics, sensitive.ordinary(), by_words, sensitive.wording_of(topics))
    found = remarks_on("Quote sent. Was in hospital for an operation again.", topics, finder)
    assert found == [Remark("Health", "Was in hospital for an operation again.")]


def test_the_shipped_files_can_be_read_and_contradict_themselves_nowhere() -> None:
    assert [kind.code for kind in findings.shipped()] == ["preference", "boundary", "promise", "fact"]
    assert [kind.code for kind in sensitive.shipped()] == ["health", "religion", "politics", "insult", "secret"]
    for file in (findings, sensitive):
        for kind in file.shipped():
            assert not set(kind.examples) & set(file.ordinary())
