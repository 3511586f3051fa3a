"""What the screens of feedback, flags and suggestions send."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import HiddenInput

from knowledge.flagging import ANSWERS, REASONS
from knowledge.forms import LONGEST_BODY, tidy
from knowledge.models import FlagReason, FlagState

TIDY = [tidy, str.strip]


class FlagForm(FlaskForm):
    """What is the matter with an article."""

    reason = SelectField(
        "What is the matter",
        [InputRequired("Choose what is the matter")],
        choices=[SelectChoice(reason.value, words) for reason, words in REASONS.items()],
        default=FlagReason.WRONG.value,
    )
    comment = TextAreaField("What should it say", [Length(max=500, message="At most 500 characters")], filters=TIDY)

    def for_article(self, article_id: int) -> FlagForm:
        """With ids of its own: a page may hold one for each card."""
        for field in self:
            field.id = f"flag-{article_id}-{field.short_name}"
            field.label.field_id = field.id
        return self


class FlagAnswerForm(FlaskForm):
    state = RadioField(
        "What became of it",
        [InputRequired("Choose one")],
        choices=[SelectChoice(state.value, words) for state, words in ANSWERS.items()],
        default=FlagState.FIXED.value,
    )
    answer = TextAreaField("Your answer", [Length(max=500, message="At most 500 characters")], filters=TIDY)


class SuggestionForm(FlaskForm):
    """A better text. `revision` is the one that its author read."""

    revision = IntegerField(widget=HiddenInput(), default=0)
    body = TextAreaField(
        "The text",
        [
            DataRequired("Leave the article's words, and change what is wrong"),
            Length(max=LONGEST_BODY, message=f"At most {LONGEST_BODY:,} characters"),
        ],
        filters=TIDY,
    )
    comment = TextAreaField(
        "What you changed, and why", [Length(max=500, message="At most 500 characters")], filters=TIDY
    )
