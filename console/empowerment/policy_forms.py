"""The form in which a policy is written. A half-filled form still has a body, so that its sentence can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from console.empowerment.fields import CHANNELS
from console.empowerment.kinds import GestureKind
from console.empowerment.offerings import giving_roles
from console.empowerment.policy import WINDOWS, Approval, Body, Choice, Kind, Limit, Measure, Scope, Who
from console.empowerment.sentences import ROLES, Names, capital
from console.empowerment.windows import Window
from console.money import Money
from console.web import stripped

MOST_LIMITS = 12
MOST_DAYS = 3650
MOST_REVISIONS = 1_000_000
CODES = re.compile(r"[,;\n]+")
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


Rows = Sequence[tuple[int, str]]  # ids with names


class Boxes(SelectMultipleField):
    """Any number of choices, as boxes to tick."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class Ids(Boxes):
    """Rows by their ids."""

    def __init__(self, label: str, **given: Any) -> None:
        super().__init__(label, coerce=int, choices=[], **given)


class Amount(StringField):
    """An optional amount of the shop's currency; `.minor` once it is validated, none when left empty."""

    minor: int | None = None

    def pre_validate(self, form: Any) -> None:
        self.minor = None
        if stripped(self.data):
            try:
                self.minor = Money.parse(self.data or "", current_app.config["DEFAULT_CURRENCY"]).minor
            except ValueError:
                raise ValidationError("Enter an amount, such as 12.50, or leave it empty") from None


class LimitForm(Form):
    """A row: how much of what, for whom, and whether an approver may allow more."""

    measure = SelectField("Of what", choices={one.value: words for one, words in MEASURES.items()})
    cap = StringField("Up to", filters=[stripped])
    per = SelectField("For", choices=subjects, default="gesture:each")
    days = IntegerField(
        "Days", [Optional(), NumberRange(1, MOST_DAYS, f"Enter a whole number of days, from 1 to {MOST_DAYS:,}")]
    )
    overridable = BooleanField("An approver may allow more")

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
        )


class Limits(FieldList):
    """Rows of limits; what is no number in a field's name is no row."""

    def _extract_indices(self, prefix: str, formdata: Iterable[str]) -> Iterator[int]:
        row = re.compile(rf"{re.escape(prefix)}-([0-9]{{1,4}})(-|$)")
        return (int(found[1]) for found in map(row.match, formdata) if found)


class PolicyForm(FlaskForm):
    """`revision` is the draft's when the form was made; 0 for a new policy. Rules are read beside it (rule_forms)."""

    revision = IntegerField(
        "Revision",
        [NumberRange(0, MOST_REVISIONS, "Reload the page, then change it again")],
        widget=HiddenInput(),
        default=0,
    )
    kind = StringField("Kind", widget=HiddenInput(), default=Kind.GRANT.value)
    name = StringField(
        "Name", [DataRequired("Give it a name"), Length(max=120, message="At most 120 characters")], filters=[stripped]
    )
    roles = Boxes("Roles", choices={role: capital(ROLES.get(role, role)) for role in giving_roles()})
    teams = Ids("Teams")
    agents = Ids("People")
    except_agents = Ids("Not these people")
    kinds = Boxes("Kinds", choices={kind.value: kind.label for kind in GestureKind})
    gestures = Ids("Single gestures")
    without = Ids("Not these gestures")
    cash_like = SelectField(
        "As good as money", choices={"": "It does not matter", "yes": "Only such gestures", "no": "Only others"}
    )
    limits = Limits(FormField(LimitForm), max_entries=MOST_LIMITS)
    channels = Boxes("Channels", choices=CHANNELS)
    approval_roles = Boxes("Who may allow more", choices={"supervisor": "Supervisors"})
    approval_minutes = IntegerField(
        "Minutes a request waits",
        [InputRequired("From 1 to 60"), NumberRange(1, 60, "From 1 to 60 minutes")],
        default=5,
    )
    most_over = IntegerField(
        "How much more, in percent",
        [InputRequired("From 0 to 1,000"), NumberRange(0, 1000, "From 0 to 1,000 percent")],
        default=100,
    )
    second_over = Amount("Two approvers must agree from this amount on")
    budget = Amount("What one approver may add in a day, at most")
    hold_minutes = IntegerField(
        "Minutes an offer is held",
        [InputRequired("From 1 to 1,440"), NumberRange(1, 1440, "From 1 to 1,440 minutes")],
        default=15,
    )
    reason_codes = TextAreaField("Reasons to choose from", filters=[stripped])
    note_over = Amount("A note has to say why above this amount")
    priority = IntegerField(
        "Priority", [InputRequired("Enter a number"), NumberRange(1, 100_000, "From 1 to 100,000")], default=100
    )
    week_start = SelectField("A week starts on", coerce=int, choices={"0": "Monday", "5": "Saturday", "6": "Sunday"})
    note = StringField("Why", [Length(max=300, message="At most 300 characters")], filters=[stripped])

    def validate_reason_codes(self, field: TextAreaField) -> None:
        if any(len(code) > 40 for code in codes(field.data)):
            raise ValidationError("Each reason is at most 40 characters long")
        if len(codes(field.data)) > 30:
            raise ValidationError("At most 30 reasons")

    @property
    def what(self) -> Kind:
        return Kind(self.kind.data) if self.kind.data in set(Kind) else Kind.GRANT

    def choosing(self, *, teams: Rows, people: Rows, gestures: Rows, called: Names, start: Body) -> PolicyForm:
        """The same form with what can be chosen now.

        What is ticked and not on offer any more stays choosable, to be unticked, if it exists or `start` names it.
        """
        who, what = start.who, start.gestures
        for field, there, known, named, gone in (
            (self.teams, teams, called.teams, who.teams, "A team that is gone"),
            (self.agents, people, called.people, who.agents, "Somebody who is gone"),
            (self.except_agents, people, called.people, who.except_agents, "Somebody who is gone"),
            (self.gestures, gestures, called.gestures, what.gestures, "A gesture that is gone"),
            (self.without, gestures, called.gestures, what.without, "A gesture that is gone"),
        ):
            kept = {id_: known.get(id_, gone) for id_ in field.data or () if id_ in known or id_ in named}
            field.choices = kept | dict(there)
        return self.choosing_subjects()

    def choosing_subjects(self) -> PolicyForm:
        """The same form; a limit that a draft has already stays choosable, and the checks say what is wrong with it."""
        for row in self.limits:
            if not str(row.form.per.data).startswith(f"{Scope.POOL}:"):
                row.form.per.choices = subjects(self.what)
        return self

    def body(self, start: Body) -> Body:
        """What is filled in, over `start`, from which come the zone, the currency and the rules."""
        return replace(
            start,
            week_start=self.week_start.data or 0,
            priority=self.priority.data or 0,
            who=Who(
                known(self.roles),
                tuple(self.teams.data or ()),
                tuple(self.agents.data or ()),
                tuple(self.except_agents.data or ()),
            ),
            channels=known(self.channels),
            gestures=Choice(
                known(self.kinds),
                tuple(self.gestures.data or ()),
                tuple(self.without.data or ()),
                {"yes": True, "no": False}.get(self.cash_like.data or ""),
            ),
            limits=tuple(self.read_limits()),
            approval=Approval(
                known(self.approval_roles),
                self.approval_minutes.data or 5,
                self.most_over.data if self.most_over.data is not None else 100,
                minor_in(self.second_over),
                minor_in(self.budget),
            ),
            hold_minutes=self.hold_minutes.data or 15,
            reason_codes=codes(self.reason_codes.data),
            note_over_minor=minor_in(self.note_over),
        )

    def read_limits(self) -> Iterator[Limit]:
        for row in self.limits:
            limit = row.form.limit(self.what)
            if limit is not None:
                yield limit

    @classmethod
    def showing(cls, name: str, kind: Kind, body: Body, *, revision: int, note: str = "") -> PolicyForm:
        """The form as a draft fills it."""
        amount = amounts(body.currency)
        return cls(
            formdata=None,
            revision=revision,
            kind=kind.value,
            name=name,
            roles=list(body.who.roles),
            teams=list(body.who.teams),
            agents=list(body.who.agents),
            except_agents=list(body.who.except_agents),
            kinds=list(body.gestures.kinds),
            gestures=list(body.gestures.gestures),
            without=list(body.gestures.without),
            cash_like={True: "yes", False: "no"}.get(body.gestures.cash_like, ""),  # type: ignore[arg-type]
            limits=[limit_row(limit, body.currency) for limit in body.limits],
            channels=list(body.channels),
            approval_roles=list(body.approval.roles),
            approval_minutes=body.approval.minutes,
            most_over=body.approval.most_over_percent,
            second_over=amount(body.approval.second_over_minor),
            budget=amount(body.approval.budget_minor),
            hold_minutes=body.hold_minutes,
            reason_codes=", ".join(body.reason_codes),
            note_over=amount(body.note_over_minor),
            priority=body.priority,
            week_start=body.week_start,
            note=note,
        )


def limit_row(limit: Limit, currency: str) -> dict[str, Any]:
    counts = limit.measure is Measure.COUNT
    return {
        "measure": limit.measure.value,
        "cap": str(limit.cap) if counts else Money(limit.cap, currency).plain().removesuffix(".00"),
        "per": f"{limit.scope}:{limit.window}",
        "days": limit.days or None,
        "overridable": limit.overridable,
    }


def amounts(currency: str) -> Any:
    return lambda minor: "" if minor is None else Money(minor, currency).plain()


def minor_in(field: Amount) -> int | None:
    """Also of a field that was not validated; None for what is no amount."""
    try:
        return Money.parse(field.data or "", current_app.config["DEFAULT_CURRENCY"]).minor
    except ValueError:
        return None


def known(field: SelectMultipleField) -> tuple[str, ...]:
    """What is chosen, also of a field that was not validated."""
    return tuple(one for one in field.data or () if one in field.choices)


def codes(text: str | None) -> tuple[str, ...]:
    """ "late delivery, damaged" is two."""
    return tuple(dict.fromkeys(code for code in (" ".join(part.split()) for part in CODES.split(text or "")) if code))
