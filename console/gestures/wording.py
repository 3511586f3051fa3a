"""A refusal in words: what stands in the way, what is left, when it frees up, and what to do next."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from math import inf

from console.empowerment.deciding import Decision, Failure, Obstacle, Suspended
from console.empowerment.fields import CHANNELS
from console.empowerment.policy import Choice, Kind, Measure, Scope
from console.empowerment.rule_words import listed, why_not
from console.empowerment.sentences import hours_words, zone_words
from console.empowerment.windows import Window
from console.gestures.models import GestureVersion
from console.money import Money
from console.web import clock, count, day, locale, money, today, zone

THIS = {Window.DAY: "today", Window.WEEK: "this week", Window.MONTH: "this month"}
WHOLE = {Window.DAY: "a whole day", Window.WEEK: "a whole week", Window.MONTH: "a whole month"}


def why_refused(decision: Decision, version: GestureVersion, called: str, now: datetime) -> list[str]:
    """A sentence or two for each obstacle and each limit that failed. `called` is what the customer is called."""
    return [
        *(obstacle_told(one, decision, version, now) for one in decision.obstacles),
        *(told(failure, called) for failure in decision.failures),
    ]


def told(failure: Failure, called: str) -> str:
    if is_ban(failure):
        return f"“{failure.standing.policy.name}” rules this gesture out here."
    if failure.amount > failure.limit.cap:
        return (
            f"{worth(failure, failure.amount)} is more than the {plainly(failure, failure.limit.cap)} {whole(failure)}."
        )
    return " ".join(filter(None, (standing(failure, called), relief(failure), pending(failure))))


def worth(failure: Failure, minor: int) -> str:
    """An amount of what the limit measures."""
    if failure.limit.measure is Measure.COUNT:
        return count(minor, "gesture")
    amount = plainly(failure, minor)
    return f"{amount} of face value" if failure.limit.measure is Measure.FACE else amount


def plainly(failure: Failure, minor: int) -> str:
    """The same where it was said just before that it is face value."""
    if failure.limit.measure is Measure.COUNT:
        return count(minor, "gesture")
    return money(Money(minor, failure.standing.policy.body.currency))


def is_ban(failure: Failure) -> bool:
    return failure.limit.window is Window.EACH and failure.limit.cap == 0


def nothing_smaller_fits(failure: Failure) -> bool:
    """A number of gestures is reached, or nothing is left of an amount."""
    return failure.limit.measure is Measure.COUNT or (not failure.standing.left and not is_ban(failure))


def whole(failure: Failure) -> str:
    """What the cap is for, when one gesture alone is more than all of it."""
    limit = failure.limit
    if limit.window is Window.EACH:
        return "that you may give as one gesture"
    if limit.scope is Scope.INTERACTION:
        return "for one conversation"
    over = f"{count(limit.days, 'day')}" if limit.window is Window.ROLLING else WHOLE[limit.window]
    whom = {
        Scope.CUSTOMER: "for one customer in ",
        Scope.HOUSEHOLD: "for one household in ",
        Scope.AGENT: "that you may give in ",
        Scope.TEAM: "for your team in ",
        Scope.POOL: f"for “{failure.standing.policy.name}” in ",
        Scope.GESTURE: "for this gesture in ",
    }
    return whom[limit.scope] + over


def standing(failure: Failure, called: str) -> str:
    limit = failure.limit
    used, cap = amount_used(failure), worth(failure, limit.cap)
    is_count = limit.measure is Measure.COUNT
    left = plainly(failure, failure.standing.left) if failure.standing.left else "none" if is_count else "nothing"
    rest = f"so {left} is left."
    if limit.scope is Scope.INTERACTION:
        return f"{used} of {cap} for this conversation is used, {rest}"
    if limit.window is Window.ROLLING:
        span = "in 24 hours" if limit.days == 1 else f"in {limit.days} days"
    else:
        span = THIS[limit.window]
    start = {
        Scope.CUSTOMER: f"{called} has had {used} of {cap} {span}",
        Scope.HOUSEHOLD: f"This household has had {used} of {cap} {span}",
        Scope.AGENT: f"You have given {used} of {cap} {span}",
        Scope.TEAM: f"Your team has given {used} of {cap} {span}",
        Scope.POOL: f"{used} of {cap} under “{failure.standing.policy.name}” is given {span}",
        Scope.GESTURE: (
            f"This gesture was given {used} of {count(limit.cap, 'time')} {span}"
            if is_count
            else f"{used} of {cap} for this gesture is given {span}"
        ),
    }
    return f"{start[limit.scope]}, {rest}"


def amount_used(failure: Failure) -> str:
    used = failure.standing.used
    return str(used) if failure.limit.measure is Measure.COUNT else plainly(failure, used)


def relief(failure: Failure) -> str:
    """When it would fit."""
    limit = failure.limit
    if failure.frees_at is None:
        return "It fits in a later conversation." if limit.scope is Scope.INTERACTION else ""
    if limit.window is Window.DAY and failure.standing.policy.body.zone == zone().key:
        return "Your day starts afresh at midnight." if limit.scope is Scope.AGENT else "It starts afresh at midnight."
    return f"It fits again from {moment(failure.frees_at)}."


def moment(at: datetime) -> str:
    there = at.astimezone(zone())
    names = {today(): "today", today() + timedelta(days=1): "tomorrow"}
    return f"{names.get(there.date()) or day(there)}, {clock(there)}"


def pending(failure: Failure) -> str:
    if not failure.standing.held:
        return ""
    held = failure.standing.held
    if failure.limit.measure is Measure.COUNT:
        if held == failure.standing.used:
            return (
                f"{'That one is' if held == 1 else 'All of them are'} only offered so far, and free again if not taken."
            )
        return f"{held} of them {'is' if held == 1 else 'are'} only offered so far, and free again if not taken."
    return f"{plainly(failure, held)} of it is only offered so far and comes back if it is not taken."


def obstacle_told(obstacle: Obstacle, decision: Decision, version: GestureVersion, now: datetime) -> str:
    name = f"“{decision.near[0].policy.name}”" if decision.near else "your policy"
    body = decision.policy.body if decision.policy else None
    match obstacle:
        case Obstacle.AGENT_SUSPENDED:
            return "Giving is paused for you. Ask your supervisor, who can tell you why and lift it."
        case Obstacle.GESTURE_SUSPENDED:
            return f"{version.name} is paused for everybody. Pick another one."
        case Obstacle.POLICY_SUSPENDED:
            about = [*decision.guardrails, *([decision.policy] if decision.policy else [])]
            what = f"“{about[0].name}”" if len(about) == 1 else f"A policy that decides about {version.name}"
            return (
                f"{what} is stopped just now, so nothing can be given by it. Ask a supervisor when it goes on; a"
                " sincere word fits until then."
            )
        case Obstacle.NOT_FOR_YOU:
            if decision.may_ask:
                return f"No policy lets you give {version.name} yourself. Ask for it to be allowed."
            return "No policy lets you give anything yet. Ask a supervisor, who can change that."
        case Obstacle.NOT_THIS_GESTURE:
            if decision.may_ask:
                return f"{version.name} is not among what your policies allow. Pick another one, or ask for this one."
            return f"{version.name} is not among what your policies allow. Pick another one."
        case Obstacle.NOT_THIS_CHANNEL:
            channels = listed([CHANNELS.get(one, one) for one in decision.near[0].policy.body.channels], "or")
            return f"{name} is only for: {channels}. {exception(decision)}"
        case Obstacle.NOT_NOW:
            near = decision.near[0].policy.body
            hours = hours_words(near.hours) if near.hours else ""
            return f"{name} holds only {hours}, {zone_words(near.zone)} time. {exception(decision)}"
        case Obstacle.NOT_THIS_CUSTOMER:
            return f"{name} is not for this customer: {lacking(decision, now)}. {exception(decision)}"
        case Obstacle.NOT_THIS_INTERACTION:
            return f"{name} is not for this conversation: {lacking(decision, now)}. {exception(decision)}"
        case Obstacle.OTHER_CURRENCY:
            theirs = next(
                (one.body.currency for one in (*decision.guardrails, *((decision.policy,) if decision.policy else ()))
                 if one.body.currency != version.currency),
                "another currency",
            )  # fmt: skip
            return f"{version.name} is priced in {version.currency}, your limits are in {theirs}. Pick another one."
        case Obstacle.REASON_MISSING:
            return "Say why: choose one of the reasons, then offer it again."
        case Obstacle.NOTE_MISSING:
            above = Money(body.note_over_minor or 0, body.currency) if body else None
            return f"Above {above} a sentence has to say why. Write it, then offer it again."


def all_stopped(decisions: Collection[Decision], stopped: Suspended) -> str:
    """What to say where kill switches on policies leave nothing to give; empty where something goes on."""
    about = [policy for one in decisions for policy in (*one.guardrails, one.policy) if policy]
    names = sorted({f"“{policy.name}”" for policy in about if policy.id in stopped.policies})
    if not names or any(one.is_possible or one.may_ask for one in decisions):
        return ""
    are, goes = ("is", "it goes") if len(names) == 1 else ("are", "they go")
    return (
        f"{listed(names, 'and')} {are} stopped, so nothing can be given just now. Ask a supervisor when {goes} on; a"
        " sincere word fits until then."
    )


def exception(decision: Decision) -> str:
    """What to do where the nearest policy does not fit."""
    if decision.may_ask:
        return "Ask for it to be allowed if it should be given all the same."
    return "Pick another one; a sincere word or a call back fits too."


def lacking(decision: Decision, now: datetime) -> str:
    """What stands in the way of the nearest policy, each with what was observed."""
    near = decision.near[0]
    return "; ".join(why_not(near.blamed, now, near.policy.body.currency, locale())) or "its conditions are not met"


def advice(decision: Decision) -> str:
    """What to do when limits are exceeded. Where gestures are counted or nothing is left, nothing smaller helps."""
    if not decision.may_ask and any(is_ban(one) for one in decision.failures):
        return "Nobody can allow it. Pick another one."
    if told := nothing_more(decision):
        return told + (" Or ask for it to be allowed." if decision.may_ask else "")
    if decision.may_ask:
        return "Offer something smaller, or ask for it to be allowed."
    firm = [one.standing.policy.name for one in decision.failures if one.standing.policy.kind is Kind.GUARDRAIL]
    return f"Nobody may go beyond “{firm[0]}”, so offer something smaller." if firm else "Offer something smaller."


def nothing_more(decision: Decision) -> str:
    """Until when nothing smaller fits either, and what does; empty where something smaller may."""
    gone = [one for one in decision.failures if nothing_smaller_fits(one) and one.amount <= one.limit.cap]
    return used_up(max(gone, key=freed_last)) if gone else ""


def freed_last(failure: Failure) -> float:
    """When it frees up, in seconds; the next conversation comes before everything else, never after it."""
    if failure.frees_at is None:
        return 0.0 if failure.limit.scope is Scope.INTERACTION else inf
    return failure.frees_at.timestamp()


def used_up(failure: Failure) -> str:
    """Until when, and what fits instead."""
    policy = failure.standing.policy
    until = f" until {moment(failure.frees_at)}" if failure.frees_at else ""
    if failure.limit.scope is Scope.GESTURE:
        return f"This gesture cannot be given again{until}. Pick another one."
    whom = {
        Scope.INTERACTION: "in this conversation",
        Scope.CUSTOMER: "to this customer",
        Scope.HOUSEHOLD: "to this household",
        Scope.AGENT: "by you",
        Scope.TEAM: "by your team",
        Scope.POOL: f"under “{policy.name}”",
    }
    more = "Nothing more" if policy.body.gestures == Choice() else "Nothing more of this kind"
    is_all = failure.limit.measure is Measure.COUNT and policy.body.gestures == Choice()  # a call back counts too
    fits = "A sincere word fits." if is_all else "A sincere word or a call back fits."
    return f"{more} can be given {whom[failure.limit.scope]}{until}. {fits}"
