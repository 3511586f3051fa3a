"""Customers: looked up by what another system knows, read, added and changed."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask import current_app, url_for
from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, field_validator, model_validator
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from console.api.interactions import not_found
from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Asked, Candidate, ExternalIdText, Id, Moment, Sent, SourceText, Told, line
from console.api.scopes import Scope
from console.auth.permissions import Permission, allowed
from console.config import is_time_zone
from console.contacts import parse_email, parse_phone
from console.customers.editing import Details, already_known, change_customer, create_customer
from console.customers.models import Customer, ExternalId, Tier
from console.customers.profile import show_all_contacts
from console.customers.queries import boundaries_for, customer_with_contacts, preferences_for
from console.customers.recognising import Clues, customer_called, recognise
from console.db import db
from console.errors import Stale

READ, WRITE = Scope.CUSTOMERS_READ, Scope.CUSTOMERS_WRITE
MOST_CONTACTS = 20
PLAIN = (
    "first_name", "last_name", "tier", "language", "time_zone", "street", "city", "postcode", "country",
    "customer_since", "birth_month", "birth_day",
)  # fmt: skip


class ExternalIdTold(Told):
    source: str
    external_id: str


class CustomerTold(Told):
    id: int
    name: str
    first_name: str
    last_name: str
    account: str | None = Field(description="The company.")
    tier: Tier
    language: str | None = Field(description="BCP 47.")
    time_zone: str | None = Field(description="IANA.")
    street: str | None
    city: str | None
    postcode: str | None
    country: str | None = Field(description="ISO 3166.")
    customer_since: date | None
    birth_month: int | None
    birth_day: int | None
    consents: dict[str, bool]
    emails: list[str] = Field(description="Masked, unless asked for in full.")
    phones: list[str] = Field(description="Masked, unless asked for in full.")
    external_ids: list[ExternalIdTold]
    created_at: Moment
    updated_at: Moment
    url: str

    @classmethod
    def of(cls, row: Customer, *, is_full: bool = False) -> CustomerTold:
        return cls(
            **{name: getattr(row, name) for name in ("id", "name", "created_at", "updated_at", *PLAIN)},
            account=row.account.name if row.account else None,
            consents={name: bool(value) for name, value in (row.consents or {}).items()},
            emails=[one.address if is_full else one.masked for one in row.emails],
            phones=[one.number if is_full else one.masked for one in row.phones],
            external_ids=[ExternalIdTold(source=one.source, external_id=one.external_id) for one in row.external_ids],
            url=url_for("assist.workspace", customer_id=row.id, _external=True),
        )


class CustomerDetailTold(CustomerTold):
    boundaries: list[str] = Field(description="What they refused. Obey it.")
    preferences: list[str]
    open_complaints: int


class CustomersFound(Told):
    is_guess: bool = Field(description="Not all that was asked for fits.")
    items: list[CustomerTold]


class LookUp(Asked):
    """At least one of them."""

    phone: Annotated[str, line(40, 1)] | None = None
    email: Annotated[str, line(254, 1)] | None = None
    order: Annotated[str, line(120, 1)] | None = Field(None, description="An order's number.")
    external_id: ExternalIdText | None = None
    source: SourceText | None = Field(None, description="Whose external id it is; left out: anybody's.")


class CustomerAsked(Asked):
    contacts: bool = Field(False, description="E-mails and phones in full. That it was asked for stays on record.")


class CustomerSent(Sent):
    """What is left out stays as it is; `null` takes it away. Lists replace what was there."""

    source: SourceText = Field(examples=["shop"])
    external_id: ExternalIdText
    id: Id | None = Field(None, description="Of a customer who is here already, to give them this external id.")
    seen_updated_at: Moment | None = Field(None, description="Refuse when somebody changed it after that.")
    first_name: Annotated[str, line(120)] = ""
    last_name: Annotated[str, line(120)] = ""
    account: Annotated[str, line(200)] | None = None
    tier: Tier = Tier.STANDARD
    language: Annotated[str, line(16)] | None = None
    time_zone: Annotated[str, line(64)] | None = None
    street: Annotated[str, line(200)] | None = None
    city: Annotated[str, line(120)] | None = None
    postcode: Annotated[str, line(20)] | None = None
    country: Annotated[str, line(2, 2)] | None = None
    customer_since: date | None = None
    birth_month: int | None = Field(None, ge=1, le=12)
    birth_day: int | None = Field(None, ge=1, le=31)
    emails: list[Annotated[str, line(254, 1)]] = Field([], max_length=MOST_CONTACTS)
    phones: list[Annotated[str, line(40, 1)]] = Field([], max_length=MOST_CONTACTS)
    marketing: bool | None = Field(None, description="May be sent offers.")
    quote_notes: bool | None = Field(None, description="May be quoted on a delivery card.")

    @field_validator("emails")
    @classmethod
    def read_emails(cls, sent: list[str]) -> list[str]:
        return list(dict.fromkeys(parse_email(one) for one in sent))

    @field_validator("phones")
    @classmethod
    def read_phones(cls, sent: list[str]) -> list[str]:
        return list(dict.fromkeys(parse_phone(one, current_app.config["DEFAULT_REGION"]) for one in sent))

    @field_validator("country")
    @classmethod
    def known_country(cls, sent: str | None) -> str | None:
        if sent is not None and sent.upper() not in SUPPORTED_REGIONS:
            raise ValueError("Write the country as two letters, such as GB")
        return sent.upper() if sent else sent

    @field_validator("time_zone")
    @classmethod
    def known_time_zone(cls, sent: str | None) -> str | None:
        if sent and not is_time_zone(sent):
            raise ValueError("That is no time zone; write it as Europe/London")
        return sent

    @model_validator(mode="after")
    def real_birthday(self) -> CustomerSent:
        if (self.birth_day is None) != (self.birth_month is None):
            raise ValueError("Send both birth_day and birth_month, or neither")
        if self.birth_day and self.birth_month:
            date(2000, self.birth_month, self.birth_day)  # 2000 had a 29 February
        return self

    def details(self, known: Customer | None) -> Details:
        """What is sent over what is known."""
        kept = {name: getattr(known, name) for name in PLAIN} if known else {}
        if known:
            kept["account"] = known.account.name if known.account else None
            kept["emails"] = [one.address for one in known.emails]
            kept["phones"] = [one.number for one in known.phones]
        sent = {name: getattr(self, name) for name in (*PLAIN, "account", "emails", "phones")}
        if known:
            sent = {name: value for name, value in sent.items() if name in self.model_fields_set}
        consents = {"marketing": self.marketing, "quote_notes": self.quote_notes}
        given = {name: value for name, value in consents.items() if value is not None}
        return Details(**(kept | sent), consents=given)


@operation("GET", "/customers", READ, {200: CustomersFound}, query=LookUp)
def look_up_customers(caller: Caller, query: LookUp) -> Answer:
    """Who is on the line: everybody whom all that is asked fits, or failing that any of it."""
    clues = Clues(**query.model_dump(exclude_none=True))
    if not any((clues.phone, clues.email, clues.order, clues.external_id)):
        raise Refusal.of_field("phone", "Ask by phone, email, order or external_id.")
    found = recognise(clues)
    return Answer(CustomersFound(is_guess=found.is_guess, items=[CustomerTold.of(one) for one in found.customers]))


@operation("GET", "/customers/<int:customer_id>", READ, {200: CustomerDetailTold}, query=CustomerAsked, problems=(404,))
def read_customer(caller: Caller, customer_id: int, query: CustomerAsked) -> Answer:
    """One customer, with what they refused and what they like."""
    row = customer_with_contacts(customer_id) or not_found("customer")
    if query.contacts:
        if not allowed(caller.user, Permission.SHOW_CONTACT_DETAILS):
            raise Refusal(403, "", f"The role of {caller.user.name} does not allow contact details in full.")
        show_all_contacts(row, actor_id=caller.id, now=caller.now)
    told = CustomerTold.of(row, is_full=query.contacts).model_dump()
    return Answer(
        CustomerDetailTold(
            **told,
            boundaries=[one.title for one in boundaries_for(customer_id)],
            preferences=[one.text for one in preferences_for(customer_id)],
            open_complaints=len(row.open_complaints),
        )
    )


@operation(
    "POST",
    "/customers",
    WRITE,
    {201: CustomerTold, 200: CustomerTold},
    body=CustomerSent,
    problems=(409,),
    example={
        "source": "shop",
        "external_id": "c-77",
        "first_name": "Isla",
        "last_name": "Mercer",
        "emails": ["isla@example.com"],
    },
)
def upsert_customer(caller: Caller, body: CustomerSent) -> Answer:
    """Add a customer, or change the one your system calls so.

    A new customer who shares an e-mail or a phone with somebody is refused with 409 and the `candidates`: send the
    right one's `id` to make them the same person.
    """
    try:
        with db.session.begin_nested():
            return upserted(caller, body)
    except IntegrityError:  # the same one was sent twice at once, and is here by now
        return upserted(caller, body)


def upserted(caller: Caller, body: CustomerSent) -> Answer:
    hold(body)
    known = customer_called(body.source, body.external_id)
    if known is None and body.id is not None:
        known = customer_with_contacts(body.id)
        if known is None:
            raise Refusal.of_field("id", "No customer has this id.")
        known.external_ids.append(ExternalId(source=body.source, external_id=body.external_id))
    elif known is not None and body.id not in (None, known.id):
        raise Refusal.of_field("id", "Another customer has this source and external_id already.")
    details = body.details(known)
    if not (details.first_name or details.last_name):
        raise Refusal.of_field("first_name", "Send a first or a last name.")
    if known is None:
        row = added(caller, body, details)
        return Answer(CustomerTold.of(row), 201, url_for("api.read_customer", customer_id=row.id))
    seen = body.seen_updated_at or known.updated_at
    try:
        return Answer(CustomerTold.of(change_customer(known, details, seen=seen, actor_id=caller.id, now=caller.now)))
    except Stale:
        detail = "Somebody else changed this customer meanwhile; nothing was saved. Read it again, then send yours."
        raise Refusal(409, "changed-meanwhile", detail) from None


def hold(body: CustomerSent) -> None:
    """Let nobody else write to the customer until the commit: what is sent at once is done one after the other."""
    called = select(ExternalId.customer_id).where(
        ExternalId.source == body.source, ExternalId.external_id == body.external_id
    )
    which = Customer.id == body.id if body.id is not None else Customer.id.in_(called)
    same = update(Customer).where(which).values(updated_at=Customer.updated_at)
    db.session.execute(same.execution_options(synchronize_session=False))


def added(caller: Caller, body: CustomerSent, details: Details) -> Customer:
    if others := already_known(details):
        raise Refusal(
            409,
            "known-already",
            "Somebody has that e-mail or phone already. Send the id of the one it is.",
            candidates=[Candidate.of(one).model_dump() for one in others],
        )
    row = create_customer(details, actor_id=caller.id, now=caller.now)
    row.external_ids.append(ExternalId(source=body.source, external_id=body.external_id))
    db.session.flush()
    return row
