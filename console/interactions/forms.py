"""What the screens about the live interaction send."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from console.interactions.handling import WrapUp
from console.interactions.models import Channel, Speaker, WrapUpCode
from console.web import stripped


class OpenForm(FlaskForm):
    channel = SelectField("Channel", choices=[SelectChoice(channel, channel.label) for channel in Channel])


class UtteranceForm(FlaskForm):
    speaker = SelectField(
        "Who said it",
        choices=[SelectChoice(Speaker.CUSTOMER, "Customer"), SelectChoice(Speaker.AGENT, "I")],
        default=Speaker.CUSTOMER,
    )
    text = TextAreaField(
        "What is said", [DataRequired("Write or paste what was said"), Length(max=10_000)], filters=[stripped]
    )


class WrapUpForm(FlaskForm):
    code = SelectField("Wrap-up code", choices=[SelectChoice(code, code.label) for code in WrapUpCode])
    resolved = RadioField(
        "Is it solved?", choices=[SelectChoice("yes", "Solved"), SelectChoice("no", "Not yet")], default="yes"
    )
    reason = TextAreaField(
        "Reason",
        [DataRequired("Say in a few words what it was about"), Length(max=2000)],
        filters=[stripped],
        description="Why they came",
    )
    resolution = TextAreaField("Resolution", [Length(max=2000)], filters=[stripped], description="What was done")
    result = TextAreaField("Result", [Length(max=2000)], filters=[stripped], description="How it ended")

    def wrap_up(self) -> WrapUp:
        return WrapUp(
            WrapUpCode(self.code.data),
            self.resolved.data == "yes",
            self.reason.data,
            self.resolution.data,
            self.result.data,
        )
