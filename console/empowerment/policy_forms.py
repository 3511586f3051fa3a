"""The form in which a policy is written. A half-filled form still has a body, so that its sentence can be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import (
    FormField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from console.config import is_time_zone
from console.empowerment.fields import CHANNELS
from console.empowerment.kinds import GestureKind
from console.empowerment.limit_forms import MOST_LIMITS, LimitForm, Limits, limit_row, subjects
from console.empowerment.offerings import giving_roles
from console.empowerment.policy import Approval, Body, Choice, Kind, Limit, Scope, Who
from console.empowerment.sentences import ROLES, WEEKDAYS, Names, capital, clock_words
from console.empowerment.windows import A_DAY, Hours
from console.money import Money
from console.web import stripped

MOST_REVISIONS = 1_000_000
CODES = re.compile(r"[,;\n]+")
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])|24:00")


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


class Clock(StringField):
    """An optional time of day, 09:00; `.minutes` after midnight, also when it was not validated."""

    @property
    def minutes(self) -> int | None:
        found = CLOCK.fullmatch(stripped(self.data))
        return (int(found[1]) * 60 + int(found[2]) if found[1] else A_DAY) if found else None

    def pre_validate(self, form: Any) -> None:
        if stripped(self.data) and self.minutes is None:
            raise ValidationError("Enter a time, such as 09:00, or leave it empty")


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
    open_days = Boxes("On these days", choices={str(day): name for day, name in enumerate(WEEKDAYS)})
    opens = Clock("From")
    closes = Clock("Until")
    zone = StringField("Time zone", [Length(max=64)], filters=[stripped])
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
            raise ValidationError("Each reason is at most 40 characters long: shorten it")
        if len(codes(field.data)) > 30:
            raise ValidationError("At most 30 reasons: leave some out")

    def validate_zone(self, field: StringField) -> None:
        if field.data and not is_time_zone(field.data):
            raise ValidationError("Enter a time zone, such as Europe/London")

    def validate_closes(self, field: Clock) -> None:
        if self.opens.minutes is not None and field.minutes == self.opens.minutes:
            raise ValidationError("Enter another time than it opens, or leave both empty")

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
        """What is filled in, over `start`, from which come the currency and the rules."""
        return replace(
            start,
            zone=self.zone.data if self.zone.data and is_time_zone(self.zone.data) else start.zone,
            hours=self.hours(),
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

    def hours(self) -> Hours | None:
        """None when nothing is chosen; a day of 24 hours where no time is."""
        days = tuple(int(day) for day in known(self.open_days))
        opens, closes = self.opens.minutes or 0, self.closes.minutes
        found = Hours(() if len(days) == len(WEEKDAYS) else days, opens, A_DAY if closes is None else closes)
        return None if found == Hours() or opens == closes else found

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
            open_days=[str(day) for day in body.hours.days] if body.hours else [],
            opens=clock_words(body.hours.opens) if body.hours and body.hours.opens else "",
            closes=clock_words(body.hours.closes) if body.hours and body.hours.closes != A_DAY else "",
            zone=body.zone,
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
