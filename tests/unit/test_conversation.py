"""What a conversation asks; what is heard in it; what was told before; and places that stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
import yaml

from console.assist.live_help import arranged
from console.config import ROOT
from console.interactions.asked_before import question_in, statements_of, told_already
from console.interactions.talk_signals import (
    Ear,
    Earlier,
    Kind,
    as_yaml,
    ordinary,
    read,
    said_again,
    sentences_of,
    shipped,
)
from console.interactions.wrapping import Vectors, by_words
from knowledge.conversation import Line, question_of


def talk(*turns: str) -> list[Line]:
    """ "c: …" the customer, "a: …" the agent."""
    return [Line(turn.startswith("c:"), turn[3:]) for turn in turns]


@pytest.mark.parametrize(("turns", "asked"), [
    (["c: My lamp flickers", "c: and hums"], "My lamp flickers\nand hums"),
    (["c: One lamp", "a: Yes?", "c: Two chairs", "a: Yes?", "c: Three beds are here"],
     "Two chairs\nThree beds are here"),
    (["c: My lamp flickers badly", "a: Let me look.", "c: ok thanks"], "My lamp flickers badly"),
    (["c: I want a lamp for my hall", "a: We have two. The red one or the blue one?", "c: The blue one, please"],
     "I want a lamp for my hall\nThe red one or the blue one?\nThe blue one, please"),
    (["a: Hello, how can I help?", "c: Hi"], ""),
    (["a: Hello"], ""),
    ([], ""),
])  # fmt: skip
def test_a_conversation_asks_its_last_two_bursts_that_say_something(turns: list[str], asked: str) -> None:
    assert question_of(talk(*turns)) == asked


@pytest.mark.parametrize(("found", "shown", "places"), [
    ("abc", "", "abc"),
    ("abc", "abc", "abc"),
    ("cab", "abc", "abc"),  # nothing new: nothing moves
    ("dab", "abc", "abd"),  # the new one stands where one went
    ("db", "abc", "db"),  # fewer: what is left moves up only as far as it must
    ("b", "abc", "b"),
    ("xyz", "abc", "xyz"),
    ("", "abc", ""),
])  # fmt: skip
def test_what_still_fits_keeps_its_place(found: str, shown: str, places: str) -> None:
    assert "".join(arranged(found, shown)) == places


KINDS = [
    Kind("leave", "Wants to leave", "x", "bad", ("cancel my subscription", "close my account"), ("open an account",)),
    Kind("thanks", "Thanks", "x", "good", ("thank you so much", "very kind of you"), is_on=False),
]


def test_a_signal_names_the_words_that_caused_it() -> None:
    text = "Hello there. Please cancel my subscription! My name is Isla."
    [signal] = Ear(KINDS, by_words).try_out(text)
    assert (signal.code, text[signal.begins : signal.ends]) == ("leave", "Please cancel my subscription!")
    assert 0 <= signal.score <= 1


def test_a_kind_that_is_switched_off_is_not_heard_and_any_text_can_be_listened_to() -> None:
    ear = Ear(KINDS, by_words)
    assert ear.try_out("thank you so much") == []
    for text in ("", " ", "?!", "\0", "😀", "word " * 9_000, "." * 9_000):
        assert isinstance(ear.try_out(text), list)
    assert Ear([], by_words).try_out("cancel my subscription") == []


def test_what_is_said_once_more_points_at_the_first_time() -> None:
    before = [Earlier(7, by_words(["the glass shade of my lamp arrived broken"])[0])]
    again = sentences_of("Well. The glass shade of my lamp arrived broken!")
    signal = said_again(again, by_words([one.text for one in again]), before)
    assert signal is not None and (signal.code, signal.again) == ("repeats", 7)
    other = sentences_of("When do you open on a Saturday morning?")
    assert said_again(other, by_words([one.text for one in other]), before) is None


def test_the_shipped_file_is_what_a_supervisor_downloads() -> None:
    kinds = list(shipped())
    assert read(as_yaml(kinds)) == kinds
    assert all(len(kind.examples) >= 12 and len(kind.counter_examples) >= 8 for kind in kinds)
    labelled = yaml.safe_load((ROOT / "tests" / "data" / "talk_signals.yaml").read_text(encoding="utf-8"))
    known = {text.casefold() for kind in kinds for text in (*kind.examples, *kind.counter_examples)}
    known |= {text.casefold() for text in ordinary()}
    assert not known & {text.casefold() for texts in labelled.values() for text in texts}  # measured on others


@pytest.mark.parametrize("text", [
    "", "[]", "a: 1", "thanks: {examples: []}", "thanks: {examples: [1]}", "thanks: {examples: hello}", "a: [",
    "- &a *a", "thanks: {examples: [x], counter_examples: [x]}",
    "thanks: {examples: [" + "x" * 301 + "]}", "[" * 5_000, "\0",
])  # fmt: skip
def test_a_file_with_a_mistake_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"[A-Z“].+\."):
        read(text)


def rows(texts: Sequence[str]) -> Vectors:
    return by_words(texts)


def test_what_was_told_is_found_the_latest_first_and_nothing_sensitive_is_brought_up() -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 5, 3, tzinfo=UTC)
    told = statements_of("utterance", 1, "My order number is 41. Is that right? Yes.", old)
    told += statements_of("note", 2, "My order number is 77. She was in hospital last week.", new)
    assert [one.text for one in told] == ["My order number is 41.", "My order number is 77."]
    asked = rows(["What is the order number now?"])[0]
    found = told_already(asked, told, rows([one.text for one in told]), at_least=0.3)
    assert found is not None and (found[0].kind, found[0].id) == ("note", 2)
    assert told_already(asked, told, rows([one.text for one in told]), at_least=0.99) is None
    assert told_already(asked, [], np.zeros((0, 1), np.float32), at_least=0.3) is None


def test_only_a_question_of_some_words_is_one() -> None:
    assert question_in("I see. What is your order number?") == "What is your order number?"
    assert question_in("I see.") == question_in("Yes?") == question_in("") == ""
