"""A question in plain words, its typing errors mended, and how much it shares with a sentence."""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.keywords import stem
from knowledge.likeness import Rarity, Wording, covered, told_by, wordings
from knowledge.questions import MOST_WORDS, Speller, asked_last, plain, rarest

ENGLISH = {"powder", "charge", "trail", "heard"}
SPELLER = Speller(
    Counter({"mattress": 9, "order": 30, "trial": 5, "change": 7, "delivery": 8, "café": 2}), ENGLISH.__contains__
)
RARITY = Rarity(100, {stem("lamp"): 3, stem("order"): 60, stem("break"): 2})


@pytest.mark.parametrize(("asked", "about"), [
    ("Hi, where is my parcel?", "where is my parcel?"),
    ("good morning sir, I want to cancel pls", "I want to cancel"),
    ("𝓬𝓪𝓷𝓬𝓮𝓵 my order", "cancel my order"),
    ("Hello", ""),
    ("Please help", "help"),
    ("Hello there, how are you today?", ""),
    ("How are you? My parcel is late. Thanks, have a great day!", "My parcel is late"),
    ("I hope you're doing well. Where is my order, please?", "Where is my order"),
    ("How are you sending it?", "How are you sending it?"),
    ("Have a nice weekend", ""),
    ("Do you have a nice day bed?", "Do you have a nice day bed?"),
    ("a" + " " * 19_000 + "please" + "." * 900 + "x", "a" + " " * 19_000 + "please" + "." * 900 + "x"),
    ("history of my orders", "history of my orders"),
    ("okapi plush toy", "okapi plush toy"),
])  # fmt: skip
def test_greetings_and_thanks_are_not_part_of_a_question(asked: str, about: str) -> None:
    assert plain(asked) == about


@pytest.mark.parametrize(("typed", "mended"), [
    ("matress", "mattress"),
    ("My ordeer!", "My order!"),
    ("dilivery tomorrow", "delivery tomorrow"),
    ("powder", "powder"),  # English, though nobody here writes of it
    ("charges", "charges"),  # a form of an English word
    ("trail", "trail"),
    ("ordr", "ordr"),  # too short to be sure
    ("XJ-2040", "XJ-2040"),
    ("Hirokeen", "Hirokeen"),  # a name that is like nothing
])  # fmt: skip
def test_typing_errors_are_mended_by_the_words_of_the_articles_alone(typed: str, mended: str) -> None:
    assert SPELLER.mended(typed) == mended


def test_a_word_that_is_being_typed_is_left_alone() -> None:
    assert SPELLER.mended("matress deliver", but_last=True) == "mattress deliver"
    assert SPELLER.mended("a matress", but_last=True) == "a matress"


def test_a_word_that_was_met_too_seldom_mends_nothing() -> None:
    assert Speller(Counter({"mattress": 2}), ENGLISH.__contains__, at_least=5).mended("matress") == "matress"


@given(st.text())
def test_any_text_is_a_question(text: str) -> None:
    assert isinstance(SPELLER.mended(plain(text)), str)


def wording(text: str) -> Wording:
    return wordings([text], RARITY)[0]


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_is_shared_lies_between_nothing_and_all_and_is_mutual(one: str, other: str) -> None:
    first, second = wording(one), wording(other)
    assert -1e-9 <= first.shared_words(second) <= 1 + 1e-9
    assert first.shared_words(second) == pytest.approx(second.shared_words(first))
    of_each, back = first.shared_parts([wording(""), second, first]), second.shared_parts([first])
    assert of_each[0] == 0 and -1e-9 <= of_each[1] <= 1 + 1e-9
    assert of_each[1] == pytest.approx(back[0])
    assert of_each[2] == pytest.approx(1.0 if re.search(r"[^\W_]", one) else 0.0)


def test_a_rare_word_in_common_says_more_than_a_frequent_one() -> None:
    asked = wording("my lamp order")
    assert asked.shared_words(wording("a lamp")) > asked.shared_words(wording("an order"))


def test_parts_of_words_forgive_a_typing_error() -> None:
    asked = wording("cancle")
    assert asked.shared_words(wording("cancel")) == 0
    cancel, deliver = asked.shared_parts([wording("cancel"), wording("deliver")])
    assert cancel > 0.3 > deliver


def test_a_part_that_is_there_twice_counts_less_than_double() -> None:
    once, twice = wording("lamp"), wording("lamp lamp")
    (alone,) = wording("lamp shade").shared_parts([once])
    (double,) = wording("lamp shade").shared_parts([twice])
    assert alone == pytest.approx(double)  # a whole text said twice says the same
    assert twice.parts_length == pytest.approx(once.parts_length * (1 + math.log(2)))


def test_covered_is_a_matter_of_what_tells_something() -> None:
    lamp, both = told_by(["lamp"], RARITY), told_by(["lamp", "break"], RARITY)
    assert told_by(["lamp", "the", "lamp"], RARITY) == lamp
    assert covered(lamp, ["a lamp"]) == covered(lamp, ["an order", "lamps, ordered"]) > 0.5
    assert covered(both, ["a lamp"]) < covered(both, ["a lamp", "it breaks"])
    assert covered(told_by([], RARITY), ["a lamp"]) == covered(lamp, []) == 0


@pytest.mark.parametrize(("text", "asked"), [
    ("agent: Hello!\ncustomer: I bought a lamp.\nagent: And?\ncustomer: It broke.\ncustomer: Can I send it back?\n"
     "agent: One moment", "I bought a lamp.\nIt broke.\nCan I send it back?"),
    ("Ann: hi\nBob: yes?\nAnn: one\nBob: two\nAnn: three", "one\nthree"),
    ("Order: 12\nItem: a lamp\nColour: blue", "Order: 12\nItem: a lamp\nColour: blue"),
    ("Two things. First: a lamp. First: a bulb. Second: a wire.",) * 2,
    ("", ""),
])  # fmt: skip
def test_of_a_pasted_conversation_the_customers_last_turns_are_asked(text, asked):
    assert asked_last(text) == asked


def test_of_many_words_the_rarest_are_looked_for_in_their_order():
    common = [f"lamp{number}" for number in range(MOST_WORDS)]
    rarity = Rarity(100, {stem(word): 3 for word in common})
    assert rarest([*common, "valve", "gasket"], rarity, 100) == [*common[: MOST_WORDS - 2], "valve", "gasket"]
