"""The customers: those of the stories, and some hundreds more with names as they meet in Britain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import select

from console.customers.models import Account, Customer, Email, ExternalId, Phone, Tier
from console.customers.names import fold
from console.db import db
from console.demo.days import Days
from console.demo.diary import Diary
from console.demo.reading import SOURCE, table
from console.events import Topic

SEED = "larch and lantern"
TRADE = 14  # customers who buy for a company, besides those of the stories
MOBILE, ELSEWHERE = "+447700900", "+441632960"  # ranges that Ofcom keeps for drama; three digits more
LANDLINES = {"sheffield": "+441144960", "bristol": "+441174960", "london": "+442079460"}
LETTERS = "ABDEFGHJLNPQRSTUWXYZ"  # those that the second half of a postcode uses


@dataclass
class Person:
    """A customer, and what the rest of the load wants to know about them. `tale` is a story's own text."""

    customer: Customer
    number: int
    is_far: bool = False  # Highlands, islands, Northern Ireland
    is_abroad: bool = False  # beyond our own vans: not England or Wales
    is_woman: bool = True
    is_trade: bool = False  # buys for a company
    tale: dict[str, Any] = field(default_factory=dict)

    def random(self, purpose: str) -> Random:
        """Chance of this person's own, so that nobody's history depends on how many others there are."""
        return Random(f"{SEED}/{purpose}/{self.tale.get('key', self.number)}")


class Register:
    """Hands out names, phones, addresses and accounts, none twice."""

    def __init__(self, days: Days) -> None:
        self.days = days
        self.names: set[tuple[str, str]] = set()
        self.phones: set[str] = set()
        self.emails: set[str] = set()
        self.accounts = {account.name: account for account in db.session.scalars(select(Account))}

    def account(self, name: str | None) -> Account | None:
        if name and name not in self.accounts:
            self.accounts[name] = Account(name=name, is_demo=True)
        return self.accounts[name] if name else None

    def phone(self, random: Random, prefix: str) -> str:
        while (number := f"{prefix}{random.randrange(1000):03}") in self.phones:
            pass
        self.phones.add(number)
        return number

    def email(self, random: Random, first: str, last: str) -> str:
        first, last = (fold(word).replace(" ", "").replace("'", "") for word in (first, last))
        local = random.choice(
            [f"{first}.{last}", f"{first}.{last}", f"{first[0]}.{last}", f"{first}{last}", f"{last}.{first}"]
        )
        domain = random.choice(table("names")["mailboxes"])
        numbered = (f"{local}{number or ''}@{domain}" for number in count())
        address = next(address for address in numbered if address not in self.emails)
        self.emails.add(address)
        return address


def everybody(days: Days, number: int, diary: Diary) -> list[Person]:
    """All customers, in the session and flushed: the stories' first, then `number` more."""
    register = Register(days)
    people = [*told(register), *generated(register, number)]
    db.session.add_all(person.customer for person in people)
    db.session.flush()
    for person in people:
        customer = person.customer
        diary.add("customer.created", Topic.PROFILE, customer, customer, customer.created_at)
    return people


def told(register: Register) -> Iterator[Person]:
    for number, tale in enumerate(table("people"), 1):
        month, _, day = (tale["birthday"] or "").partition("-")
        customer = Customer(
            **{name: tale[name] for name in ("first_name", "last_name", "city", "postcode", "country", "language")},
            street=tale.get("street"),
            time_zone=tale["time_zone"],
            tier=Tier(tale["tier"]),
            account=register.account(tale["account"]),
            birth_month=int(month) if month else None,
            birth_day=int(day) if day else None,
            consents=dict(tale["consents"]),
        )
        register.names.add((tale["first_name"], tale["last_name"]))
        register.phones.update(tale["phones"])
        register.emails.update(tale["emails"])
        person = Person(
            customer, number, *where(tale["city"], tale["postcode"]), is_trade=bool(tale["account"]), tale=tale
        )
        yield complete(person, tale["emails"], tale["phones"], tale["since_days"], register.days)


def generated(register: Register, number: int) -> Iterator[Person]:
    names, places = table("names"), table("places")
    twins = [(first, last, town) for first, last, *towns in names["twins"] for town in towns]
    for place in range(number):
        random = Random(f"{SEED}/person/{place}")
        company = None
        if place < TRADE:
            company, city = names["accounts"][place % len(names["accounts"])]
            town = next(town for town in places["towns"] if town[0] == city)
        else:
            town = random.choices(places["towns"], [town[2] for town in places["towns"]])[0]
        first, last, language, is_woman = fresh_name(random, region(town[0]), register)
        if 0 <= place - TRADE < len(twins):
            first, last, city = twins[place - TRADE]
            is_woman = any(first in group["women"] for group in names["groups"])
            town = next(town for town in places["towns"] if town[0] == city)
        yield somebody(random, place, (first, last, language, is_woman), town, company, register)


def somebody(
    random: Random,
    place: int,
    name: tuple[str, str, str, bool],
    town: list[Any],
    company: str | None,
    register: Register,
) -> Person:
    first, last, language, is_woman = name
    since = round(random.choice([random.uniform(5, 700), random.uniform(200, 1800), random.triangular(700, 5300, 900)]))
    birthday = date(2000, 1, 1) + timedelta(days=random.randrange(366)) if random.random() < 0.3 else None
    customer = Customer(
        first_name=first,
        last_name=last,
        city=town[0],
        postcode=f"{random.choice(town[1])} {random.randrange(1, 10)}{random.choice(LETTERS)}{random.choice(LETTERS)}",
        country="GB",
        language=language if random.random() < 0.4 else "en",
        time_zone="Europe/London",
        account=register.account(company),
        birth_month=birthday.month if birthday else None,
        birth_day=birthday.day if birthday else None,
        consents={"marketing": random.random() < 0.55, "quote_notes": random.random() < 0.5},
    )
    emails = [register.email(random, first, last)]
    if random.random() < 0.08:
        emails.append(register.email(random, first, last))
    landline = register.phone(random, LANDLINES.get(town[3], ELSEWHERE)) if random.random() < 0.18 else None
    mobile = register.phone(random, MOBILE) if landline is None or random.random() < 0.5 else None
    phones = [phone for phone in (mobile, landline) if phone] if random.random() < 0.96 else []
    person = Person(customer, 100 + place, *where(town[0]), is_woman=is_woman, is_trade=bool(company))
    return complete(person, emails, phones, max(since, 400) if company else since, register.days)


def complete(person: Person, emails: list[str], phones: list[str], since: int, days: Days) -> Person:
    customer, random = person.customer, person.random("register")
    customer.emails = [Email(address=address) for address in emails]
    customer.phones = [Phone(number=number) for number in phones]
    customer.external_ids = [ExternalId(source=SOURCE, external_id=f"C{20_000 + person.number * 7}")]
    customer.is_demo = True
    customer.customer_since = days.day(since)
    customer.created_at = customer.updated_at = days.some_time(random, days.day(since), "07:10", "07:25")
    return person


def fresh_name(random: Random, at_home: str, register: Register) -> tuple[str, str, str, bool]:
    """First name, last name, language, and whether it is a woman's."""
    groups = table("names")["groups"]
    weights = [group["weight"] * (7 if at_home and group.get("region") == at_home else 1) for group in groups]
    while True:
        group = random.choices(groups, weights)[0]
        is_woman = random.random() < 0.58
        first, last = random.choice(group["women" if is_woman else "men"]), random.choice(group["last"])
        if is_woman:
            last = group.get("feminine", {}).get(last, last)
        second = random.choice(group["last"])
        if is_woman and random.random() < 0.04 and "feminine" not in group and second != last:
            last = f"{last}-{second}"
        if (first, last) not in register.names:
            register.names.add((first, last))
            return first, last, group.get("language", "en"), is_woman


def region(city: str) -> str:
    return next((name for name, cities in table("places")["regions"].items() if city in cities), "")


def where(city: str, postcode: str = "") -> tuple[bool, bool]:
    """Whether parcels take two days longer, and whether our own vans do not go there."""
    towns = {town[0]: town[3] for town in table("places")["towns"]}
    is_far = towns.get(city) == "far" or postcode.startswith(("BT", "HS", "IV", "KW", "ZE"))
    return is_far, is_far or region(city) in {"scotland", "ireland"}
