"""What differs between two versions of a policy, as lines that a person reads: "up to £15 each → £20 each". Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from console.empowerment.policy import WARN_AT, Body, Kind, Limit
from console.empowerment.rule_words import listed, phrase, whom
from console.empowerment.sentences import (
    WEEKDAYS,
    Names,
    approver_words,
    capital,
    channel_words,
    hours_words,
    how_far,
    limit_words,
    number,
    reversal_words,
    what_words,
    who_words,
)

NOTHING = "nothing"


@dataclass(frozen=True)
class Change:
    """One line. An empty side is something that is new, or gone."""

    label: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before or not self.after:
            return f"{self.label}: {'added ' + self.after if self.after else 'without ' + self.before}"
        return f"{self.label}: {self.before} → {self.after}"


def differences(kind: Kind, before: Body, after: Body, names: Names) -> list[Change]:
    """In the order of the form; empty when both say the same."""
    lines = list(limit_changes(before, after, names))
    plain = facets(kind, names)
    who = [change(label, tell, before, after) for label, tell in plain[:1]]
    rest = [change(label, tell, before, after) for label, tell in plain[1:]]
    return [line for line in (*who, *lines, *rest) if line is not None]


def change(label: str, tell: Callable[[Body], str], before: Body, after: Body) -> Change | None:
    old, new = tell(before), tell(after)
    return Change(label, old, new) if old != new else None


def facets(kind: Kind, names: Names) -> list[tuple[str, Callable[[Body], str]]]:
    """What a body says beside its limits: (label, how it is told)."""
    found: list[tuple[str, Callable[[Body], str]]] = [
        ("Who", lambda body: who_words(body.who, names).rstrip(",")),
        ("Gestures", lambda body: what_words(body.gestures, names)),
        ("Customers", lambda body: whom(body.customers, body.currency, names.locale)),
        ("Conversation", lambda body: phrase(body.interaction, body.currency, names.locale) or "any"),
        ("Channels", lambda body: channel_words(body.channels) if body.channels else "any"),
        ("Hours", lambda body: hours_words(body.hours) if body.hours else "any"),
    ]
    if kind is Kind.GRANT:
        found += [
            ("Who may allow more", lambda body: approver_words(body.approval) or "nobody"),
            ("How much more", lambda body: how_far(body.approval.most_over_percent)),
            ("Minutes a request lives", lambda body: str(body.approval.minutes)),
            ("Two must agree from", lambda body: optional(body.approval.second_over_minor, body, names)),
            ("One approver a day", lambda body: optional(body.approval.budget_minor, body, names)),
            ("An offer is held for", lambda body: number(body.hold_minutes, "minute")),
            ("Reasons to choose from", lambda body: listed(body.reason_codes, "or") or "none"),
            ("A note above", lambda body: optional(body.note_over_minor, body, names)),
            ("Priority", lambda body: str(body.priority)),
        ]
    return [
        *found,
        ("Time zone", lambda body: body.zone),
        ("A week starts on", lambda body: WEEKDAYS[body.week_start]),
        ("Currency", lambda body: body.currency),
    ]


def optional(minor: int | None, body: Body, names: Names) -> str:
    return "never" if minor is None else names.amount(minor, body.currency)


def limit_changes(before: Body, after: Body, names: Names) -> Iterator[Change]:
    """Caps of the same kind stand beside each other, whatever order they are in."""
    old, new = ({key(limit): limit for limit in body.limits} for body in (before, after))
    for each in dict.fromkeys([*old, *new]):
        was, now = old.get(each), new.get(each)
        told = [limit_told(limit, body, names) for limit, body in ((was, before), (now, after))]
        if told[0] != told[1]:
            yield Change("Limit", *told)


def key(limit: Limit) -> tuple[str, str, str, int]:
    return limit.scope, limit.measure, limit.window, limit.days


def limit_told(limit: Limit | None, body: Body, names: Names) -> str:
    if limit is None:
        return ""
    said = [limit_words(limit, body.currency, names)]
    if not limit.overridable:
        said.append("never more")
    if reversal_words(limit, body.currency, names):
        said.append(f"what is taken back {'no longer counts' if limit.restores else 'still counts'}")
    if limit.warn_at != WARN_AT:
        said.append(f"shown as nearly used up from {limit.warn_at}%")
    return ", ".join(said)


def headline(change: Change) -> str:
    """As a list shows it: "Up to £15 each → £20 each"."""
    if change.label == "Limit" and change.before and change.after:
        return f"Up to {change.before} → {change.after}"
    return capital(str(change))
