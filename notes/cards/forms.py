"""What the screens of delivery cards send."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired

from notes.cards.drafting import LONGEST_BODY, LONGEST_REASON, Words
from notes.cards.models import Paper
from notes.forms import worded
from notes.screening import fault_in, tidy


def fault_in_card(body: str) -> str | None:
    return fault_in(body, LONGEST_BODY, "Write the card first.", "The card")


def fault_in_reason(text: str) -> str | None:
    return fault_in(text, LONGEST_REASON, "Say why it is left out.", "The reason")


class CardForm(FlaskForm):
    """The words of a card, and what they are written on."""

    body = TextAreaField("Words", [worded(fault_in_card)], filters=[tidy], id="card-body")
    paper = RadioField("Paper", choices=[one.value for one in Paper], default=Paper.A6.value)
    version = HiddenField(validators=[InputRequired("Reload the page and change the card again.")])

    def words(self) -> Words:
        """As they were sent; a paper that there is none of counts as A6."""
        paper = Paper(self.paper.data) if self.paper.data in list(Paper) else Paper.A6
        return Words(self.body.data or "", paper)

    def seen_version(self) -> int:
        text = str(self.version.data)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


class ReasonForm(FlaskForm):
    because = StringField("Why?", [worded(fault_in_reason)], filters=[tidy], id="because")
