"""The form by which a supervisor sets a role's limits."""

from __future__ import annotations

from typing import Any

from babel.numbers import get_currency_symbol
from flask import current_app
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange
from wtforms.widgets import HiddenInput

from console.empowerment.policy import Limits
from console.money import Money
from console.web import locale

DAYS = "Enter a whole number of days, from 1 to 3,650"
MINUTES = "Enter a whole number of minutes, from 1 to 1,440"


def stripped(text: str | None) -> str:
    return (text or "").replace("\0", "").strip()


def currency_symbol() -> str:
    """What stands in front of an amount's field."""
    return str(get_currency_symbol(current_app.config["DEFAULT_CURRENCY"], locale=locale()))


class AmountField(StringField):
    """`.data` is the text as typed, `.amount` the Money once validated."""

    amount: Money

    def pre_validate(self, form: Any) -> None:
        try:
            self.amount = Money.parse(self.data or "", current_app.config["DEFAULT_CURRENCY"])
        except ValueError:
            raise ValidationError("Enter an amount, such as 12.50") from None


class LimitsForm(FlaskForm):
    """`version` is the version the form was made from, 0 when the role has no limits yet."""

    version = IntegerField(widget=HiddenInput(), default=0)
    per_gesture = AmountField("A gesture")
    per_interaction = AmountField("A conversation")
    per_customer = AmountField("A customer")
    customer_days = IntegerField("Within days", [InputRequired(DAYS), NumberRange(1, 3650, DAYS)])
    per_agent_day = AmountField("A day")
    hold_minutes = IntegerField("Minutes an offer is held", [InputRequired(MINUTES), NumberRange(1, 1440, MINUTES)])
    note = StringField(
        "Why",
        [DataRequired("Say why, in a few words"), Length(max=300, message="At most 300 characters")],
        filters=[stripped],
    )

    def limits(self, role: str) -> Limits:
        return Limits(
            role=role,
            per_gesture=self.per_gesture.amount,
            per_interaction=self.per_interaction.amount,
            per_customer=self.per_customer.amount,
            customer_days=self.customer_days.data or 0,
            per_agent_day=self.per_agent_day.amount,
            hold_minutes=self.hold_minutes.data or 0,
            version=self.version.data or 0,
        )

    @classmethod
    def showing(cls, limits: Limits | None) -> LimitsForm:
        """The form as the limits in force fill it."""
        if limits is None:
            return cls(formdata=None, customer_days=90, hold_minutes=15)
        return cls(
            formdata=None,
            version=limits.version,
            per_gesture=limits.per_gesture.plain(),
            per_interaction=limits.per_interaction.plain(),
            per_customer=limits.per_customer.plain(),
            customer_days=limits.customer_days,
            per_agent_day=limits.per_agent_day.plain(),
            hold_minutes=limits.hold_minutes,
        )
