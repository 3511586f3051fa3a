"""The rows of a policy's form that say how much: a cap, of what, for whom and in which time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from flask import current_app
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    IntegerField,
    SelectField,
    StringField,
    ValidationError,
)
from wtforms.validators import NumberRange, Optional

from console.empowerment.policy import WARN_AT, WINDOWS, Kind, Limit, Measure, Scope
from console.empowerment.windows import Window
from console.money import Money
from console.web import stripped

MOST_LIMITS = 12
MOST_DAYS = 3650
TAKEN_BACK = {"": "as is usual", "yes": "counts no more", "no": "still counts"}
# What a limit is for, in the order in which it is chosen: heading, then (scope, window) with its words.
SUBJECTS = {
    Scope.GESTURE: "The same gesture",
    Scope.CUSTOMER: "A customer",
    Scope.HOUSEHOLD: "A household (same account or address)",
    Scope.AGENT: "A person who gives",
    Scope.TEAM: "A team",
    Scope.POOL: "Everybody together, under this policy",
}
SHORT = {
    Scope.GESTURE: "the same gesture",
    Scope.CUSTOMER: "a customer",
    Scope.HOUSEHOLD: "a household",
    Scope.AGENT: "a person",
    Scope.TEAM: "a team",
    Scope.POOL: "everybody",
}
SPANS = {
    Window.DAY: "a day",
    Window.WEEK: "a week",
    Window.MONTH: "a month",
    Window.ROLLING: "in so many days",
}
MEASURES = {Measure.COST: "what it costs us", Measure.FACE: "face value", Measure.COUNT: "number of gestures"}


def subjects(kind: Kind = Kind.GRANT) -> dict[str, str | dict[str, str]]:
    """The choices of what a limit is for, most under a heading: "agent:day" is "a person, a day".

    A guardrail has no pool: what is given under it is given under the policies.
    """
    found: dict[str, str | dict[str, str]] = {
        "gesture:each": "each gesture",
        "interaction:interaction": "a conversation",
    }
    for scope, heading in SUBJECTS.items():
        if kind is Kind.GUARDRAIL and scope is Scope.POOL:
            continue
        spans = [window for window in WINDOWS[scope] if window in SPANS]
        found[heading] = {f"{scope}:{window}": f"{SHORT[scope]}, {SPANS[window]}" for window in spans}
    return found


def is_subject(value: str | None) -> bool:
    return any(value == one or (isinstance(words, dict) and value in words) for one, words in subjects().items())


class LimitForm(Form):
    """A row: how much of what, for whom, and whether an approver may allow more."""

    measure = SelectField("Of what", choices={one.value: words for one, words in MEASURES.items()})
    cap = StringField("Up to", filters=[stripped])
    per = SelectField("For", choices=subjects, default="gesture:each")
    days = IntegerField(
        "Days", [Optional(), NumberRange(1, MOST_DAYS, f"Enter a whole number of days, from 1 to {MOST_DAYS:,}")]
    )
    overridable = BooleanField("An approver may allow more")
    warn_at = IntegerField(
        "Nearly used up from, in percent", [Optional(), NumberRange(1, 100, "From 1 to 100 percent")], default=WARN_AT
    )
    restores = SelectField("What is taken back", choices=TAKEN_BACK, default="")

    def validate_cap(self, field: StringField) -> None:
        if self.read_cap() is None:
            counts = self.measure.data == Measure.COUNT
            raise ValidationError(
                "Enter a whole number, such as 3" if counts else "Enter an amount, such as 15 or 12.50"
            )

    def validate_per(self, field: SelectField) -> None:
        if self.window is Window.ROLLING and not self.days.data:
            raise ValidationError("Say how many days")

    @property
    def window(self) -> Window | None:
        """None for what is no choice."""
        return Window(str(self.per.data).partition(":")[2]) if is_subject(self.per.data) else None

    def read_cap(self) -> int | None:
        text = self.cap.data or ""
        if self.measure.data == Measure.COUNT:
            return int(text) if re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) else None
        try:
            return Money.parse(text, current_app.config["DEFAULT_CURRENCY"]).minor
        except ValueError:
            return None

    def limit(self, kind: Kind) -> Limit | None:
        """None while it is not filled in."""
        cap, window = self.read_cap(), self.window
        if cap is None or window is None or self.measure.data not in set(Measure):
            return None
        rolling = window is Window.ROLLING
        if rolling and not (self.days.data and 1 <= self.days.data <= MOST_DAYS):
            return None
        return Limit(
            Scope(str(self.per.data).partition(":")[0]),
            Measure(self.measure.data),
            window,
            cap,
            days=(self.days.data or 0) if rolling else 0,
            overridable=bool(self.overridable.data) and kind is Kind.GRANT,
            reversal_restores={"yes": True, "no": False}.get(self.restores.data or ""),
            warn_at=share if (share := self.warn_at.data) and 1 <= share <= 100 else WARN_AT,
        )


class Limits(FieldList):
    """Rows of limits; what is no number in a field's name is no row."""

    def _extract_indices(self, prefix: str, formdata: Iterable[str]) -> Iterator[int]:
        row = re.compile(rf"{re.escape(prefix)}-([0-9]{{1,4}})(-|$)")
        return (int(found[1]) for found in map(row.match, formdata) if found)


def limit_row(limit: Limit, currency: str) -> dict[str, Any]:
    counts = limit.measure is Measure.COUNT
    return {
        "measure": limit.measure.value,
        "cap": str(limit.cap) if counts else Money(limit.cap, currency).plain().removesuffix(".00"),
        "per": f"{limit.scope}:{limit.window}",
        "days": limit.days or None,
        "overridable": limit.overridable,
        "warn_at": limit.warn_at,
        "restores": {True: "yes", False: "no", None: ""}[limit.reversal_restores],
    }
