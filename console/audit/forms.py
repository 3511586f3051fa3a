"""The record's filters, from the address."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from flask_wtf import FlaskForm
from wtforms import DateField, IntegerField, SearchField, SelectField
from wtforms.validators import Length, NumberRange, Optional, ValidationError

from console.audit.phrases import PHRASES
from console.audit.queries import Filters
from console.events import Topic
from console.web import LARGEST_ID, zone
from notes.forms import DayField

TOPICS = {"": "Every topic"} | {topic.value: topic.value.capitalize() for topic in Topic}
KINDS = {"": "Every act"} | {kind: kind.replace(".", ": ").replace("_", " ") for kind in sorted(PHRASES)}
SOMEBODY = NumberRange(1, LARGEST_ID, "There is nobody of that number.")
OUR_TIMES = NumberRange(2000, 2999)


def of_our_times(form: FlaskForm, field: DateField) -> None:
    if field.data and not OUR_TIMES.min <= field.data.year <= OUR_TIMES.max:
        raise ValidationError("Choose a day after the year 2000.")


class FilterForm(FlaskForm):
    class Meta:
        csrf = False

    topic = SelectField("Topic", choices=TOPICS, invalid_choice_message="Choose from the list.")
    kind = SelectField("Act", choices=KINDS, invalid_choice_message="Choose from the list.")
    actor = IntegerField("Done by", [Optional(), SOMEBODY])
    customer = SearchField("Customer", [Length(max=100, message="Use at most 100 characters.")])
    customer_id = IntegerField("Customer", [Optional(), SOMEBODY])
    first = DayField("From", [Optional(), of_our_times])
    last = DayField("To", [Optional(), of_our_times])

    def validate_last(self, field: DateField) -> None:
        if field.data and self.first.data and field.data < self.first.data:
            raise ValidationError("The last day is before the first. Swap them.")

    def filters(self) -> Filters:
        """What a valid form asks for; days are the shop's, the last one included."""
        last = self.last.data + timedelta(days=1) if self.last.data else None
        return Filters(
            topic=Topic(self.topic.data) if self.topic.data else None,
            kind=self.kind.data or None,
            actor_id=self.actor.data,
            customer_id=self.customer_id.data,
            since=datetime.combine(self.first.data, time(), zone()) if self.first.data else None,
            until=datetime.combine(last, time(), zone()) if last else None,
        )
