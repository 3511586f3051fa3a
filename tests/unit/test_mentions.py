"""Whom an @name means."""

from __future__ import annotations

import pytest

from notes.beside.mentions import Mentioned, Person, namings, pieces

PEOPLE = [
    Person(1, "Maya Kerr", "maya"),
    Person(2, "Maya Okafor", "maya.okafor"),
    Person(3, "José Ruiz", "jr"),
    Person(4, "Dana Osei", "dana"),
    Person(5, "ليلى حداد", "layla"),
]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Ask @dana, please", [("@dana", [4])]),
        ("@DANA: and (@jose) know", [("@DANA", [4]), ("@jose", [3])]),
        ("@maya knows", [("@maya", [1, 2])]),  # by first name and by login alike
        ("@Maya Okafor's idea", [("@Maya Okafor", [2])]),
        ("@maya.okafor.", [("@maya.okafor", [2])]),
        ("@Maya\nKerr", [("@Maya\nKerr", [1])]),
        ("@ليلى تعرف", [("@ليلى", [5])]),
        ("Straße @jr 🍵 @dana!", [("@jr", [3]), ("@dana", [4])]),
        ("write to isla@dana.example or x@dana", []),
        ("@dana@shop.example @danas @dana-lee @dana_x @dana.lee", []),
        ("shop.example/@dana @ dana @nobody @", []),
    ],
)
def test_an_at_sign_and_a_name_mean_whoever_is_called_so(text: str, meant: list[tuple[str, list[int]]]) -> None:
    found = namings(text, PEOPLE)
    assert [(text[one.begins : one.ends], [person.id for person in one.people]) for one in found] == meant


def test_a_text_is_cut_up_for_showing_without_losing_a_sign() -> None:
    text = "Tell @Dana Osei <b>now</b>, ﬁne @jr"
    cut = pieces(text, PEOPLE)
    assert "".join(words for words, _ in cut) == text
    assert [words for words, is_name in cut if is_name] == ["@Dana Osei", "@jr"]


def test_the_writer_is_told_who_was_told_and_who_was_not() -> None:
    assert str(Mentioned(("Dana Osei", "José Ruiz"))) == "Dana Osei and José Ruiz are told."
    assert "nobody was told" in str(Mentioned(unclear=("@maya",)))
    assert str(Mentioned()) == ""
