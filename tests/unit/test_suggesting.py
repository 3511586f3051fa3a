"""suggest(): what suits, what is silent, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from console.customers.signals import Signal, SignalKind
from console.empowerment.kinds import GestureKind, Occasion
from console.gestures.situation import Candidate, Given, Liking, Refused, Silence, Situation
from console.gestures.suggesting import suggest
from console.money import Money

NOW = datetime(2026, 5, 14, 10, 0, tzinfo=UTC)
K = GestureKind
BOTH = (Occasion.RECOVERY.value, Occasion.DELIGHT.value)
DELIGHT = (Occasion.DELIGHT.value,)


def pounds(amount: float) -> Money:
    return Money(round(amount * 100), "GBP")


def candidate(
    number: int, kind: GestureKind, name: str, cost: float, worth: float, occasions: tuple[str, ...] = BOTH, *suits: str
) -> Candidate:
    return Candidate(number, number, kind, name, pounds(cost), pounds(worth), occasions, suits)


CALL = candidate(1, K.HUMAN_FOLLOWUP, "A call back from you", 0, 8, (Occasion.RECOVERY.value,))
CARD = candidate(2, K.HANDWRITTEN_CARD, "A handwritten card", 0.90, 9)
CANDLE = candidate(3, K.SAMPLE, "A small Ember candle", 3.80, 11, DELIGHT, "candles")
TEA = candidate(4, K.SAMPLE, "A caddy of green tea", 5.40, 14, DELIGHT, "tea")
EXPRESS = candidate(5, K.EXPEDITED_SHIPPING, "Express delivery, on us", 5.20, 10, (Occasion.RECOVERY.value,))
FIVE = candidate(6, K.CREDIT, "£5 credit", 5, 5)
TEN = candidate(7, K.CREDIT, "£10 credit", 10, 10)
ASSEMBLY = candidate(8, K.UPGRADE, "Furniture assembly", 22, 50)
CATALOGUE = [CALL, CARD, CANDLE, TEA, EXPRESS, FIVE, TEN, ASSEMBLY]

LATE = Signal(SignalKind.LATE_DELIVERY, "Delivery 4 days late", "order 48213 came 4 days late", NOW, {"order": 12})
COMPLAINT = Signal(SignalKind.OPEN_COMPLAINT, "Open complaint", "there is an open complaint", NOW, {"complaint": 3})
BIRTHDAY = Signal(SignalKind.BIRTHDAY, "Birthday tomorrow", "a birthday tomorrow", NOW)
BASKET = Signal(SignalKind.ABANDONED_CART, "Basket left", "a basket was left", NOW)
NO_GIFTS = Refused("no_gifts", id=1)


def situation(**given: Any) -> Situation:
    given = {"room": pounds(10), "typical": pounds(5.20)} | given
    return Situation(called="Isla", now=NOW, local_time=given.pop("local_time", time(11)), **given)


def names(**given: Any) -> list[str]:
    return [item.candidate.name for item in suggest(CATALOGUE, situation(**given)).items]


def test_without_a_failure_or_an_occasion_a_thank_you_fits() -> None:
    advice = suggest(CATALOGUE, situation(likings=[Liking("tea", "stated")]))
    assert advice.items == ()
    assert advice.sentence == "No gesture needed; a sincere thank-you fits."


def test_a_basket_left_behind_is_answered_once_in_half_a_year_lest_leaving_one_pays() -> None:
    tea = Liking("tea", "stated")
    for days, found in ((200, ["A caddy of green tea"]), (179, [])):
        given = Given(CARD.gesture_id, CARD.kind, CARD.name, NOW - timedelta(days=days))
        assert names(signals=[BASKET], likings=[tea], history=[given]) == found
    # A weak reason: it carries neither what they do not like nor what they like but does not answer it.
    tree = candidate(9, K.DONATION, "A tree in your name", 0, 8, DELIGHT, "garden")
    call = replace(CALL, occasions=DELIGHT)
    moment = situation(signals=[BASKET], likings=[Liking("the garden", "stated")])
    assert suggest([*CATALOGUE, tree, call], moment).items == ()
    good = suggest([tree, call], situation(signals=[BIRTHDAY], likings=[Liking("the garden", "stated")])).items
    assert [item.candidate for item in good] == [tree]  # a free call answers no birthday


def test_a_first_order_is_welcomed_with_a_card_and_a_sample_of_what_they_bought() -> None:
    first = Signal(SignalKind.FIRST_ORDER, "First order 4 days ago", "the first order was placed 4 days ago", NOW)
    assert names(signals=[first]) == ["A handwritten card"]
    lately = Liking("Ember candle (Candles)", "bought", 7)
    assert names(signals=[first], likings=[lately]) == ["A small Ember candle", "A handwritten card"]
    scores = [
        suggest([CANDLE], situation(signals=[first], likings=[replace(lately, weight=weight)])).items[0].score
        for weight in (1.0, 0.25)
    ]
    assert scores[0] > scores[1]  # what was bought a year ago says less


def test_no_gifts_leaves_nothing_but_an_explanation() -> None:
    advice = suggest(CATALOGUE, situation(signals=[BIRTHDAY], refusals=[NO_GIFTS]))
    assert (advice.items, advice.silence) == ((), Silence.NO_GIFTS)
    assert advice.sentence == "Isla asked for no gifts; a sincere thank-you fits."


def test_no_gifts_after_a_failure_leaves_the_free_call_back() -> None:
    advice = suggest(CATALOGUE, situation(signals=[LATE], refusals=[NO_GIFTS]))
    assert [item.candidate for item in advice.items] == [CALL]
    assert "no gifts" in advice.sentence


@pytest.mark.parametrize(
    ("refusal", "clock", "is_left"),
    [
        (Refused("no_calls_after", after=time(18)), time(17, 59), True),
        (Refused("no_calls_after", after=time(18)), time(18), False),
        (Refused("no_calls_after", after=time(18)), time(0, 30), False),
        (Refused("no_calls_after", after=time(18)), time(8), True),
        (Refused("other", "Please don't call me at work"), time(11), False),
        (Refused("other", "No calls, e-mail only"), time(11), False),
        (Refused("other", "Never leave an order with the neighbour"), time(11), True),
    ],
)
def test_a_call_back_respects_what_they_said_about_calls(refusal: Refused, clock: time, is_left: bool) -> None:
    found = names(signals=[LATE], refusals=[NO_GIFTS, refusal], local_time=clock)
    assert (CALL.name in found) is is_left


@pytest.mark.parametrize("failure", [LATE, COMPLAINT])
def test_after_a_failure_only_recovery_is_suggested(failure: Signal) -> None:
    advice = suggest(CATALOGUE, situation(signals=[BIRTHDAY, failure], likings=[Liking("tea and candles", "stated")]))
    assert advice.occasion is Occasion.RECOVERY
    assert advice.items
    assert all(Occasion.RECOVERY.value in item.candidate.occasions for item in advice.items)


def test_a_late_delivery_is_answered_by_what_is_about_delivery() -> None:
    assert names(signals=[LATE])[0] == EXPRESS.name


def test_at_most_three_and_never_two_of_a_kind() -> None:
    for signals in ([LATE], [COMPLAINT, LATE], [BIRTHDAY]):
        items = suggest(CATALOGUE, situation(signals=signals, room=pounds(50))).items
        kinds = [item.candidate.kind for item in items]
        assert len(kinds) <= 3
        assert len(set(kinds)) == len(kinds)


def test_only_what_fits_inside_the_limits_is_suggested() -> None:
    items = suggest(CATALOGUE, situation(signals=[COMPLAINT], room=pounds(4.99))).items
    assert items
    assert all(item.candidate.cost <= pounds(4.99) for item in items)


def test_when_nothing_is_left_only_what_is_free_remains() -> None:
    assert names(signals=[LATE], room=pounds(0)) == [CALL.name]
    advice = suggest([FIVE, TEN], situation(signals=[LATE], room=pounds(0)))
    assert (advice.items, advice.silence) == ((), Silence.NOTHING_FITS)


def test_of_two_that_are_equally_good_the_smaller_goes_first() -> None:
    small, large = candidate(1, K.CREDIT, "small", 4, 6), candidate(2, K.FEE_WAIVER, "large", 5, 7.5)
    items = suggest([large, small], situation(signals=[COMPLAINT])).items
    assert [item.candidate.name for item in items] == ["small", "large"]
    assert abs(items[0].score - items[1].score) <= 5


def test_a_preference_brings_its_gesture_and_says_so_with_its_evidence() -> None:
    items = suggest(CATALOGUE, situation(signals=[BIRTHDAY], likings=[Liking("Green tea, no milk", "stated", 7)])).items
    assert TEA not in [item.candidate for item in items]  # "no milk" reads as a refusal: better nothing than wrong
    items = suggest(CATALOGUE, situation(signals=[BIRTHDAY], likings=[Liking("Drinks green tea", "stated", 7)])).items
    tea = next(item for item in items if item.candidate is TEA)
    assert "Isla likes: Drinks green tea." in tea.why
    assert {"preference": 7} in [clause.evidence for clause in tea.clauses]


def test_an_inferred_liking_is_worded_seems_to() -> None:
    items = suggest(CATALOGUE, situation(signals=[BIRTHDAY], likings=[Liking("candles", "inferred", 7)])).items
    assert any("seems to like" in item.why for item in items)


@pytest.mark.parametrize(
    "given",
    [
        {"refusals": [Refused("other", "Nothing scented: asthma, no candles")]},
        {"likings": [Liking("Allergic to candles and perfume", "stated")]},
    ],
)
def test_what_they_cannot_have_is_left_out(given: dict[str, Any]) -> None:
    assert CANDLE.name not in names(signals=[BIRTHDAY], **given)


def test_reasons_begin_with_what_happened_and_carry_its_evidence() -> None:
    first = suggest(CATALOGUE, situation(signals=[LATE])).items[0]
    assert first.why.startswith("Order 48213 came 4 days late.")
    assert first.clauses[0].evidence == {"signal": "late_delivery", "order": 12}


@pytest.mark.parametrize(("days", "is_left_out"), [(89, True), (91, False)])
def test_the_same_gesture_is_not_suggested_again_within_90_days(days: int, is_left_out: bool) -> None:
    history = [Given(EXPRESS.gesture_id, EXPRESS.kind, EXPRESS.name, NOW - timedelta(days=days))]
    assert (EXPRESS.name not in names(signals=[LATE], history=history)) is is_left_out


@pytest.mark.parametrize(("days", "is_left_out"), [(6, True), (8, False)])
def test_a_free_call_back_may_be_promised_again_after_a_week(days: int, is_left_out: bool) -> None:
    history = [Given(CALL.gesture_id, CALL.kind, CALL.name, NOW - timedelta(days=days))]
    assert (CALL.name not in names(signals=[LATE], history=history)) is is_left_out


def test_a_thing_made_for_somebody_else_is_left_out() -> None:
    pot = candidate(9, K.ADDON, "A clay pot", 4, 18, BOTH, "plants", "milestone_order")
    assert not suggest([pot], situation(signals=[BIRTHDAY])).items
    assert suggest([pot], situation(signals=[BIRTHDAY], likings=[Liking("house plants", "observed")])).items
    (item,) = suggest([pot], situation(signals=[BIRTHDAY], likings=[Liking("Boston fern (Plants)", "bought", 4)])).items
    assert "Isla bought: Boston fern (Plants)." in item.why


def test_what_answers_everything_that_went_wrong_beats_what_answers_one_thing() -> None:
    candle = candidate(9, K.SAMPLE, "A candle", 3.80, 11, BOTH, "late_delivery")  # a fact alone is fine
    promise = Signal(SignalKind.BROKEN_PROMISE, "Promise overdue", "we did not keep a promise", NOW)
    items = suggest([candle, FIVE], situation(signals=[COMPLAINT, promise, LATE])).items
    assert items[0].candidate is FIVE


def test_what_they_declined_lately_is_not_suggested_again() -> None:
    history = [Given(EXPRESS.gesture_id, EXPRESS.kind, EXPRESS.name, NOW - timedelta(days=5), was_declined=True)]
    assert EXPRESS.name not in names(signals=[LATE], history=history)


def test_after_three_gestures_in_90_days_delight_falls_silent_but_recovery_does_not() -> None:
    history = [Given(90 + n, K.DONATION, "A tree", NOW - timedelta(days=10 + n)) for n in range(3)]
    advice = suggest(CATALOGUE, situation(signals=[BIRTHDAY], history=history))
    assert (advice.items, advice.silence) == ((), Silence.TIRED)
    assert "3 gestures in the last 90 days" in advice.sentence
    assert names(signals=[LATE], history=history)


def test_recent_gestures_make_another_less_likely() -> None:
    def score(history: list[Given]) -> int:
        return next(i.score for i in suggest([CARD], situation(signals=[BIRTHDAY], history=history)).items)

    assert score([Given(99, K.DONATION, "A tree", NOW - timedelta(days=30))]) < score([])


def test_the_same_situation_gives_the_same_list_whatever_the_order_of_the_catalogue() -> None:
    here = situation(signals=[COMPLAINT, LATE])
    assert suggest(CATALOGUE, here) == suggest(CATALOGUE[::-1], here)


def test_every_item_carries_its_propensity() -> None:
    assert {item.propensity for item in suggest(CATALOGUE, situation(signals=[LATE])).items} == {1.0}
