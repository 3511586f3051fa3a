"""A policy read aloud, two versions compared, and what the checks find."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.empowerment.checking import Level, Offering, Surroundings, check, errors
from console.empowerment.comparing import differences, headline
from console.empowerment.fields import CUSTOMER
from console.empowerment.policy import Approval, Body, Choice, Kind, Limit, Measure, Policy, Scope, Who
from console.empowerment.rules import Rule, read_rule
from console.empowerment.sentences import Names, plain, sentence, terms
from console.empowerment.windows import Hours, Window

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EACH = Limit(Scope.GESTURE, Measure.COST, Window.EACH, 1500)
TALK = Limit(Scope.INTERACTION, Measure.COST, Window.INTERACTION, 2000)
CUSTOMER_90 = Limit(Scope.CUSTOMER, Measure.COST, Window.ROLLING, 3000, days=90)
DAY = Limit(Scope.AGENT, Measure.COST, Window.DAY, 6000)
NAMES = Names(teams={1: "Studio"}, people={7: "Maya Kerr"}, gestures={3: "A small candle"})
CATALOGUE = (
    Offering(1, "addon", "A clay pot", "GBP", 840, 2100),
    Offering(2, "credit", "£10 credit", "GBP", 1000, 1000, cash_like=True),
    Offering(3, "sample", "A small candle", "GBP", 380, 900),
)
AROUND = Surroundings(offerings=CATALOGUE, givers=3, customers=40, channels=("phone", "chat"), names=NAMES)


def rule(*conditions: dict[str, Any]) -> Rule:
    return read_rule({"all": list(conditions)}, CUSTOMER)


REGULARS = rule(
    {"field": "tier", "op": "in", "value": ["silver", "gold"]},
    {"field": "last_gesture_at", "op": "not_within", "value": 90},
)


def body(*limits: Limit, **given: Any) -> Body:
    given = {"who": Who(roles=("sales",))} | given
    return Body("GBP", "Europe/London", limits=limits or (EACH, DAY), **given)


def read(kind: Kind, one: Body) -> str:
    return plain(sentence(kind, one, NAMES))


def test_a_policy_reads_as_the_sentence_that_a_supervisor_would_say() -> None:
    extras = body(gestures=Choice(kinds=("addon",)), customers=REGULARS)
    assert read(Kind.GRANT, extras) == (
        "Sales staff may offer add-ons up to £15 each and £60 a day"
        " to silver or gold customers without a gesture in 90 days."
    )


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (body(who=Who(roles=("agent", "sales"), teams=(1,))), "Agents and sales staff in Studio may offer any gesture"),
        (body(who=Who(agents=(7,)), gestures=Choice(gestures=(3,))), "Maya Kerr may offer “A small candle” up to"),
        (body(who=Who(roles=("agent",), except_agents=(7,))), "Agents, but not Maya Kerr, may offer"),
        (
            body(gestures=Choice(kinds=("credit", "sample"), without=(3,))),
            "credits and samples except “A small candle”",
        ),
        (body(channels=("phone", "chat")), "£60 a day by phone or chat."),
        (body(CUSTOMER_90, TALK), "up to £30 to one customer in 90 days and £20 in one conversation."),
        (body(replace(DAY, scope=Scope.POOL, window=Window.MONTH)), "up to £60 for everybody together a month."),
        (body(replace(DAY, measure=Measure.COUNT, cap=3)), "up to 3 gestures a day."),
    ],
)
def test_each_part_has_its_words(one: Body, words: str) -> None:
    assert words in read(Kind.GRANT, one)


def test_hours_warnings_and_what_is_taken_back_are_told_and_compared() -> None:
    before = body(EACH, DAY)
    hours = Hours((0, 1, 2, 3, 4), 9 * 60, 18 * 60)
    after = replace(before, hours=hours, limits=(EACH, replace(DAY, warn_at=50, reversal_restores=False)))
    assert plain(sentence(Kind.GRANT, after, NAMES)).endswith(" on Monday to Friday from 09:00 to 18:00.")
    said = " ".join(terms(Kind.GRANT, after, NAMES))
    assert "Its hours are on the clock of London." in said
    assert "What is taken back still counts towards “£60 a day”." in said
    assert "“£60 a day” shows as nearly used up from 50% on." in said
    assert [str(one) for one in differences(Kind.GRANT, before, after, NAMES)] == [
        "Limit: £60 a day → £60 a day, what is taken back still counts, shown as nearly used up from 50%",
        "Hours: any → on Monday to Friday from 09:00 to 18:00",
    ]


def test_a_guardrail_says_what_nobody_may() -> None:
    often = replace(CUSTOMER_90, measure=Measure.COUNT, cap=3)
    never = Limit(Scope.GESTURE, Measure.COUNT, Window.EACH, 0)
    assert read(Kind.GUARDRAIL, body(often, who=Who())) == (
        "Nobody may ever give more than 3 gestures to one customer in 90 days, not even with approval."
    )
    ban = body(never, who=Who(roles=("agent",)), gestures=Choice(kinds=("credit",)))
    assert read(Kind.GUARDRAIL, ban) == "Agents may never give credits, not even with approval."
    begun = replace(body(who=Who()), limits=())  # no limit yet: that is no ban
    assert read(Kind.GUARDRAIL, begun) == "Nobody may ever give more than …, not even with approval."


def test_the_rest_is_told_in_short_sentences() -> None:
    strict = body(
        EACH,
        replace(DAY, overridable=False),
        approval=Approval(most_over_percent=50, second_over_minor=2500, budget_minor=10_000),
        reason_codes=("late delivery", "damaged"),
        note_over_minor=1000,
    )
    assert terms(Kind.GRANT, strict, NAMES) == [
        "A supervisor may allow more, up to 50% over the limit.",
        "Nobody may allow more than £60 a day.",
        "From £25 on two of them have to agree.",
        "Each of them may allow £100 a day.",
        "An offer is held for 15 minutes.",
        "A reason has to be named: late delivery or damaged.",
        "Above £10 a note has to say why.",
    ]


def test_two_versions_are_told_apart_line_by_line() -> None:
    before = body()
    after = replace(
        before,
        limits=(replace(EACH, cap=2000), CUSTOMER_90),
        who=Who(roles=("sales", "agent")),
        approval=Approval(most_over_percent=0),
    )
    assert [headline(one) for one in differences(Kind.GRANT, before, after, NAMES)] == [
        "Who: sales staff → sales staff and agents",
        "Up to £15 each → £20 each",
        "Limit: without £60 a day",
        "Limit: added £30 to one customer in 90 days",
        "How much more: up to twice the limit → up to 0% over the limit",
    ]
    assert differences(Kind.GRANT, before, before, NAMES) == []


def found(one: Body, around: Surroundings = AROUND, kind: Kind = Kind.GRANT, level: Level = Level.ERROR) -> list[str]:
    return [finding.sentence for finding in check(kind, one, around, now=NOW) if finding.level is level]


def test_what_is_sound_raises_nothing() -> None:
    assert check(Kind.GRANT, body(EACH, TALK, CUSTOMER_90, DAY), AROUND, now=NOW) == []


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (replace(EACH, cap=2500), TALK),
        (replace(TALK, cap=4000), CUSTOMER_90),
        (replace(DAY, cap=9000), replace(DAY, window=Window.WEEK, cap=8000)),
        (replace(DAY, window=Window.WEEK, cap=9000), replace(DAY, window=Window.MONTH, cap=8000)),
        (replace(DAY, cap=9000), replace(DAY, scope=Scope.TEAM, cap=8000)),
        (replace(CUSTOMER_90, days=30, cap=5000), CUSTOMER_90),
    ],
)
def test_a_narrow_cap_above_a_wide_one_is_an_error(narrow: Limit, wide: Limit) -> None:
    assert any("can never be used up" in one for one in found(body(narrow, wide)))
    assert found(body(replace(narrow, cap=wide.cap), wide)) == []


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (replace(body(), limits=()), "sets no limit yet"),
        (body(EACH, EACH), "is there twice"),
        (body(gestures=Choice(kinds=("donation",))), "holds nothing that this is about (donations)"),
        (body(gestures=Choice(gestures=(99,))), "not in the catalogue any more"),
        (replace(body(), currency="EUR"), "priced in GBP, but the limits are in EUR"),
        (body(replace(EACH, cap=100)), "That is everything this is about: raise the limit"),
        (body(channels=("fax",)), "There is no channel “fax”"),
    ],
)
def test_what_cannot_work_is_an_error(one: Body, words: str) -> None:
    assert any(words in sentence for sentence in found(one)), found(one)


def test_nobody_who_gives_and_nobody_who_gets_are_errors() -> None:
    assert "Nobody who may give gestures is among sales staff" in found(body(), replace(AROUND, givers=0))[0]
    assert "No customer is like that now" in found(body(), replace(AROUND, customers=0))[0]
    assert found(body(), replace(AROUND, offerings=())) == [
        "The catalogue is empty. Add a gesture under Gestures first."
    ]


def test_what_is_odd_but_possible_is_a_warning() -> None:
    counted = body(replace(DAY, measure=Measure.COUNT, cap=3))
    assert "no limit to what they cost" in found(counted, level=Level.WARNING)[0]
    pool = replace(DAY, scope=Scope.POOL, cap=10_000)
    assert "3 people with £60 a day could give more than" in found(body(EACH, DAY, pool), level=Level.WARNING)[0]
    assert "everybody who may give" in found(body(who=Who()), level=Level.WARNING)[0]
    firm = replace(EACH, cap=900, overridable=False)
    for one in (body(firm), body(firm, replace(DAY, cap=950))):  # an approver may go beyond the second, not the first
        assert "“£10 credit” costs more than £9 each and can never be given." in found(one, level=Level.NOTE)


def other(one: Body, name: str = "Sales") -> Surroundings:
    return replace(AROUND, others=(Policy(9, 9, Kind.GRANT, name, one),))


def test_a_priority_is_taken_once() -> None:
    around = other(body(priority=100))
    assert "Take another number, such as 101." in found(body(priority=100), around)[0]
    assert not errors(check(Kind.GUARDRAIL, body(priority=100), around, now=NOW))


def test_overlap_and_shadow_are_told_with_who_decides() -> None:
    wide, regulars = body(priority=100), body(priority=90, customers=REGULARS)
    assert "This never decides anything: “Sales” covers all of it" in found(regulars, other(wide))[0]
    higher = replace(regulars, priority=110)
    assert found(higher, other(wide), level=Level.NOTE) == [
        "Where both fit, this decides instead of “Sales”: its priority is higher."
    ]
    assert (
        "would never decide anything any more"
        in found(replace(wide, priority=120), other(higher), level=Level.WARNING)[0]
    )
    gold = replace(wide, customers=rule({"field": "tier", "op": "in", "value": ["gold"]}))
    standard = replace(higher, customers=rule({"field": "tier", "op": "in", "value": ["standard"]}))
    assert check(Kind.GRANT, standard, other(gold), now=NOW) == []
    assert check(Kind.GRANT, higher, other(replace(wide, who=Who(roles=("agent",)))), now=NOW) == []


def test_what_is_over_already_is_an_error() -> None:
    late = check(Kind.GRANT, body(), AROUND, now=NOW, effective_to=NOW - timedelta(days=1))
    assert [one.part for one in errors(late)] == ["dates"]
