"""What the gestures' screens send."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, Regexp
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from console.empowerment.forms import AmountField, stripped
from console.gestures.catalogue import Sheet
from console.gestures.kinds import GestureKind, Occasion
from console.gestures.models import EntryState, GestureVersion
from console.web import LARGEST_ID


class OfferForm(FlaskForm):
    """One button of the panel. The key was made with the button, so a second click is the same offer."""

    version = IntegerField("Gesture", [InputRequired("Pick a gesture"), NumberRange(1, LARGEST_ID, "Pick a gesture")])
    key = StringField("Key", [InputRequired(), Regexp(r"[0-9a-f-]{16,64}\Z", message="Reload the page")])
    reason = StringField("Why", [Length(max=300, message="Say it in at most 300 characters")], filters=[stripped])


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
    occasions = SelectMultipleField(
        "Fits",
        [InputRequired("Say when it fits: after a failure, for no reason, or both")],
        choices=[SelectChoice(occasion.value, occasion.label) for occasion in Occasion],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    suits = StringField("Suits", [Length(max=600, message="At most 600 characters")], filters=[stripped])

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
        )
