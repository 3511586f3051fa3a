"""What the gestures' screens send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from console.empowerment.kinds import GestureKind, Occasion
from console.gestures.catalogue import NEEDS, SENSITIVE, Sheet
from console.gestures.models import EntryState, Fulfilling, GestureVersion
from console.money import Money
from console.web import LARGEST_ID, stripped


class AmountField(StringField):
    """`.data` is the text as typed, `.amount` the Money once validated."""

    amount: Money

    def pre_validate(self, form: Any) -> None:
        if self.flags.optional and not (self.data or "").strip():
            return
        try:
            self.amount = Money.parse(self.data or "", current_app.config["DEFAULT_CURRENCY"])
        except ValueError:
            raise ValidationError("Enter an amount, such as 12.50") from None


def many(label: str, options: Mapping[str, str]) -> SelectMultipleField:
    """Any number of check boxes."""
    return SelectMultipleField(
        label,
        choices=[SelectChoice(value, text) for value, text in options.items()],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )


class OfferForm(FlaskForm):
    """One button of the panel. The key was made with the button, so a second click is the same offer."""

    version = IntegerField("Gesture", [InputRequired("Pick a gesture"), NumberRange(1, LARGEST_ID, "Pick a gesture")])
    key = StringField("Key", [InputRequired(), Regexp(r"[0-9a-f-]{16,64}\Z", message="Reload the page")])
    reason = StringField("Why", [Length(max=300, message="Say it in at most 300 characters")], filters=[stripped])
    reason_code = StringField("Reason", [Length(max=40, message="Pick one of the reasons")], filters=[stripped])
    cost = AmountField("Amount", [Optional()])
    suggestion = IntegerField("List", [Optional(), NumberRange(1, LARGEST_ID)])


class ReversalForm(FlaskForm):
    reason = TextAreaField(
        "Why it is taken back",
        [DataRequired("Say why"), Length(max=300, message="Say it in at most 300 characters")],
        filters=[stripped],
    )


class LedgerFilter(FlaskForm):
    """What the ledger's list is narrowed by; sent in the address."""

    class Meta:
        csrf = False

    state = SelectField(
        "State",
        choices=[SelectChoice("", "Every state"), *(SelectChoice(state.value, state.label) for state in EntryState)],
        default="",
    )
    agent = IntegerField("Agent", [Optional(), NumberRange(1, LARGEST_ID)])
    customer = IntegerField("Customer", [Optional(), NumberRange(1, LARGEST_ID)])
    before = IntegerField("Before", [Optional(), NumberRange(1, LARGEST_ID)])


class GestureForm(FlaskForm):
    """A price sheet. `version` is the version it was made from, 0 for a new gesture."""

    version = IntegerField(widget=HiddenInput(), default=0)
    kind = SelectField("Kind", choices=[SelectChoice(kind.value, kind.label) for kind in GestureKind])
    name = StringField(
        "Name", [DataRequired("Give it a name"), Length(max=120, message="At most 120 characters")], filters=[stripped]
    )
    blurb = TextAreaField("For the agent", [Length(max=300, message="At most 300 characters")], filters=[stripped])
    wording = TextAreaField(
        "What to say to the customer", [Length(max=300, message="At most 300 characters")], filters=[stripped]
    )
    cost = AmountField("Cost to us")
    face = AmountField("Face value")
    perceived = AmountField("Worth to the customer")
    tax = AmountField("Tax value")
    occasions = many("Fits", {occasion.value: occasion.label for occasion in Occasion})
    suits = StringField("Suits", [Length(max=600, message="At most 600 characters")], filters=[stripped])
    fulfilment = SelectField("How it comes about", choices=[SelectChoice(way.value, way.label) for way in Fulfilling])
    cash_like = BooleanField("As good as money")
    needs = many("Can only be given when we have", NEEDS)
    sensitive = many("Some people refuse it, because it is", SENSITIVE)
    least = AmountField("Smallest amount", [Optional()])
    step = AmountField("In steps of", [Optional()])
    valid_from = DateField("On offer from", [Optional()])
    valid_to = DateField("Until", [Optional()])

    def validate_occasions(self, field: SelectMultipleField) -> None:
        if not field.data:
            raise ValidationError("Say when it fits: after a failure, for no reason, or both")

    def sheet(self) -> Sheet:
        words = (word.strip() for word in (self.suits.data or "").split(","))
        return Sheet(
            name=self.name.data or "",
            blurb=self.blurb.data or "",
            wording=self.wording.data or "",
            cost=self.cost.amount,
            face=self.face.amount,
            perceived=self.perceived.amount,
            tax=self.tax.amount,
            occasions=tuple(Occasion(value) for value in self.occasions.data or ()),
            suits=tuple(dict.fromkeys(word[:60] for word in words if word)),
            fulfilment=Fulfilling(self.fulfilment.data),
            cash_like=bool(self.cash_like.data),
            needs=tuple(self.needs.data or ()),
            sensitive=tuple(self.sensitive.data or ()),
            least=self.least.amount if self.least.data else None,
            step=self.step.amount if self.step.data else None,
            valid_from=self.valid_from.data,
            valid_to=self.valid_to.data,
        )

    @classmethod
    def showing(cls, version: GestureVersion) -> GestureForm:
        """The form as a version fills it."""
        return cls(
            formdata=None,
            version=version.version,
            kind=version.gesture.kind.value,
            name=version.name,
            blurb=version.blurb,
            wording=version.wording,
            cost=version.cost.plain(),
            face=version.face.plain(),
            perceived=version.perceived.plain(),
            tax=version.tax.plain(),
            occasions=version.occasions,
            suits=", ".join(version.suits),
            fulfilment=version.fulfilment.value,
            cash_like=version.cash_like,
            needs=version.needs,
            sensitive=version.sensitive,
            least=plain(version.least_minor, version.currency),
            step=plain(version.step_minor, version.currency),
            valid_from=version.valid_from,
            valid_to=version.valid_to,
        )


def plain(minor: int | None, currency: str) -> str:
    return "" if minor is None else Money(minor, currency).plain()


class StockForm(FlaskForm):
    stock = IntegerField(
        "How many there are", [Optional(), NumberRange(0, 1_000_000, "Enter a whole number, or nothing for no end")]
    )


class CodesForm(FlaskForm):
    codes = TextAreaField("Codes, one a line", [DataRequired("Enter at least one code")], filters=[stripped])
