"""Customers: a row is a person, known again by (source, external id), with several addresses and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from console.customers.models import Customer, Email, ExternalId, Phone, Tier
from console.customers.names import tokens_of
from console.customers.tokens import index_customers, index_new, insert_rows, table_of
from console.db import db
from console.events import Topic
from console.importing import fields, references
from console.importing.problems import BadRow
from console.importing.saving import Column, Happened, Kind, Outcome, Result, Run, Saved, Values, save, write_history

OWN = (
    "first_name",
    "last_name",
    "tier",
    "language",
    "time_zone",
    "street",
    "city",
    "postcode",
    "country",
    "customer_since",
)
CONSENTS = {"consent_marketing": "marketing", "consent_quote_notes": "quote_notes"}


def total(source: str) -> Select[int]:
    return select(func.count()).select_from(ExternalId).where(ExternalId.source == source)


def write(rows: Sequence[Values], run: Run) -> list[Result]:
    known = known_by([row["external_id"] for row in rows], run.source)
    accounts = references.accounts(references.named(rows, "account"))
    before = [known.get(row["external_id"]) for row in rows]
    wanted = [own_columns(row, accounts, old) for row, old in zip(rows, before, strict=True)]
    now = run.reading.now
    saved = save(Customer, wanted, before, only_new={"created_at": now, "updated_at": now})
    fresh = [(row, person.id) for row, person in zip(rows, saved, strict=True) if person.outcome is Outcome.INSERTED]
    if fresh:
        keys = [{"customer_id": number, "external_id": row["external_id"]} for row, number in fresh]
        insert_rows(ExternalId, [key | {"source": run.source} for key in keys])
        write_contacts(fresh)
        index_new({number: words_of(row) for row, number in fresh}, run.words)
    results = update_contacts(rows, saved, before, run)
    write_history(Customer, beginnings(rows, saved), {number for _, number in fresh}, now)
    return results


def own_columns(row: Values, accounts: dict[str, int], before: Row[Any] | None) -> Values:
    own = {name: row[name] for name in OWN if name in row}
    if row.get("name") and "first_name" not in row:
        own["first_name"], own["last_name"] = split_name(row["name"])
    for name in ("first_name", "last_name"):
        if name in own:
            own[name] = own[name] or ""
    if "birthday" in row:
        own["birth_month"], own["birth_day"] = row["birthday"] or (None, None)
    if "account" in row:
        own["account_id"] = accounts.get(row["account"])
    if given := {short: row[name] for name, short in CONSENTS.items() if row.get(name) is not None}:
        own["consents"] = {**(before.consents if before else {}), **given}
    return own


def split_name(name: str) -> tuple[str, str]:
    """First and last name of "Zofia Anna Zielińska" or "Zielińska, Zofia Anna"."""
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.rpartition(" ")
    if not first.strip():
        first, last = last, ""
    if max(len(first.strip()), len(last.strip())) > 120:
        raise BadRow("name is too long; 120 characters fit each of first and last name")
    return first.strip(), last.strip()


def known_by(external_ids: Sequence[str], source: str) -> dict[str, Row[Any]]:
    rows = db.session.execute(
        select(ExternalId.external_id.label("known_as"), *table_of(Customer).c)
        .join(Customer, Customer.id == ExternalId.customer_id)
        .where(ExternalId.source == source, ExternalId.external_id.in_(external_ids))
    )
    return {row.known_as: row for row in rows}


def write_contacts(people: Sequence[tuple[Values, int]]) -> None:
    addresses = [{"customer_id": n, "address": address} for row, n in people for address in row.get("email") or ()]
    numbers = [{"customer_id": n, "number": number} for row, n in people for number in row.get("phone") or ()]
    insert_rows(Email, addresses)
    insert_rows(Phone, numbers)


def update_contacts(rows: Sequence[Values], saved: Sequence[Saved], before: Sequence[Any], run: Run) -> list[Result]:
    """Add addresses and numbers that known customers lack; what colleagues added here is never removed."""
    old = {person.id: row for row, person in zip(rows, saved, strict=True) if person.outcome is not Outcome.INSERTED}
    missing = lacking(old)
    write_contacts([(row, number) for number, row in missing.items()])
    results: list[Result] = []
    renamed: list[int] = []
    for row, person, was in zip(rows, saved, before, strict=True):
        outcome = person.outcome
        if person.id in missing and outcome is Outcome.UNCHANGED:
            outcome = Outcome.UPDATED
        if outcome is Outcome.UPDATED and (names_differ(row, was) or missing.get(person.id, {}).get("email")):
            renamed.append(person.id)
        results.append(outcome)
    index_customers(renamed, run.words)
    return results


def lacking(old: dict[int, Values]) -> dict[int, Values]:
    """For each known customer, the addresses and numbers of the file that are not there yet."""
    missing: dict[int, Values] = {}
    for column, model, kept in (("email", Email, Email.address), ("phone", Phone, Phone.number)):
        given = {number: row[column] for number, row in old.items() if row.get(column)}
        if given:
            statement = select(model.customer_id, kept).where(model.customer_id.in_(given))
            there = set(db.session.execute(statement).all())
            for number, several in given.items():
                if new := [one for one in several if (number, one) not in there]:
                    missing.setdefault(number, {})[column] = new
    return missing


def names_differ(row: Values, was: Row[Any]) -> bool:
    own = own_columns(row, {}, was)
    return any(own.get(name, getattr(was, name)) != getattr(was, name) for name in ("first_name", "last_name"))


def words_of(row: Values) -> set[str]:
    own = own_columns(row, {}, None)
    return tokens_of(own.get("first_name", ""), own.get("last_name", ""), row.get("email") or ())


def beginnings(rows: Sequence[Values], saved: Sequence[Saved]) -> list[Happened]:
    return [
        Happened(
            "customer.created",
            Topic.PROFILE,
            datetime.combine(row["customer_since"], fields.NOON, UTC),
            customer_id=person.id,
            subject_id=person.id,
        )
        for row, person in zip(rows, saved, strict=True)
        if row.get("customer_since") and person.outcome is not Outcome.UNCHANGED
    ]


CUSTOMERS = Kind(
    "customers",
    (
        Column("external_id", fields.text(120), "the customer's key in the other system", required=True),
        Column("first_name", fields.text(120), "given names"),
        Column("last_name", fields.text(120), "family name"),
        Column("name", fields.text(250), 'the whole name, where the file has but one column; also "Last, First"'),
        Column("email", fields.addresses, "one or several, with semicolons between"),
        Column("phone", fields.phones, "one or several, with semicolons between; any format"),
        Column("account", fields.text(200), "the company they belong to"),
        Column("tier", fields.choice(Tier), "standard, silver or gold"),
        Column("language", fields.text(16), "such as en or pt-BR"),
        Column("time_zone", fields.time_zone, "such as Europe/London"),
        Column("street", fields.text(200), "with the number of the house"),
        Column("city", fields.text(120), ""),
        Column("postcode", fields.text(20), ""),
        Column("country", fields.region, "two letters, such as GB"),
        Column("customer_since", fields.past_day, "a day"),
        Column("birthday", fields.birthday, "05-14, or a whole date whose year is not kept"),
        Column("consent_marketing", fields.flag, "yes or no"),
        Column("consent_quote_notes", fields.flag, "yes or no: may their own words be quoted to them"),
    ),
    key=("external_id",),
    write=write,
    total=total,
)
