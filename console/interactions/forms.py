"""What the screens about the live interaction send."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, DataRequired, Length, NumberRange, Optional, ValidationError

from console.customers.forms import CATEGORIES, no_card_number
from console.customers.models import BoundaryKind
from console.interactions.handling import WrapUp
from console.interactions.live_models import RootCause
from console.interactions.models import Channel, Speaker, WrapUpCode
from console.web import LARGEST_ID, stripped


class OpenForm(FlaskForm):
    channel = SelectField("Channel", choices=[SelectChoice(channel, channel.label) for channel in Channel])


WHISPER = "whisper"


class UtteranceForm(FlaskForm):
    speaker = SelectField(
        "Who said it",
        choices=[
            SelectChoice(Speaker.CUSTOMER, "Customer"),
            SelectChoice(Speaker.AGENT, "I"),
            SelectChoice(WHISPER, "Whisper"),
        ],
        default=Speaker.CUSTOMER,
    )
    text = TextAreaField("What is said", [DataRequired("Write or paste what was said")], filters=[stripped])

    def heard(self) -> tuple[Speaker, bool]:
        """Who said it, and whether it is for colleagues alone."""
        whispered = self.speaker.data == WHISPER
        return (Speaker.AGENT if whispered else Speaker(self.speaker.data)), whispered


class HandOverForm(FlaskForm):
    to = SelectField("To whom", [DataRequired("Choose a colleague or a team")])
    note = TextAreaField(
        "Whisper",
        [Length(max=2000)],
        filters=[stripped],
        description="Read by whoever takes it over, and by supervisors: what it is about, what was said already",
    )

    def receiver(self) -> dict[str, int]:
        kind, _, number = self.to.data.partition("-")
        return {f"to_{kind}_id": int(number)}


class WrapUpForm(FlaskForm):
    code = SelectField(
        "Wrap-up code",
        [DataRequired("Choose what it was about")],
        choices=[SelectChoice("", "Choose"), *(SelectChoice(code, code.label) for code in WrapUpCode)],
    )
    resolved = RadioField(
        "Is it solved?", choices=[SelectChoice("yes", "Solved"), SelectChoice("no", "Not yet")], default="yes"
    )
    reason = TextAreaField(
        "Reason",
        [DataRequired("Say in a few words what it was about"), Length(max=2000), no_card_number],
        filters=[stripped],
        description="Why they came",
    )
    resolution = TextAreaField(
        "Resolution", [Length(max=2000), no_card_number], filters=[stripped], description="What was done"
    )
    result = TextAreaField("Result", [Length(max=2000), no_card_number], filters=[stripped], description="How it ended")
    follow_up = BooleanField("Come back to this in two days")
    survey = BooleanField("Ask for a score in the chat")

    def wrap_up(self) -> WrapUp:
        return WrapUp(
            WrapUpCode(self.code.data),
            self.resolved.data == "yes",
            self.reason.data,
            self.resolution.data,
            self.result.data,
            self.follow_up.data,
        )


class SurveyForm(FlaskForm):
    score = RadioField(
        "Your score",
        [DataRequired("Choose one of the five")],
        choices=[SelectChoice(str(score), str(score)) for score in range(1, 6)],
    )
    words = TextAreaField(
        "What should we know?",
        [Length(max=2000, message="Write at most 2,000 characters"), no_card_number],
        filters=[stripped],
    )


class FollowUpForm(FlaskForm):
    root_cause = SelectField(
        "Why it happened",
        [DataRequired("Choose why it happened")],
        choices=[SelectChoice("", "Choose"), *(SelectChoice(cause, cause.label) for cause in RootCause)],
    )
    what_was_done = TextAreaField(
        "What was done",
        [
            DataRequired("Say what was done for the customer, and so that it does not happen again"),
            Length(max=2000),
            no_card_number,
        ],
        filters=[stripped],
    )


class KeepForm(FlaskForm):
    """A promise, a preference or a boundary found in what was said."""

    kind = HiddenField(validators=[AnyOf(["promise", "preference", "boundary"], "Reload the page and try again.")])
    utterance_id = IntegerField(validators=[NumberRange(1, LARGEST_ID, "Reload the page and try again.")])
    text = StringField(
        "What to keep",
        [DataRequired("Write what to keep"), Length(max=300, message="300 characters fit"), no_card_number],
        filters=[stripped],
    )  # fmt: skip
    category = SelectField("About", choices=CATEGORIES, default="other")
    due = DateField("By", [Optional()])
    due_at = TimeField("Time, if any", [Optional()])
    boundary = SelectField(
        "What is refused",
        choices=[
            SelectChoice(BoundaryKind.OTHER, "As written"),
            SelectChoice(BoundaryKind.NO_GIFTS, "No gifts"),
            SelectChoice(BoundaryKind.NO_CALLS_AFTER, "No calls after"),
        ],
        default=BoundaryKind.OTHER,
    )
    after = TimeField("After", [Optional()])

    def validate_boundary(self, field: SelectField) -> None:
        if field.data == BoundaryKind.NO_CALLS_AFTER and not self.after.data:
            raise ValidationError("Say after what time there shall be no calls")
