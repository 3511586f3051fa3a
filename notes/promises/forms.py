"""What the screens of promises, absences and calendars send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional, ValidationError

from console.auth.models import User
from console.web import clock, zone
from notes.forms import NOT_LISTED, WHOSE, DayField, PromiseForm, sensible, still_to_come
from notes.models import Promise
from notes.promises.handing import Why
from notes.promises.promising import Because, mark_of

STATES = {
    "open": "Open",
    "due": "Due within a week",
    "broken": "Broken",
    "settled": "Settled",
    "nobody": "Nobody is there",
}
LONGEST_ABSENCE = 366  # days


class ChangeForm(PromiseForm):
    """Another date, other words, and why."""

    because = SelectField(
        "Why",
        choices=[SelectChoice(one, one.label) for one in Because],
        invalid_choice_message=NOT_LISTED,
        id="because",
    )
    seen = HiddenField(validators=[InputRequired("Reload the page and change the promise again.")])

    @classmethod
    def of(cls, promise: Promise, **given: Any) -> ChangeForm:
        """Filled in with the promise, and with what was sent over it; `formdata=None`: with the promise alone."""
        local = promise.due_at.astimezone(zone())
        at_a_time = clock(promise.due_at) != "23:59"
        return cls(
            promise_text=promise.text,
            promise_on=local.date(),
            promise_at=local.time().replace(second=0, microsecond=0) if at_a_time else None,
            seen=mark_of(promise.text, promise.due_at),
            **given,
        )

    def validate(self, extra_validators: Any = None) -> bool:
        """A promise may keep the date that it had, even when it is past; another one has to come."""
        if self.is_where_it_was():
            return bool(FlaskForm.validate(self, extra_validators))
        return super().validate(extra_validators)

    def is_where_it_was(self) -> bool:
        same = (self.promise_on.data, self.promise_at.data)
        return same == (self.promise_on.object_data, self.promise_at.object_data)


def named(people: Iterable[User]) -> list[SelectChoice]:
    return [SelectChoice(str(one.id), one.name) for one in people]


class HandOverForm(FlaskForm):
    """To whom, and why."""

    to = SelectField("To whom", [InputRequired("Choose a colleague.")], invalid_choice_message="Choose a colleague.")
    why = SelectField(
        "Why", choices=[SelectChoice(one, one.label) for one in Why], invalid_choice_message=NOT_LISTED, default="busy"
    )

    def offer(self, people: Iterable[User]) -> HandOverForm:
        self.to.choices = [SelectChoice("", "Choose a colleague"), *named(people)]
        return self


class ListForm(FlaskForm):
    """The list's filters, from the address."""

    class Meta:
        csrf = False

    whose = SelectField("Whose", choices=WHOSE, invalid_choice_message=NOT_LISTED)
    state = SelectField("Which", choices=STATES, invalid_choice_message=NOT_LISTED)


class AbsenceForm(FlaskForm):
    """From when until when, and who stands in."""

    user_id = SelectField("Who is away", invalid_choice_message="Choose somebody of your team.")
    first_on = DayField("From", [InputRequired("Say from when."), sensible, still_to_come])
    until_on = DayField("Until", [InputRequired("Say until when."), sensible, still_to_come])
    stand_in_id = SelectField("Who stands in", [Optional()], invalid_choice_message=NOT_LISTED)

    def offer(self, members: Iterable[User], stand_ins: Iterable[User]) -> AbsenceForm:
        self.user_id.choices = named(members)
        self.stand_in_id.choices = [SelectChoice("", "Nobody"), *named(stand_ins)]
        return self

    def validate_until_on(self, field: DayField) -> None:
        if not self.first_on.data or not field.data:
            return
        if field.data < self.first_on.data:
            raise ValidationError("The last day comes before the first. Swap them.")
        if (field.data - self.first_on.data).days > LONGEST_ABSENCE:
            raise ValidationError("This is longer than a year. Enter a year at most; it can be entered again.")
