"""A refusal in words: which limit, what is left of it, and when it frees up."""

from __future__ import annotations

from console.empowerment.policy import Failure, Limits, Scope
from console.gestures.ledger import OverLimit
from console.web import clock, day, money, today, zone


def why_refused(refusal: OverLimit, called: str) -> list[str]:
    """A sentence or two for each limit that failed. `called` is what the customer is called."""
    return [told(failure, refusal, called) for failure in refusal.failures]


def told(failure: Failure, refusal: OverLimit, called: str) -> str:
    if refusal.cost > failure.cap:
        return f"{money(refusal.cost)} is more than the {money(failure.cap)} {whole(failure, refusal.limits)}."
    return " ".join(filter(None, (standing(failure, refusal, called), relief(failure), pending(failure))))


def whole(failure: Failure, limits: Limits) -> str:
    return {
        Scope.GESTURE: "that you may give as one gesture",
        Scope.INTERACTION: "for one conversation",
        Scope.CUSTOMER: f"for one customer in {span(limits)}",
        Scope.AGENT_DAY: "for a whole day",
    }[failure.scope]


def standing(failure: Failure, refusal: OverLimit, called: str) -> str:
    used, cap, left = money(failure.used), money(failure.cap), money(failure.left)
    return {
        Scope.GESTURE: f"You may give {cap} as one gesture.",
        Scope.INTERACTION: f"{used} of {cap} for this conversation is used, so {left} is left.",
        Scope.CUSTOMER: f"{called} has had {used} of {cap} in {span(refusal.limits)}, so {left} is left.",
        Scope.AGENT_DAY: f"You have given {used} of {cap} today, so {left} is left.",
    }[failure.scope]


def relief(failure: Failure) -> str:
    """When it would fit."""
    if failure.frees_at is None:
        return "It fits in a later conversation." if failure.scope is Scope.INTERACTION else ""
    if failure.scope is Scope.AGENT_DAY:
        return "Your day starts afresh at midnight."
    freed = failure.frees_at.astimezone(zone())
    return f"It fits again from {'today' if freed.date() == today() else day(freed)}, {clock(freed)}."


def pending(failure: Failure) -> str:
    if not failure.held:
        return ""
    return f"{money(failure.held)} of it is only offered so far and comes back if it is not taken."


def span(limits: Limits) -> str:
    return "24 hours" if limits.customer_days == 1 else f"{limits.customer_days} days"
