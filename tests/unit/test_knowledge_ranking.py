from __future__ import annotations

import numpy as np
import pytest

from knowledge import ranking
from knowledge.highlighting import Part, excerpt, pick_by_meaning, pick_by_words
from knowledge.keywords import MOST_WORDS, content_words, words_in_common

NONE = -np.inf


def scores(*values: float) -> ranking.Scores:
    return np.array(values, np.float32)


def test_each_search_is_scaled_over_its_own_best_hundred() -> None:
    scaled = ranking.scaled(np.arange(1000, dtype=np.float32))
    assert scaled.max() == 1
    assert scaled[899] == 0
    assert 0 < scaled[901] < scaled[950] < 1


@pytest.mark.parametrize(("given", "expected"), [
    (scores(NONE, NONE), [0, 0]),
    (scores(NONE, 3), [0, 1]),
    (scores(2, 2), [1, 1]),
    (scores(1, 3, 2), [0, 1, 0.5]),
])  # fmt: skip
def test_scaling_at_its_edges(given: ranking.Scores, expected: list[float]) -> None:
    assert ranking.scaled(given).tolist() == expected


def test_meaning_and_words_are_merged_by_weight() -> None:
    merged = ranking.fused(scores(0.2, 0.6, NONE), scores(5, NONE, NONE))
    assert merged.tolist() == pytest.approx([1 - ranking.MEANING, ranking.MEANING, NONE])


def test_a_search_that_did_not_run_leaves_the_whole_weight_to_the_other() -> None:
    nothing = scores(NONE, NONE, NONE)
    assert ranking.fused(nothing, scores(5, 1, NONE)).tolist() == [1, 0, NONE]
    assert ranking.fused(scores(0.5, 0.1, NONE), nothing).tolist() == [1, 0, NONE]


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
    picked = pick_by_meaning(TEXT, scores(0.1, 0.7, 0.2, 0.1))
    assert excerpt(TEXT, picked or []) == (
        Part("Ask for one photo. ", False),
        Part("Offer 10 to 30 % back.", True),
        Part(" No return is needed. Thank them.", False),
    )  # fmt: skip


def test_two_neighbours_that_are_about_as_good_read_as_one_mark() -> None:
    picked = pick_by_meaning(TEXT, scores(0.1, 0.7, 0.68, 0.1))
    assert Part("Offer 10 to 30 % back. No return is needed.", True) in excerpt(TEXT, picked or [])


def test_vectors_of_another_text_mark_nothing() -> None:
    assert pick_by_meaning(TEXT, scores(0.1, 0.7)) is None


def test_without_a_model_the_sentence_with_most_of_the_words_is_marked() -> None:
    assert pick_by_words(TEXT, ["photos"]) == [0]
    assert pick_by_words(TEXT, ["zebra"]) == []


def test_an_excerpt_is_only_ever_made_of_the_passage() -> None:
    long = " ".join(f"Sentence number {number} says something of its own." for number in range(40))
    for place in (0, 20, 39):
        parts = excerpt(long, [place])
        assert "".join(part.text for part in parts).strip("… ") in long
        assert [part.marked for part in parts].count(True) == 1


def test_confidence_rises_with_likeness_and_with_words_in_common() -> None:
    sure = ranking.confidence(0.5, words=4, in_common=3)
    assert sure > ranking.confidence(0.5, words=4, in_common=0) > 0.5
    assert ranking.confidence(0.1, words=4, in_common=0) < 0.5


def test_without_a_telling_word_a_weak_likeness_means_nothing() -> None:
    assert ranking.confidence(0.3, words=0, in_common=0) < 0.5 < ranking.confidence(0.3, words=2, in_common=0)
