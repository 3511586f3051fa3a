"""What the screens of notes and promises send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    Field,
    HiddenField,
    IntegerField,
    SearchField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, StopValidation, ValidationError

from console.db import utc_now
from console.web import LARGEST_ID, today, zone
from notes.findings.sensitive import Remark
from notes.models import Note, NoteKind
from notes.screening import fault_in_note, fault_in_promise, tidy
from notes.writing import Draft

FURTHEST = timedelta(days=5 * 366)
LONGEST_WAIT = timedelta(days=30)  # of a note on a device without a connection
END_OF_DAY = time(23, 59)
PERIODS = {"30": "30 days", "90": "90 days", "365": "A year", "": "Any time"}


class DayField(DateField):
    """A day, told in a sentence when it is not one."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("This is not a day. Write it as in 2026-11-24.") from None


class ClockField(TimeField):
    """A time of day, told in a sentence when it is not one."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("This is not a time. Write it as in 17:30.") from None


def worded(fault_in: Callable[[str], str | None]) -> Callable[[FlaskForm, Field], None]:
    """Refuse words for what `fault_in` finds in them."""

    def check(form: FlaskForm, field: Field) -> None:
        if fault := fault_in(field.data):
            raise StopValidation(fault)

    return check


def still_to_come(form: FlaskForm, field: Field) -> None:
    """A day from today on, within five years. One that stood there before may stay."""
    if field.data == field.object_data:
        return
    if field.data < today():
        raise ValidationError("This day is past. Choose today or a later one.")
    if field.data > today() + FURTHEST:
        raise ValidationError("This day is too far away. Choose one within five years.")


def sensible(form: FlaskForm, field: Field) -> None:
    if field.errors:  # what was typed is no day or time at all: one sentence about it is enough
        raise StopValidation


def due_moment(day: date, clock: time | None) -> datetime:
    """When a promise is due, in the shop's time zone; without a time at the end of the day."""
    return datetime.combine(day, clock or END_OF_DAY, zone())


AMONG = {"notes": "Notes", "said": "What was said", "likes": "Likes and refusals", "all": "All of these"}
WHOSE = {"mine": "Mine", "team": "My team's", "all": "Everybody's"}
NOT_LISTED = "Choose from the list."
KINDS = {kind.value: kind.label for kind in NoteKind}
NO_SUCH_KIND = "Choose one of the kinds in the list."


class NoteForm(FlaskForm):
    """The note box and its relatives. Ids are written out because it shares a page with other forms."""

    body = TextAreaField("Note", [worded(fault_in_note)], filters=[tidy], id="note-body")
    kind = SelectField("Kind", choices=KINDS, default="call", invalid_choice_message=NO_SUCH_KIND, id="note-kind")
    quotable = BooleanField("May be quoted to the customer", id="note-quotable")
    follow_up_on = DayField("Follow up on", [Optional(), sensible, still_to_come], id="note-follow-up-on")
    anyway = HiddenField(id="note-anyway")  # what was pointed out, when it shall be stored all the same
    remarks: Sequence[Remark] = ()  # what is pointed out before it is stored

    def draft(self) -> Draft:
        """The note as it was sent; only after the form was found valid."""
        return Draft(self.body.data, NoteKind(self.kind.data), self.quotable.data, self.follow_up_on.data)


class PromiseFields(FlaskForm):
    """What was promised, by when. Inside another form both stay empty when nothing was."""

    promise_text = StringField("Promised", filters=[tidy], id="note-promise-text")
    promise_on = DayField("By", [Optional(), sensible, still_to_come], id="note-promise-on")
    promise_at = ClockField("Time", [Optional(), sensible], id="note-promise-at")

    def validate_promise_text(self, field: StringField) -> None:
        if not field.data and (self.promise_on.data or self.promise_at.data):
            raise ValidationError("Say what was promised, or take the day away.")
        if field.data and (fault := fault_in_promise(field.data)):
            raise ValidationError(fault)

    def validate(self, extra_validators: Any = None) -> bool:
        valid: bool = super().validate(extra_validators)
        if self.promise_text.data and not self.promise_on.data and not self.promise_on.errors:
            self.promise_on.errors = ["Say by when it was promised."]
            return False
        if valid and self.promise_text.data and self.due_at() <= utc_now():
            self.promise_at.errors = ["This time is past. Choose a later one."]
            return False
        return valid

    def due_at(self) -> datetime:
        return due_moment(self.promise_on.data, self.promise_at.data)


class NewNoteForm(NoteForm, PromiseFields):
    """A note from the workspace or from the phone, with a promise if one was made."""

    pinned = BooleanField("Pin", id="note-pinned")
    client_key = HiddenField(default=lambda: str(uuid4()), id="note-client-key")
    written_at = HiddenField(id="note-written-at")  # by a device that had no connection then

    def key_about(self, customer_id: int) -> str | None:
        """The same for the same words about the same customer, sent again; None when the device made no proper key.

        Other words are another note: a page that the browser shows again still has its old key.
        """
        try:
            return str(uuid5(UUID(self.client_key.data), f"{customer_id} {self.body.data}"))
        except ValueError:
            return None

    def moment_written(self, now: datetime) -> datetime:
        """When the device says it was written, if that may be; otherwise now."""
        try:
            moment = datetime.fromisoformat(self.written_at.data or "")
        except ValueError:
            return now
        return moment if moment.tzinfo and now - LONGEST_WAIT <= moment <= now else now


def required_promise(text: str) -> str | None:
    return None if text else "Say what was promised."  # the rest is checked with the fields of PromiseFields


class PromiseForm(PromiseFields):
    """A promise by itself, in its panel."""

    promise_text = StringField("What was promised?", [worded(required_promise)], filters=[tidy], id="promise-text")
    promise_on = DayField("By", [InputRequired("Say by when."), sensible, still_to_come], id="promise-on")
    promise_at = ClockField("Time", [Optional(), sensible], id="promise-at")


class AmendmentForm(NoteForm):
    version = HiddenField(validators=[InputRequired("Reload the page and amend the note again.")])

    @classmethod
    def of(cls, note: Note) -> AmendmentForm:
        return cls(
            body=note.body,
            kind=note.kind.value,
            quotable=note.quotable,
            follow_up_on=note.follow_up_on,
            version=note.version,
        )

    def seen_version(self) -> int:
        text = str(self.version.data)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


SOMEBODY = NumberRange(1, LARGEST_ID, "There is nobody of that number.")


class FilterForm(FlaskForm):
    """The list's filters, from the address."""

    class Meta:
        csrf = False

    q = SearchField("What it is about", [Length(max=100, message="Look for at most 100 characters.")], filters=[tidy])
    among = SelectField("Look in", choices=AMONG, default="notes", invalid_choice_message=NOT_LISTED)
    whose = SelectField("Whose", choices=WHOSE, invalid_choice_message=NOT_LISTED)
    author = IntegerField("Written by", [Optional(), SOMEBODY])
    customer_id = IntegerField("Customer", [Optional(), SOMEBODY])
    kind = SelectField("Kind", choices={"": "Every kind"} | KINDS, invalid_choice_message=NOT_LISTED)
    period = SelectField("Since", choices=PERIODS, invalid_choice_message=NOT_LISTED)
    pinned = BooleanField("Pinned")
    quotable = BooleanField("May be quoted")
    due = BooleanField("Follow-up due")
