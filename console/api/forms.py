"""What the screen of tokens sends."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_wtf import FlaskForm
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from console.api.scopes import Scope
from console.auth.models import User
from console.web import stripped

NEVER = 0
LIVES = {30: "30 days", 90: "90 days", 365: "A year", NEVER: "Until it is revoked"}


class TokenForm(FlaskForm):
    name = StringField(
        "Name",
        [DataRequired("Say which system it is for, such as “Telephony”"), Length(max=80)],
        filters=[stripped],
    )
    user_id = SelectField("Acts for", coerce=int, validate_choice=True)
    scopes = SelectMultipleField(
        "May be used to",
        [DataRequired("Choose at least one thing")],
        choices=[SelectChoice(scope.value, scope.label) for scope in Scope],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    days = SelectField(
        "Valid for", coerce=int, choices=[SelectChoice(days, words) for days, words in LIVES.items()], default=365
    )

    def offer_users(self, users: list[User]) -> None:
        self.user_id.choices = [
            SelectChoice(user.id, f"{user.name} ({', '.join(sorted(user.role_names)) or 'no role'})") for user in users
        ]

    def expires_at(self, now: datetime) -> datetime | None:
        return now + timedelta(days=self.days.data) if self.days.data != NEVER else None
