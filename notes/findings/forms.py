"""What the chips of findings send."""

from __future__ import annotations

from datetime import datetime

from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional

from console.customers.forms import CATEGORIES
from console.customers.models import BoundaryKind
from console.web import clock, zone
from notes.findings.models import FindingKind, NoteFinding
from notes.findings.proposing import Terms, usual_category
from notes.findings.recognising import boundary_meant
from notes.findings.wording import promise_words
from notes.forms import ClockField, DayField, due_moment, sensible
from notes.screening import tidy

BOUNDARIES = [
    SelectChoice(BoundaryKind.NO_GIFTS, "No gifts"),
    SelectChoice(BoundaryKind.NO_CALLS_AFTER, "No calls after"),
    SelectChoice(BoundaryKind.OTHER, "As written"),
]
END = "23:59"


def one_line(text: str | None) -> str:
    """Its box grows, but what is kept has no lines of its own."""
    return " ".join(tidy(text).split())


class FindingForm(FlaskForm):
    """A proposal as it would be kept. What its kind does not have stays empty."""

    text = StringField("What to keep", [Length(max=300, message="300 characters fit.")], filters=[one_line])
    category = SelectField("About", choices=CATEGORIES, default="other")
    due_on = DayField("By", [Optional(), sensible])
    due_at = ClockField("Time", [Optional(), sensible])
    boundary = SelectField("What is refused", choices=BOUNDARIES, default=BoundaryKind.OTHER)
    after = ClockField("Time", [Optional(), sensible])

    @classmethod
    def of(cls, finding: NoteFinding) -> FindingForm:
        """As it is proposed."""
        kind, after = boundary_meant(finding.text) if finding.kind is FindingKind.BOUNDARY else ("other", None)
        local = finding.due_at.astimezone(zone()) if finding.due_at else None
        at_a_time = local is not None and clock(local) != END
        return cls(
            formdata=None,
            text=promise_words(finding.text, finding.note.written_at, zone()) if finding.due_at else finding.text,
            category=usual_category(finding.text),
            due_on=local.date() if local else None,
            due_at=local.time() if local and at_a_time else None,
            boundary=kind,
            after=after,
        )

    def terms(self) -> Terms:
        due: datetime | None = due_moment(self.due_on.data, self.due_at.data) if self.due_on.data else None
        return Terms(self.text.data, self.category.data, due, BoundaryKind(self.boundary.data), self.after.data)
