"""What the screens of users and teams send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_security.forms import LoginForm
from flask_security.utils import validate_redirect_url
from flask_wtf import FlaskForm
from wtforms import (
    EmailField,
    Field,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TelField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from console.auth.administration import Private
from console.auth.models import Team
from console.auth.permissions import ROLES
from console.contacts import parse_email, parse_phone


def trimmed(text: str | None) -> str:
    return " ".join((text or "").replace("\0", "").split())


def given(message: str) -> Any:
    """Refuse what is empty once it is trimmed."""

    def check(form: FlaskForm, field: Field) -> None:
        if not field.data:
            raise ValidationError(message)

    return check


def parsed(parse: Callable[[str], str]) -> Any:
    """Take it as it is kept; what is empty stays empty."""

    def check(form: FlaskForm, field: Field) -> None:
        if field.data:
            try:
                field.data = parse(field.data)
            except ValueError as problem:
                raise ValidationError(f"{problem}.") from None

    return check


class SignInForm(LoginForm):
    """Flask-Security's. A place to go on to that is not ours is left out, not held against who signs in."""

    def validate_next(self, field: Field) -> None:
        if not validate_redirect_url(field.data):
            field.data = ""


NO_SUCH_TEAM = "Choose one of the teams in the list."


class UserForm(FlaskForm):
    name = StringField(
        "Name", [given("Enter the name."), Length(max=120, message="Use at most 120 characters.")], filters=[trimmed]
    )
    roles = SelectMultipleField(
        "Roles",
        [InputRequired("Choose at least one role.")],
        choices={name: name.capitalize() for name in ROLES},
        invalid_choice_message="Choose among the roles in the list.",
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    team_id = SelectField(
        "Team", coerce=int, default=0, invalid_choice_message=NO_SUCH_TEAM, invalid_value_message=NO_SUCH_TEAM
    )

    private_email = EmailField("Private e-mail", [parsed(parse_email)], filters=[trimmed])
    private_phone = TelField(
        "Private phone",
        [parsed(lambda text: parse_phone(text, current_app.config["DEFAULT_REGION"]))],
        filters=[trimmed],
    )
    private_street = StringField(
        "Street and number", [Length(max=200, message="Use at most 200 characters.")], filters=[trimmed]
    )
    private_postcode = StringField(
        "Postcode", [Length(max=20, message="Use at most 20 characters.")], filters=[trimmed]
    )

    @property
    def private(self) -> Private:
        """What was entered, once the form is found valid."""
        fields = self.private_email, self.private_phone, self.private_street, self.private_postcode
        return Private(*(field.data or None for field in fields))

    def offer_teams(self, teams: list[Team]) -> None:
        self.team_id.choices = {"0": "No team"} | {str(team.id): team.name for team in teams}


class NewUserForm(UserForm):
    email = EmailField(
        "E-mail",
        [given("Enter the e-mail address."), Length(max=255, message="Use at most 255 characters.")],
        filters=[trimmed],
    )
    password = PasswordField("First password", [Length(max=256, message="Use at most 256 characters.")])


class PasswordForm(FlaskForm):
    password = PasswordField("New password", [Length(max=256, message="Use at most 256 characters.")])


class TeamForm(FlaskForm):
    name = StringField(
        "Team",
        [given("Enter the team's name."), Length(max=80, message="Use at most 80 characters.")],
        filters=[trimmed],
    )
