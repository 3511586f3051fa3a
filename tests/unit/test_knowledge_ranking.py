from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from knowledge import ranking
from knowledge.highlighting import Part, excerpt, pick_by_meaning, pick_by_words
from knowledge.keywords import MOST_WORDS, content_words, words_in_common
from knowledge.ranking import Evidence

NONE = -np.inf


def scores(*values: float) -> ranking.Scores:
    return np.array(values, np.float32)


@pytest.mark.parametrize(("given", "expected"), [
    (scores(NONE, NONE), [0, 0]),
    (scores(NONE, 3), [0, 1]),
    (scores(2, 1, NONE), [1, 0.5, 0]),
    (scores(), []),
])  # fmt: skip
def test_keyword_scores_count_as_shares_of_the_best(given: ranking.Scores, expected: list[float]) -> None:
    assert ranking.shares(given).tolist() == expected


def test_the_whole_article_is_the_mean_of_its_few_best_passages() -> None:
    places = np.array([0, 1, 0, 0, 1, 0])
    found = ranking.few_best(scores(0.1, 0.5, 0.4, 0.3, 0.7, 0.2), places, 2)
    assert found.tolist() == pytest.approx([0.3, 0.6])


def test_the_longer_a_question_the_more_the_whole_article_counts() -> None:
    assert ranking.weights_for(1) == ranking.weights_for(8) == ranking.OF_SHORT
    assert ranking.weights_for(64) == ranking.weights_for(5_000)
    assert vars(ranking.weights_for(64)) == pytest.approx(vars(ranking.OF_LONG))
    wholes = [ranking.weights_for(words).whole for words in range(1, 100)]
    assert wholes == sorted(wholes)


def test_the_best_come_first_and_equal_ones_in_their_order() -> None:
    assert ranking.best(scores(0.5, NONE, 0.9, 0.5, 0), 3) == [2, 0, 3]
    assert ranking.best(scores(NONE, NONE), 3) == []


def test_words_that_say_nothing_are_left_out_and_a_flood_is_cut() -> None:
    assert content_words("How do I return the LAMP, the lamp?") == ["return", "lamp"]
    assert content_words("how do I") == []
    assert len(content_words(" ".join(f"w{number}" for number in range(10_000)))) == MOST_WORDS


def test_forms_of_a_word_count_as_words_in_common() -> None:
    assert words_in_common(["returned", "candles", "fire"], "Return a candle.") == ["returned", "candles"]


TEXT = "Ask for one photo. Offer 10 to 30 % back. No return is needed. Thank them."


def test_the_sentence_nearest_in_meaning_is_marked_in_its_context() -> None:
    picked = pick_by_meaning(TEXT, [0.1, 0.7, 0.2, 0.1])
    assert excerpt(TEXT, picked or ()) == (
        Part("Ask for one photo. ", False),
        Part("Offer 10 to 30 % back.", True),
        Part(" No return is needed. Thank them.", False),
    )  # fmt: skip


def test_two_neighbours_that_are_about_as_good_read_as_one_mark() -> None:
    picked = pick_by_meaning(TEXT, [0.1, 0.7, 0.68, 0.1])
    assert Part("Offer 10 to 30 % back. No return is needed.", True) in excerpt(TEXT, picked or ())


def test_vectors_of_another_text_mark_nothing() -> None:
    assert pick_by_meaning(TEXT, [0.1, 0.7]) is None


def test_without_a_model_the_sentence_with_most_of_the_words_is_marked() -> None:
    assert pick_by_words(TEXT, ["photos"]) == (0,)
    assert pick_by_words(TEXT, ["zebra"]) == ()


def test_an_excerpt_is_only_ever_made_of_the_passage() -> None:
    long = " ".join(f"Sentence number {number} says something of its own." for number in range(40))
    for place in (0, 20, 39):
        parts = excerpt(long, (place,))
        assert "".join(part.text for part in parts).strip("… ") in long
        assert [part.marked for part in parts].count(True) == 1


SURE = Evidence(likeness=1.0, cosine=0.5, lead=0.3, covered=0.6, expected=0.5)


@pytest.mark.parametrize(
    "change", [{"likeness": 0.6}, {"cosine": 0.1}, {"lead": 0.0}, {"covered": 0.1}, {"expected": 0.7}]
)
def test_confidence_falls_with_every_piece_of_evidence(change: dict[str, float]) -> None:
    assert 0 < ranking.confidence(replace(SURE, **change)) < ranking.confidence(SURE) < 1


def test_nothing_alike_is_not_shown_and_a_near_copy_is() -> None:
    assert ranking.confidence(Evidence(0.2, 0.1, 0.05, 0.0, 0.5)) < ranking.SURE_ENOUGH < ranking.confidence(SURE)


def test_where_everyday_sentences_share_words_with_some_sentence_the_meaning_must_be_near() -> None:
    far = replace(SURE, cosine=0.25)
    prose = {"by_chance": 0.7, "everyday": 0.35}
    assert ranking.confidence(replace(far, **prose)) < ranking.SURE_ENOUGH < ranking.confidence(far)
    assert ranking.confidence(replace(SURE, **prose)) == ranking.confidence(SURE)
    assert ranking.confidence(replace(far, by_chance=0.45, everyday=0.35)) == ranking.confidence(far)
    # Articles about everything answer everyday sentences, too.
    assert ranking.confidence(replace(SURE, by_chance=0.8, everyday=0.5)) == ranking.confidence(SURE)


def test_a_lead_beyond_doubt_counts_no_more_than_a_clear_one() -> None:
    clear = replace(SURE, lead=ranking.MOST_LEAD)
    assert ranking.confidence(replace(SURE, lead=5.0)) == ranking.confidence(clear)
