"""What is usual among the articles, and what is foreign to them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from knowledge import chance
from knowledge.background import Background
from knowledge.likeness import Rarity

DICTIONARY = {"how", "long", "does", "a", "return", "take", "my", "parcel", "lamp", "is", "late"}


class Dictionary:
    """An encoder of which only the dictionary is asked."""

    def knows(self, word: str) -> bool:
        return word in DICTIONARY


def background(words: dict[str, int], usual: list[float] | None = None) -> Background:
    encoder: Any = Dictionary()
    mean = np.array(usual or [], np.float32)
    return Background(1, 1, Rarity(1, {}), Counter(words), mean, 0.5, encoder)


ENGLISH = {"return": 50, "parcel": 40, "lamp": 30, "hobnail": 2}


@pytest.mark.parametrize(("question", "is_foreign"), [
    ("how long does a return take", False),
    ("kitna time lagega parcel aane me", True),
    ("my parcel is late yaar", False),  # one strange word
    ("Zorbex Quillon Farnix", True),
    ("is a Zorbex Quillon lamp late", False),  # two names
    ("4821 3377 1000", False),
    ("", False),
])  # fmt: skip
def test_many_words_that_nobody_knows_make_a_question_foreign(question: str, is_foreign: bool) -> None:
    assert background(ENGLISH).is_foreign(question) is is_foreign


def test_where_the_articles_are_in_another_language_no_question_is_foreign() -> None:
    german = background({"lieferung": 40, "dauert": 30, "tage": 30, "lamp": 1})
    assert not german.is_foreign("Wann kommt meine bestellte Lampe")


@pytest.mark.parametrize(("texts", "alike"), [(chance.EVERYDAY, True), (["Xylophone zorbex."], False)])
def test_what_everyday_sentences_find_by_chance_is_measured(texts: list[str], alike: bool) -> None:
    everyday = np.eye(len(chance.EVERYDAY), dtype=np.float32)
    passages = everyday * np.float32(0.3)
    sentences = everyday[: len(texts)] if alike else np.zeros((1, len(everyday)), np.float32)
    found = chance.measured(everyday, passages, sentences, everyday, texts, Rarity(100, {}))
    assert found.cosine == pytest.approx(0.3)
    assert (found.likeness > 1.5) is alike
    assert (found.likeness < 0.1) is not alike
    assert chance.measured(everyday, passages[:0], sentences, everyday, texts, Rarity(1, {})) == chance.NOTHING


def test_what_all_sentences_have_in_common_is_taken_off() -> None:
    centred = background(ENGLISH, usual=[1.0, 0.0]).centred(np.array([[1.0, 1.0], [1.0, -2.0]], np.float32))
    assert centred.tolist() == [[0, 1], [0, -1]]


def test_a_vector_that_is_only_the_usual_stays_finite() -> None:
    assert np.isfinite(background(ENGLISH, usual=[1.0, 0.0]).centred(np.array([[1.0, 0.0]], np.float32))).all()


@pytest.mark.parametrize("usual", [[], [0.3, 0.1, -0.2]])
def test_cosines_of_what_is_centred_need_no_centred_copy(usual: list[float]) -> None:
    rng = np.random.default_rng(1)
    rows, vector = rng.standard_normal((9, 3)).astype(np.float32), rng.standard_normal(3).astype(np.float32)
    known = background(ENGLISH, usual)
    expected = known.centred(rows) @ known.centred(vector[np.newaxis])[0]
    assert known.centred_cosines(rows, vector, rows @ vector).tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    if usual:
        same = np.array(usual, np.float32)
        assert np.isfinite(known.centred_cosines(same[np.newaxis], same, np.array([same @ same]))).all()
