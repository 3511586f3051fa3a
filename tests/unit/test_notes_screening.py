"""What may stand in a note, and how two versions are compared."""

from __future__ import annotations

import pytest

from console.card_numbers import holds_card_number
from notes.comparing import Piece, compare
from notes.screening import LONGEST_NOTE, fault_in_note, fault_in_promise, tidy


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "Card 4111 1111 1111 1111, exp 12/29",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "amex 3782 822463 10005.",
        "4222222222222",  # 13 digits
        "6304000000000000000",  # 19 digits
        "her order 48213 5555 5555 5555 4444",  # other digits stand before it
        "4111 1111 1111 1111 123",  # and after it
        "4111\u00a01111\u00a01111\u00a01111",
        "4111  1111 - 1111 – 1111",
        "4111\u200b1111\u202f1111 \u200b1111",  # as a page shows it in groups
    ],
)
def test_a_card_number_is_seen_however_it_is_written(text: str) -> None:
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4111 1111 1111 1112",  # fails the check
        "Call 07700 900123 after six",
        "+44 7700 900123",
        "Order 48213 and order 48217",
        "0000000000000000",
        "411111111111",  # 12 digits
        "41111111111111111111",  # 20 digits
        "4111 1111, then 1111 1111",
        "4111 1111\n1111 1111",  # two numbers
        "4111    1111    1111    1111",  # four columns
        "٤١١١١١١١١١١١١١١١",  # not ASCII: nobody types a card so
    ],
)
def test_other_numbers_are_let_through(text: str) -> None:
    assert not holds_card_number(text)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "Write the note first."),
        ("x" * (LONGEST_NOTE + 1), "10,001 characters"),
        ("Pays with 4111 1111 1111 1111", "card number"),
    ],
)
def test_a_fault_is_told_in_a_sentence(body: str, words: str) -> None:
    assert words in (fault_in_note(body) or "")


def test_a_note_of_exactly_the_longest_length_is_kept() -> None:
    assert fault_in_note("x" * LONGEST_NOTE) is None
    assert fault_in_promise("x" * 301) is not None


def test_tidying_keeps_the_words_and_drops_what_cannot_be_read() -> None:
    assert tidy("  one\r\ntwo\rthree\x00\x07 \n") == "one\ntwo\nthree"
    assert tidy(None) == ""
    assert tidy("مرحبا 👋\tok") == "مرحبا 👋\tok"


def test_versions_are_compared_word_by_word() -> None:
    assert compare("likes green tea", "likes black tea") == [
        Piece("same", "likes "),
        Piece("taken", "green"),
        Piece("added", "black"),
        Piece("same", " tea"),
    ]


@pytest.mark.parametrize(
    ("before", "after"), [("", "new words"), ("old words", ""), ("a\n\nb", "a b"), ("same", "same")]
)
def test_both_versions_can_be_read_back_from_the_comparison(before: str, after: str) -> None:
    pieces = compare(before, after)
    assert "".join(piece.text for piece in pieces if piece.change != "added") == before
    assert "".join(piece.text for piece in pieces if piece.change != "taken") == after
