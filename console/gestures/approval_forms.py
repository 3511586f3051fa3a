"""What asking and answering send."""

from __future__ import annotations

import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import IntegerField, PasswordField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp

from console.money import LARGEST
from console.web import LARGEST_ID, stripped

CHOICE = re.compile(r"([0-9]{1,19})-([0-9]{1,15})")
WHY_NOT = "Something smaller will do here."  # what a single key rejects with; it can be written over


class AskForm(FlaskForm):
    """The button beside a refusal. The key was made with it, so a second click is the same request."""

    version = IntegerField("Gesture", [InputRequired("Pick a gesture"), NumberRange(1, LARGEST_ID, "Pick a gesture")])
    cost = IntegerField("Cost", [Optional(), NumberRange(0, LARGEST, "Pick the amount again")])  # minor units
    key = StringField("Key", [InputRequired(), Regexp(r"[0-9a-f-]{16,64}\Z", message="Reload the page")])
    reason_code = StringField("Reason", [Length(max=40)], filters=[stripped])
    reason = StringField(
        "Why it should be given",
        [DataRequired("Say in a line why, then ask again."), Length(max=300, message="Say it in 300 characters.")],
        filters=[stripped],
    )


class RejectForm(FlaskForm):
    reason = StringField(
        "Why not",
        [
            DataRequired("Say why; they have to tell the customer."),
            Length(max=300, message="At most 300 characters."),
        ],
        filters=[stripped],
    )


class CounterForm(FlaskForm):
    """`choice` is a version and a cost (minor units): "12-500"."""

    choice = StringField("Instead", [InputRequired("Choose what to offer instead.")])
    version_id = 0
    cost_minor = 0

    def validate_choice(self, field: Any) -> None:
        match = CHOICE.fullmatch(field.data or "")
        if match is None or int(match[1]) > LARGEST_ID:
            raise ValidationError("Choose what to offer instead.")
        self.version_id, self.cost_minor = int(match[1]), int(match[2])


class ConfirmForm(FlaskForm):
    password = PasswordField("Your password", [InputRequired("Enter your password.")])


def first_problem(form: FlaskForm) -> str:
    return next((str(text) for texts in form.errors.values() for text in texts), "It did not arrive whole. Try again.")
