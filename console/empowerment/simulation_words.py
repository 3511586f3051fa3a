"""A simulation's result in sentences that a supervisor reads. Pure: the result in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.money import Money

LEVELS = {
    "pass": "Fits the goals you set",
    "warn": "Fits, but look twice",
    "fail": "Misses a goal",
    "none": "Nothing could be judged",
}
GOALS = {"cost": "cost", "dead_ends": "dead ends", "approvals": "work for approvers", "fairness": "fairness"}
DEMANDS = {
    "recorded": ("As it was", "what was really asked for"),
    "likely": ("As is likely", "offers as often as usual, wherever they are allowed"),
    "worst": ("At worst", "in every conversation the dearest gesture that still fits, and no customer declines"),
}
WHY = {
    "not_for_you": "no policy speaks of the agent",
    "not_this_gesture": "not this gesture",
    "not_this_channel": "not over this channel",
    "not_now": "outside the policy's hours",
    "not_this_customer": "not this customer",
    "not_this_interaction": "not in such a conversation",
    "other_currency": "priced in another currency",
    "agent_suspended": "the agent's giving was stopped",
    "gesture_suspended": "the gesture was stopped",
    "policy_suspended": "the policy was stopped",
    "gesture:count:stock:0": "it had run out",
}
SCOPES = {
    "gesture": "the same gesture", "interaction": "a conversation", "customer": "a customer",
    "household": "a household", "agent": "an agent", "team": "a team", "pool": "everybody together",
}  # fmt: skip
MEASURES = {"cost": "cost", "face": "face value", "count": "number"}
DIMENSIONS = {"tier": "loyalty tier", "language": "language", "channel": "channel", "segment": "segment"}


LIKELY_FROM = {
    "recorded": "What is likely goes by what was offered in these days: how often, what, and to whom.",
    "given": "What is likely goes by the number of offers in 100 conversations that you gave.",
    "usual": "Nothing was offered in these days. What is likely is a guess: something in 5 of 100 conversations.",
}
NOTES = {
    "no_agent": ("conversation", "Left out, for no agent had them: {}."),
    "later_facts": (
        "conversation",
        "In {} the customer's facts of that day are not known; the earliest known stand in.",
    ),
    "no_facts": ("conversation", "In {} nothing is known of the customer: rules that ask for something do not match."),
    "counted": (
        "gesture",
        "Stock of {} is counted by the piece. Here too no more are given than there were, until counted anew.",
    ),
}
STOPPABLE = {
    "stops_of_policies": ("policy", "policies"),
    "stops_of_agents": ("agent", "agents"),
    "stops_of_gestures": ("gesture", "gestures"),
}
ALWAYS = (
    "Customers are taken as they stood at the end of the day before. What the ledger says of their gestures is exact to"
    " the moment where requests are decided once more; where gestures are invented it is not.",
    "What a gesture given here alone would have changed about a customer is not followed up.",
    "Costs count gestures in the shop's own currency.",
)


def meter_words(name: str) -> str:
    """agent:cost:day:0 is "cost for an agent a day"."""
    scope, measure, window, days = name.split(":")
    if window == "each":
        return f"{MEASURES[measure]} of one gesture"
    when = {"interaction": "", "rolling": f" in {days} days"}
    return f"{MEASURES[measure]} for {SCOPES[scope]}{when.get(window, f' a {window}')}"


def why_words(name: str) -> str:
    return WHY.get(name) or f"over the limit: {meter_words(name)}"


def said_words(name: str) -> str:
    return "allowed" if name == "allowed" else f"refused: {why_words(name)}"


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
    def is_empty(self) -> bool:
        """Nothing was recorded, so nothing can be said."""
        asked = self.result["demands"]["recorded"]["draft"]
        return not (self.result["talks"]["number"] or asked["offered"] or asked["refused"])

    @property
    def headline(self) -> str:
        if self.is_empty:
            return "Nothing to try it on yet"
        if self.level == "pass" and self.unjudged:
            return "Fits what could be judged"
        return LEVELS[self.level]

    @property
    def unjudged(self) -> str:
        """Goals that nothing could be said about, as the beginning of a sentence; empty when there are none."""
        names = [GOALS[one["goal"]] for one in self.result["verdicts"] if one["value"] is None]
        found = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
        return found[:1].upper() + found[1:]

    @property
    def summary(self) -> str:
        if self.is_empty:
            return (
                "Nothing was recorded in these days, so nobody can say what it would have cost. It can be published all"
                " the same: read its limits with care, and try it again after some days of conversations."
            )
        likely, live = (self.result["demands"]["likely"][one] for one in ("draft", "live"))
        worst = self.result["demands"]["worst"]["draft"]
        differs = likely["mean"] - live["mean"]
        against = (
            "as much as today's policies" if not differs
            else f"{self.money(abs(differs))} a day {'more' if differs > 0 else 'less'} than today's policies"
        )  # fmt: skip
        high, dear = self.money(likely["p95"]), self.money(worst["worst"])
        found = (
            f"A typical day costs {self.money(likely['p50'])}, one day in twenty more than {high}; that is {against}. "
            f"If everybody gave all they may, a typical day would cost {self.money(worst['p50'])}, the worst {dear}."
        )
        return f"{found} {self.unjudged} could not be judged: see below why." if self.unjudged else found

    @property
    def notes(self) -> list[str]:
        """What the result leaves out, or takes to be otherwise than it was."""
        notes = self.result["notes"]
        found = [LIKELY_FROM[self.result.get("likely_from", "recorded")]]
        for name, (noun, sentence) in NOTES.items():
            if number := notes.get(name):
                found.append(sentence.format(f"{number:,} {noun}{'s' if number > 1 else ''}"))
        stopped = [f"{notes[name]} {words[notes[name] > 1]}" for name, words in STOPPABLE.items() if notes.get(name)]
        if stopped:
            found.append(f"Stopped for a while in these days, and refused here for as long: {', '.join(stopped)}.")
        return [*found, *ALWAYS]

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
        if one["value"] is None:
            return "Nobody talked to a customer in these days, so nothing can be said about cost."
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
        end = "" if one["level"] == "pass" else " See below why."
        return f"{share} would find nothing at all that may be given; the goal is {100 * one['wanted']:.0f} %.{end}"

    def approvals(self, one: Mapping[str, Any]) -> str:
        found = self.result["approvals"]["draft"]
        if one["value"] is None:
            return "Nothing was asked for in these days, so nobody knows how many requests approvers would get."
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
            f"Customers of {where} are offered something {100 * one['value']:.0f} % as often as the group offered most"
        )
        goal = f"{100 * one['wanted']:.0f} %"
        return {
            "pass": f"{found}; the goal is {goal} at least.",
            "warn": f"{found}, below the goal of {goal}. It may be chance.",
        }.get(one["level"], f"{found}, below the goal of {goal}, and more than chance explains.")
