"""How much wording two texts share, measured by sketches and counted out."""

from __future__ import annotations

import numpy as np
import pytest

from knowledge.duplicates import WORDING
from knowledge.shingles import most_in_common, runs_of, shared, sketch

ENGLISH = """
A gift card is valid for five years from the day it was bought. It cannot be paid out, and what is left on it stays
there for the next order. Ask for the number on the back before you look it up, and never read it aloud to somebody who
did not buy it. A lost card is replaced once, when the receipt is at hand.
"""
FRENCH = """
Une carte cadeau est valable cinq ans à partir de la date d'achat. Elle ne peut pas être remboursée, et le solde reste
disponible pour la prochaine commande. Demandez le numéro qui figure au dos avant de chercher la carte. Une carte perdue
est remplacée une seule fois, sur présentation du reçu.
"""
CHINESE = """
礼品卡自购买之日起五年内有效。余额不能兑换成现金，剩余的金额会留在卡上，供下次订购时使用。查询之前请客户提供卡背面的号码，
不要把号码念给没有购买这张卡的人听。如果礼品卡丢失，只要出示收据，我们可以补发一次。
"""


def share(first: str, second: str) -> float:
    return float(shared(sketch(first)[None], sketch(second)[None])[0])


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        (ENGLISH, ENGLISH.replace("five", "four").replace("Ask for", "Ask the customer for").replace("once, ", "")),
        (FRENCH, FRENCH.replace("cinq", "quatre").replace("Demandez", "Demandez toujours").replace("seule ", "")),
        (CHINESE, CHINESE.replace("五年", "四年").replace("请客户", "请务必让客户").replace("我们可以", "")),
    ],
)
def test_a_text_that_was_lightly_edited_shares_most_of_its_wording(text: str, edited: str) -> None:
    assert share(text, text) == 1
    assert 2 * WORDING < share(text, edited) < 1
    assert share(text, text.upper().replace(" ", "\n")) == 1  # case, spaces and lines are no wording


@pytest.mark.parametrize(("first", "second"), [(ENGLISH, FRENCH), (FRENCH, CHINESE), (ENGLISH, CHINESE)])
def test_a_translation_shares_next_to_nothing(first: str, second: str) -> None:
    assert share(first, second) < 0.05


def test_a_sketch_knows_what_is_shared_within_its_error() -> None:
    words = [f"{number * 7919 % 100_003:05x}" for number in range(2_000)]
    for kept in (200, 800, 1_400):
        first, second = " ".join(words), " ".join(words[:kept])
        true = len(runs_of(first) & runs_of(second)) / len(runs_of(first) | runs_of(second))
        assert abs(share(first, second) - true) < 0.12


@pytest.mark.parametrize("text", ["", "·", "ab", "\ud800", "four"])
def test_what_is_too_short_shares_nothing(text: str) -> None:
    assert share(text, text) == 0
    assert np.array_equal(sketch(text), sketch(""))


def test_the_excerpts_are_long_texts_that_agree_rather_than_equal_lists_of_links() -> None:
    links = "• Manage my account\n• Verify my identity"
    assert most_in_common([links, ENGLISH], [ENGLISH.replace("five", "six"), links])[0] == ENGLISH
    assert most_in_common([ENGLISH], [CHINESE]) == ("", "")
    assert most_in_common([], []) == ("", "")
