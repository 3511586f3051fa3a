"""A simulation's result in sentences that a supervisor reads. Pure: the result in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.money import Money

LEVELS = {
    "pass": "Fits the goals you set",
    "warn": "Fits, but look twice",
    "fail": "Misses a goal",
    "none": "Tried out",
}
DEMANDS = {
    "recorded": ("As it was", "what was really asked for"),
    "likely": ("As is likely", "offers as often as usual, wherever they are allowed"),
    "worst": ("At worst", "everybody gives the dearest gesture that they may, in every conversation"),
}
WHY = {
    "not_for_you": "no policy speaks of the agent",
    "not_this_gesture": "not this gesture",
    "not_this_channel": "not over this channel",
    "not_this_customer": "not this customer",
    "not_this_interaction": "not in such a conversation",
    "other_currency": "priced in another currency",
}
SCOPES = {
    "gesture": "a gesture", "interaction": "a conversation", "customer": "a customer", "household": "a household",
    "agent": "an agent", "team": "a team", "pool": "everybody together",
}  # fmt: skip
MEASURES = {"cost": "cost", "face": "face value", "count": "number"}
DIMENSIONS = {"tier": "loyalty tier", "language": "language", "channel": "channel", "segment": "segment"}


def meter_words(name: str) -> str:
    """agent:cost:day:0 is "cost for an agent a day"."""
    scope, measure, window, days = name.split(":")
    when = {"each": " each time" if scope == "gesture" else "", "interaction": "", "rolling": f" in {days} days"}
    return f"{MEASURES[measure]} for {SCOPES[scope]}{when.get(window, f' a {window}')}"


def why_words(name: str) -> str:
    return WHY.get(name) or f"over the limit: {meter_words(name)}"


def said_words(name: str) -> str:
    return "allowed" if name == "allowed" else why_words(name)


class Words:
    """Sentences about one result; `locale` is how amounts are written."""

    def __init__(self, result: Mapping[str, Any], locale: str) -> None:
        self.result, self.locale = result, locale

    def money(self, minor: float) -> str:
        return Money(round(minor), self.result["currency"]).format(self.locale)

    def amount(self, meter: str, value: float) -> str:
        return f"{round(value):,}" if meter.split(":")[1] == "count" else self.money(value)

    @property
    def level(self) -> str:
        found = [one["level"] for one in self.result["verdicts"]]
        return next((level for level in ("fail", "warn", "pass") if level in found), "none")

    @property
    def headline(self) -> str:
        return LEVELS[self.level]

    @property
    def summary(self) -> str:
        likely, live = (self.result["demands"]["likely"][one] for one in ("draft", "live"))
        worst = self.result["demands"]["worst"]["draft"]
        differs = likely["mean"] - live["mean"]
        against = (
            "as much as today's policies" if not differs
            else f"{self.money(abs(differs))} a day {'more' if differs > 0 else 'less'} than today's policies"
        )  # fmt: skip
        high, dear = self.money(likely["p95"]), self.money(worst["worst"])
        return (
            f"A typical day costs {self.money(likely['p50'])}, one day in twenty more than {high}; that is {against}. "
            f"If everybody gave all they may, a day would cost {self.money(worst['p50'])}, the worst {dear}."
        )

    def verdict(self, one: Mapping[str, Any]) -> str:
        match one["goal"]:
            case "cost":
                return self.cost(one)
            case "dead_ends":
                return self.dead_ends(one)
            case "approvals":
                return self.approvals(one)
        return self.fairness(one)

    def cost(self, one: Mapping[str, Any]) -> str:
        found = f"19 likely days in 20 cost {self.money(one['value'])} or less"
        if one["wanted"] is None:
            return f"{found}. You set no budget, so this is not judged."
        budget = self.money(one["wanted"])
        return {
            "pass": f"{found}, within the {budget} a day that you set.",
            "warn": f"{found}, within the {budget} a day that you set, but not by much: chance alone could exceed it.",
        }.get(one["level"], f"{found}, more than the {budget} a day that you set. Lower a limit.")

    def dead_ends(self, one: Mapping[str, Any]) -> str:
        if one["value"] is None:
            return "Nothing was asked for in these days, so dead ends cannot be counted."
        found = self.result["dead_ends"]
        share = f"{found['number']:,} of {found['asked']:,} requests ({100 * one['value']:.1f} %)"
        end = "" if one["level"] == "pass" else " See below which limits turned people away."
        return f"{share} would find nothing at all that may be given; the goal is {100 * one['wanted']:.0f} %.{end}"

    def approvals(self, one: Mapping[str, Any]) -> str:
        found = self.result["approvals"]["draft"]
        if one.get("nobody"):
            return f"{found['total']:,} requests would need somebody's approval, and nobody has the role to give it."
        rate = f"In a busy hour each of {found['people']} approvers gets {one['value']:.1f} requests"
        waits = (
            "they could not keep up" if found["waits_minutes"] is None
            else f"an answer waits {found['waits_minutes']:.1f} minutes"
        )  # fmt: skip
        return f"{rate}; the goal is {one['wanted']:.0f} at most. By that rate {waits}."

    def fairness(self, one: Mapping[str, Any]) -> str:
        if one["value"] is None:
            return "There are too few conversations in each group to compare them."
        where = f"{DIMENSIONS.get(one['dimension'], one['dimension'])} “{one['group']}”"
        found = (
            f"Customers of {where} are offered something {one['value']:.2f} times as often as the group offered most"
        )
        return {
            "pass": f"{found}; the goal is {one['wanted']:.1f} at least.",
            "warn": f"{found}, below the goal of {one['wanted']:.1f}. It may be chance.",
        }.get(one["level"], f"{found}, below the goal of {one['wanted']:.1f}, and more than chance explains.")
