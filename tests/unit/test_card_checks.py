"""What may not stand on a card, and how much finds room on it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notes.cards.checks import Situation, check_card, language_of_words
from notes.cards.handwriting import FORMATS, lacking, lay_out, width
from notes.cards.models import Paper
from notes.cards.words import drafted

KNOWN = Situation(known_names=("Rosalind Mercer", "Maya", "Beacon table lamp"), amounts=("95.00",))


def found(line: str, situation: Situation = KNOWN, paper: Paper = Paper.A6) -> list[tuple[str, bool]]:
    def sensitive(text: str) -> list[tuple[str, list[str], bool]]:
        words = {"surgery": True, "limping": False}
        return [("health", [word], is_sure) for word, is_sure in words.items() if word in text]

    body = drafted("Rosalind", line, "Maya", "en").replace("We hope what is in this parcel is just right.", "")
    return [(check.key, check.blocks) for check in check_card(body, paper, situation, sensitive)]


WORDS = [
    ("You told us you love the green Beacon lamp.", []),
    ("", [("empty", True)]),
    ("You said it was worth £40.", [("price", True)]),
    ("You paid 95.00 for it.", [("price", True)]),
    ("Here is 10% off for you.", [("price", True)]),
    ("You asked for a discount on it.", [("price", True)]),
    ("Write to us at help@shop.example.", [("address", True)]),
    ("See www.shop.example for more.", [("address", True)]),
    ("Ring us on 020 7946 0018.", [("number", True)]),
    ("Your card 4111 1111 1111 1111 is kept.", [("number", True)]),
    ("We hope you are well after the surgery.", [("sensitive", True)]),
    ("You told us that you were limping.", [("sensitive", False)]),
    ("You told us that Tom reads until late.", [("names", False)]),
    ("You told us it is a lamp for 2 people.", []),
    ("Vous nous avez dit que la lampe est pour votre chambre.", [("language", False)]),
    ("You told us you love it 🙂 and مريم too.", [("letters", False)]),
]


@pytest.mark.parametrize(("line", "reasons"), WORDS)
def test_words_that_may_not_stand_on_a_card_are_named(line: str, reasons: list[tuple[str, bool]]) -> None:
    assert found(line) == reasons


ABOUT_THEM = [
    ({"complaint": "Arrived scratched"}, ("complaint", True)),
    ({"broken_promise": "Send samples"}, ("promise", True)),
    ({"gone": "The order has left already."}, ("gone", True)),
    ({"no_gifts": True}, ("boundary", False)),
    ({"no_gifts": True, "as_gesture": True}, ("boundary", True)),
    ({"boundaries": ("No cards, please",)}, ("boundary", True)),
    ({"boundaries": ("Does not want any post from us",)}, ("boundary", True)),
    ({"near": (("never mention the wedding", "your wedding"),)}, ("boundary", False)),
    ({"quote_allowed": "It may not be quoted."}, ("consent", True)),
    ({"quote": "Loves GREEN!", "quoted_before": ("loves green",)}, ("again", True)),
    ({"quote": "Has tried eleven greens so far.", "quoted_before": ("eleven greens",)}, ("again", True)),
]


@pytest.mark.parametrize(("line", "price"), [("Only £95.50!", "£95.50"), ("Nur 1.250 € heute", "1.250 €")])
def test_a_price_is_named_whole(line: str, price: str) -> None:
    [check] = [
        one
        for one in check_card(f"Dear Mei,\n{line}\nWarmly,\nMaya", Paper.A6, KNOWN, lambda _: [])
        if one.key == "price"
    ]
    assert f"“{price}”" in check.text


@pytest.mark.parametrize(("facts", "reason"), ABOUT_THEM)
def test_what_is_known_about_them_speaks_against_a_card(facts: dict[str, object], reason: tuple[str, bool]) -> None:
    assert found("You told us you love the green one.", replace(KNOWN, **facts)) == [reason]  # type: ignore[arg-type]


def test_too_long_a_card_says_by_how_many_lines_and_whether_a_larger_one_would_do() -> None:
    long = "You told us you love the green one. " * 16
    [check] = check_card(drafted("Mei", long, "Maya", "en"), Paper.A6, Situation(), lambda _: [])
    assert check.blocks and " too many for A6. Shorten it or choose A5." in check.text
    assert found(long, paper=Paper.A5) == []
    assert [check.key for check in check_card("x" * 5_000, Paper.A5, Situation(), lambda _: [])] == ["length"]


def test_the_language_of_a_few_words_is_told_only_when_it_is_clear() -> None:
    assert language_of_words("Sie haben uns gesagt, dass die Lampe nicht zu hell ist") == "de"
    assert language_of_words("OK, green Beacon lamp") == ""


def test_letters_are_lacking_by_the_font_itself() -> None:
    assert lacking("Łódź, Élise, Тарас – “so”…") == []
    assert lacking("日本 ok 🙂") == ["日", "本", "🙂"]


@given(st.text(max_size=400), st.sampled_from(Paper))
def test_whatever_is_laid_out_keeps_its_letters_its_order_and_its_margins(text: str, paper: Paper) -> None:
    laid, card = lay_out(text, paper), FORMATS[paper]
    assert "".join("".join(line.text.split()) for line in laid.lines) == "".join(text.split())
    for line in laid.lines:
        assert len(line.text) == 1 or width(line.text, laid.size) <= card.width - 2 * card.margin + 0.01
    inside = laid.lines[: len(laid.lines) - laid.over]
    assert all(line.y <= card.height - card.margin for line in inside)
    assert card.smallest <= laid.size <= card.largest
    assert laid.over == 0 or laid.size - card.smallest < 0.5
