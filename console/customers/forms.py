"""What the screens about customers send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask import current_app
from flask_wtf import FlaskForm
from phonenumbers import SUPPORTED_REGIONS
from wtforms import BooleanField, DateField, Field, RadioField, SelectField, StringField, TextAreaField, TimeField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional, StopValidation, ValidationError

from console.card_numbers import REFUSAL, holds_card_number
from console.config import is_time_zone
from console.contacts import parse_email, parse_phone
from console.customers.editing import PLAIN, Details
from console.customers.models import BoundaryKind, Customer, Provenance, Tier
from console.web import stripped

CATEGORIES = [
    SelectChoice("delivery", "Delivery"),
    SelectChoice("contact", "Contact"),
    SelectChoice("product", "Products"),
    SelectChoice("style", "Taste and style"),
    SelectChoice("personal", "Personal"),
    SelectChoice("other", "Other"),
]
MONTHS = [SelectChoice("", "Month"), *(SelectChoice(str(n), date(2000, n, 1).strftime("%B")) for n in range(1, 13))]


def upper(text: str | None) -> str:
    return (text or "").upper()


def no_card_number(form: FlaskForm, field: Field) -> None:
    if holds_card_number(field.data or ""):
        raise ValidationError(REFUSAL)


class PreferenceForm(FlaskForm):
    text = StringField(
        "What they like",
        [DataRequired("Write what they like, such as “evening deliveries”"), Length(max=300), no_card_number],
        filters=[stripped],
    )
    category = SelectField("About", choices=CATEGORIES, default="other")
    provenance = SelectField(
        "How we know",
        choices=[
            SelectChoice(Provenance.STATED, "They said so"),
            SelectChoice(Provenance.OBSERVED, "I noticed it"),
        ],
        default=Provenance.STATED,
    )


def needed_for_calls(form: FlaskForm, field: TimeField) -> None:
    """A time must be there for calls; an empty one is nothing wrong otherwise."""
    if not any(text.strip() for text in field.raw_data or []):
        field.errors = []
        if form.kind.data == BoundaryKind.NO_CALLS_AFTER:
            raise StopValidation("Say after which time, such as 18:00")
        raise StopValidation


class BoundaryForm(FlaskForm):
    kind = RadioField(
        "What they refused",
        choices=[
            SelectChoice(BoundaryKind.NO_GIFTS, "No gifts"),
            SelectChoice(BoundaryKind.NO_CALLS_AFTER, "No calls after"),
            SelectChoice(BoundaryKind.OTHER, "Something else"),
        ],
        default=BoundaryKind.NO_GIFTS,
    )
    after = TimeField("Time", [needed_for_calls])
    text = StringField("In their words", [Length(max=300), no_card_number], filters=[stripped])

    def validate_text(self, field: StringField) -> None:
        if self.kind.data == BoundaryKind.OTHER and not field.data:
            raise ValidationError("Write what they do not want")


class ComplaintForm(FlaskForm):
    text = StringField(
        "What went wrong",
        [DataRequired("Write in a few words what went wrong"), Length(max=300), no_card_number],
        filters=[stripped],
    )


def with_ids(form: FlaskForm, start: str) -> FlaskForm:
    """The same form with ids of its own, for a page that holds several of one kind."""
    for field in form:
        field.id = f"{start}-{field.short_name}"
        field.label.field_id = field.id
    return form


def lines_of(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").replace("\0", "").splitlines() if line.strip()]


class CustomerForm(FlaskForm):
    first_name = StringField("First name", [Length(max=120)], filters=[stripped])
    last_name = StringField("Last name", [Length(max=120)], filters=[stripped])
    emails = TextAreaField("E-mail addresses", [Length(max=2000)], description="One on a line")
    phones = TextAreaField("Phone numbers", [Length(max=1000)], description="One on a line, as the customer says it")
    tier = SelectField(
        "Tier", choices=[SelectChoice(tier, tier.value.capitalize()) for tier in Tier], default=Tier.STANDARD
    )
    account = StringField("Company", [Length(max=200)], filters=[stripped])
    language = StringField("Language", [Length(max=16)], filters=[stripped], description="Such as en, cy or pl")
    time_zone = StringField("Time zone", [Length(max=64)], filters=[stripped], description="Such as Europe/London")
    country = StringField("Country", filters=[stripped, upper], description="Two letters, such as GB")
    customer_since = DateField("Customer since", [Optional()])
    street = StringField("Street", [Length(max=200)], filters=[stripped], description="With the number of the house")
    city = StringField("Town", [Length(max=120)], filters=[stripped])
    postcode = StringField("Postcode", [Length(max=20)], filters=[stripped])
    birth_day = StringField("Day", filters=[stripped])
    birth_month = SelectField("Month", choices=MONTHS, default="")
    marketing = BooleanField("May be sent offers")
    quote_notes = BooleanField("May be quoted on a delivery card")
    seen = StringField()

    def validate_first_name(self, field: StringField) -> None:
        if not field.data and not self.last_name.data:
            raise ValidationError("Enter a first or a last name")

    def validate_emails(self, field: TextAreaField) -> None:
        self.parsed_emails = each(parse_email, field.data)

    def validate_phones(self, field: TextAreaField) -> None:
        region = current_app.config["DEFAULT_REGION"]
        self.parsed_phones = each(lambda text: parse_phone(text, region), field.data)

    def validate_birth_day(self, field: StringField) -> None:
        if bool(field.data) != bool(self.birth_month.data):
            raise ValidationError("Enter both the day and the month, or neither")
        if field.data:
            try:
                # 2000 had a 29 February.
                date(2000, int(self.birth_month.data), int(field.data))
            except (ValueError, OverflowError):
                raise ValidationError("That day does not exist in that month") from None

    def validate_time_zone(self, field: StringField) -> None:
        if field.data and not is_time_zone(field.data):
            raise ValidationError("That is no time zone; write it as Europe/London")

    def validate_country(self, field: StringField) -> None:
        if field.data and field.data not in SUPPORTED_REGIONS:
            raise ValidationError("Write the country as two letters, such as GB")

    def details(self) -> Details:
        return Details(
            first_name=self.first_name.data,
            last_name=self.last_name.data,
            emails=self.parsed_emails,
            phones=self.parsed_phones,
            tier=Tier(self.tier.data),
            account=self.account.data or None,
            language=self.language.data or None,
            time_zone=self.time_zone.data or None,
            country=self.country.data or None,
            customer_since=self.customer_since.data,
            street=self.street.data or None,
            city=self.city.data or None,
            postcode=self.postcode.data or None,
            birth_month=int(self.birth_month.data) if self.birth_month.data else None,
            birth_day=int(self.birth_day.data) if self.birth_day.data else None,
            consents={"marketing": self.marketing.data, "quote_notes": self.quote_notes.data},
        )

    @classmethod
    def of(cls, customer: Customer) -> CustomerForm:
        plain = {name: getattr(customer, name) for name in PLAIN}
        more = {
            "account": customer.account.name if customer.account else "",
            "emails": "\n".join(email.address for email in customer.emails),
            "phones": "\n".join(phone.number for phone in customer.phones),
            "birth_day": str(customer.birth_day or ""),
            "birth_month": str(customer.birth_month or ""),
            "marketing": bool(customer.consents.get("marketing")),
            "quote_notes": bool(customer.consents.get("quote_notes")),
            "seen": customer.updated_at.isoformat(),
        }
        return cls(formdata=None, data=plain | more)


def each(parse: Callable[[str], str], text: str | None) -> list[str]:
    """Every line parsed, doubles left out. Raises ValidationError with the first line's fault."""
    try:
        return list(dict.fromkeys(parse(line) for line in lines_of(text)))
    except ValueError as error:
        raise ValidationError(str(error)) from None
