"""How a policy is tried on the past: over which days, and what it has to meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional

from console.empowerment import replaying
from console.empowerment.simulation import Settings
from console.empowerment.simulation_verdicts import Goals
from console.money import Money


class Whole(IntegerField):
    """A number from `low` to `high` in plain digits."""

    def __init__(self, label: str, low: int, high: int, optional: bool = False, **options: Any) -> None:
        self.low, self.high = low, high
        super().__init__(label, [Optional() if optional else InputRequired(self.sentence)], **options)

    @property
    def sentence(self) -> str:
        return f"Enter a whole number from {self.low} to {self.high}"

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        if not text:
            return
        if not (text.isascii() and text.isdecimal() and len(text) <= 4 and self.low <= int(text) <= self.high):
            self.data = None
            raise ValueError(self.sentence)
        self.data = int(text)


class TrialForm(FlaskForm):
    days = SelectField(
        "How far back",
        coerce=int,
        choices=[SelectChoice(days, f"{days} days") for days in replaying.PERIODS],
        default=replaying.PERIODS[-1],
        description="Whole days that were, up to yesterday.",
    )
    rate = Whole(
        "Offers in 100 conversations", 0, 100, optional=True,
        description="What you think is likely. Empty: as often as it was.",
    )  # fmt: skip
    budget = StringField(
        "Budget a day", [Optional()], description="Nineteen days of twenty cost no more. Empty: not judged."
    )
    dead_ends = Whole(
        "Dead ends in 100 requests", 0, 100,
        description="Requests that end with nothing at all that may be given. Two at most are usual.",
    )  # fmt: skip
    approvals = Whole(
        "Requests an hour", 1, 60,
        description="For each approver, in a busy hour. More than six, and people wait or nobody reads them.",
    )  # fmt: skip
    fairness = Whole(
        "Fairness, in per cent", 0, 100,
        description="Offers to every tier, language and channel, against the one offered most. Below 80, know why.",
    )  # fmt: skip

    def validate_budget(self, field: StringField) -> None:
        try:
            Money.parse(field.data or "", current_app.config["DEFAULT_CURRENCY"])
        except ValueError:
            raise ValidationError("Enter an amount, such as 250") from None

    @classmethod
    def of(cls, settings: Mapping[str, Any], days: int | None = None) -> TrialForm:
        """Filled with what was chosen before (a run's settings); with what is usual where that says nothing."""
        goals = Goals(**settings.get("goals", {}))
        rate, budget = settings.get("rate"), goals.budget_minor
        return cls(
            formdata=None,
            days=days or replaying.PERIODS[-1],
            rate=round(100 * rate) if rate is not None else None,
            budget=Money(budget, current_app.config["DEFAULT_CURRENCY"]).plain() if budget is not None else "",
            dead_ends=round(100 * goals.dead_ends),
            approvals=round(goals.approvals),
            fairness=round(100 * goals.fairness),
        )

    @property
    def settings(self) -> Settings:
        budget = (self.budget.data or "").strip()
        goals = Goals(
            budget_minor=Money.parse(budget, current_app.config["DEFAULT_CURRENCY"]).minor if budget else None,
            dead_ends=(self.dead_ends.data or 0) / 100,
            approvals=float(self.approvals.data or 1),
            fairness=(self.fairness.data or 0) / 100,
        )
        return Settings(rate=None if self.rate.data is None else self.rate.data / 100, goals=goals)
