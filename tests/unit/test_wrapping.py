"""A wrap-up's draft: the talk's own sentences, each where it belongs, and nothing invented."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.interactions.wrapping import Spoken, by_words, codes_of, day_meant, drafted, proposed, sentences

TALK = [
    Spoken(1, False, "Good morning, how can I help you?"),
    Spoken(2, True, "Hello. I would like to return the lamp and get my money back. Is that possible?"),
    Spoken(3, False, "One moment, I'll have a look. I have refunded the amount to your card."),
    Spoken(4, True, "Leave it with my neighbour if I'm not in. Don't ever call me in the evening, I prefer quiet."),
    Spoken(5, False, "I will call you back on Friday."),
    Spoken(6, True, "That's great, thank you for your help."),
]
SUNDAY = date(2026, 11, 22)


def test_each_part_is_of_the_talks_own_sentences() -> None:
    draft = drafted(TALK, None)
    assert [one.turn_id for one in draft.reason] == [2]
    assert draft.resolution[0].text == "I have refunded the amount to your card."
    assert [one.text for one in draft.result] == ["That's great, thank you for your help."]
    assert draft.codes == ()  # without the model none is guessed


def test_what_may_not_be_quoted_is_left_out() -> None:
    draft = drafted(TALK, None, keep=lambda text: "refund" not in text)
    assert "refund" not in str(draft)


def test_promises_and_preferences_are_proposed_and_refusals_are_not() -> None:
    found = [(one.kind, one.sentence.turn_id, one.due, one.category) for one in proposed(TALK, None, SUNDAY)]
    assert found == [("preference", 4, None, "delivery"), ("promise", 5, date(2026, 11, 27), "")]


def test_codes_are_ordered_by_what_the_customer_said() -> None:
    said = sentences(TALK)
    codes = codes_of(said, by_words([one.text for one in said]), by_words)
    assert all(because.by_customer for _, because in codes)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("I'll write today", date(2026, 11, 22)),
        ("You'll hear by Friday", date(2026, 11, 27)),
        ("I'll ring on Sunday", date(2026, 11, 29)),
        ("I will call next week", date(2026, 11, 29)),
        ("I'll call you back", date(2026, 11, 23)),
    ],
)
def test_the_day_that_a_promise_names(text: str, due: date) -> None:
    assert day_meant(text, SUNDAY) == due


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=80)), max_size=8))
def test_nothing_is_invented(said: list[tuple[bool, str]]) -> None:
    turns = [Spoken(number, by_customer, text) for number, (by_customer, text) in enumerate(said)]
    draft = drafted(turns, None)
    for one in (*draft.reason, *draft.resolution, *draft.result):
        assert one.text in turns[one.turn_id].text
