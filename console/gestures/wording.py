"""A refusal in words: which limit, what is left of it, and when it frees up."""

from __future__ import annotations

from console.empowerment.policy import Failure, Limits, Scope
from console.gestures.ledger import OverLimit
from console.money import Money
from console.web import clock, day, money, today, zone


def why_refused(refusal: OverLimit, called: str) -> list[str]:
    """A sentence or two for each limit that failed. `called` is what the customer is called."""
    return [
        " ".join(filter(None, (standing(failure, refusal, called), relief(failure, refusal.cost), pending(failure))))
        for failure in refusal.failures
    ]


def standing(failure: Failure, refusal: OverLimit, called: str) -> str:
    used, cap, left = money(failure.used), money(failure.cap), money(failure.left)
    cost, limits = money(refusal.cost), refusal.limits
    if failure.scope is Scope.GESTURE:
        return f"{cost} is over your limit of {cap} for one gesture."
    return {
        Scope.INTERACTION: f"{used} of {cap} for this conversation is used, so {left} is left.",
        Scope.CUSTOMER: f"{called} has had {used} of {cap} in {span(limits)}, so {left} is left.",
        Scope.AGENT_DAY: f"You have given {used} of {cap} today, so {left} is left.",
    }[failure.scope]


def relief(failure: Failure, cost: Money) -> str:
    """When it would fit."""
    if failure.frees_at is None:
        if failure.scope is Scope.INTERACTION and cost <= failure.cap:
            return "It would fit in a later conversation."
        return "" if failure.scope is Scope.GESTURE else "It is more than the whole limit, so waiting does not help."
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
