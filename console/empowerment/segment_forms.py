"""The form of a segment; its rule is read beside it (rule_forms)."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from console.empowerment.models import CustomerSegment
from console.empowerment.rules import LONGEST_NAME


def one_line(text: str | None) -> str:
    return " ".join((text or "").replace("\0", "").split())


class SegmentForm(FlaskForm):
    name = StringField(
        "Name",
        [InputRequired("Give it a name"), Length(max=LONGEST_NAME, message=f"{LONGEST_NAME} letters at most")],
        filters=[one_line],
    )
    description = TextAreaField(
        "What it is for", [Optional(), Length(max=300, message="300 letters at most")], filters=[one_line]
    )
    revision = IntegerField(widget=HiddenInput(), default=0, validators=[Optional()])

    @classmethod
    def of(cls, segment: CustomerSegment) -> SegmentForm:
        return cls(formdata=None, name=segment.name, description=segment.description, revision=segment.revision)
