"""A wrap-up's draft: the talk's own sentences, each where it belongs, and nothing invented."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.interactions.coding import Coder, shares
from console.interactions.wrapping import Spoken, by_words, drafted, proposed

TALK = [
    Spoken(1, False, "Good morning, how can I help you?"),
    Spoken(2, True, "Hello. I would like to return the lamp and get my money back. Is that possible?"),
    Spoken(3, False, "One moment, I'll have a look. I have refunded the amount to your card."),
    Spoken(4, True, "Leave it with my neighbour if I'm not in. Don't ever call me in the evening, I prefer quiet."),
    Spoken(5, False, "I will call you back on Friday."),
    Spoken(6, True, "That's great, thank you for your help."),
]


def test_each_part_is_of_the_talks_own_sentences() -> None:
    draft = drafted(TALK, None)
    assert [one.turn_id for one in draft.reason] == [2]
    assert draft.resolution[0].text == "I have refunded the amount to your card."
    assert [one.text for one in draft.result] == ["That's great, thank you for your help."]


def test_what_may_not_be_quoted_is_left_out() -> None:
    draft = drafted(TALK, None, keep=lambda text: "refund" not in text)
    assert "refund" not in str(draft)


def test_promises_and_preferences_are_proposed() -> None:
    found = [(one.kind, one.sentence.turn_id, one.category) for one in proposed(TALK, None)]
    assert found == [("preference", 4, "delivery"), ("promise", 5, "")]


def test_a_code_is_proposed_by_the_customers_words_and_the_articles_and_none_where_it_is_not_clear() -> None:
    coder = Coder(by_words)
    clear = [TALK[0], Spoken(2, True, "How do I return this? I would like to send it back. I need a return label.")]
    code, because = coder.likely(clear, {}, by_words) or ("", None)
    assert code == "return" and because is not None and because.turn_id == 2
    vague = [Spoken(1, True, "I bought the lamp from you."), Spoken(2, False, "I have refunded the amount.")]
    assert coder.likely(vague, {}, by_words) is None
    assert (coder.likely(vague, shares([{"refund": 40}]), by_words) or ("",))[0] == "refund"
    assert coder.likely(vague, shares([{"refund": 1}, {"damaged": 1}]), by_words) is None
    assert coder.likely([TALK[0]], {}, by_words) is None


def test_what_is_refused_for_good_is_a_boundary_and_nothing_else() -> None:
    turns = [
        Spoken(1, True, "Please, no more calls. No problem, I never got the voucher. Don't worry about it."),
        Spoken(2, False, "Please don't send it back."),
        Spoken(3, True, "I don't want any vouchers."),
    ]
    found = [(one.kind, one.sentence.text) for one in proposed(turns, None)]
    assert found == [("boundary", "Please, no more calls."), ("boundary", "I don't want any vouchers.")]
    by_meaning = proposed(turns, None, refuses=lambda texts: ["worry" in text for text in texts])
    assert by_meaning == []  # consoling is no refusal, whatever is heard in it


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=80)), max_size=8))
def test_nothing_is_invented(said: list[tuple[bool, str]]) -> None:
    turns = [Spoken(number, by_customer, text) for number, (by_customer, text) in enumerate(said)]
    draft = drafted(turns, None)
    for one in (*draft.reason, *draft.resolution, *draft.result):
        assert one.text in turns[one.turn_id].text
