"""Short past conversations of everybody else: what it was about, what was done, how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any, Generic, TypeVar

from console.auth.models import User
from console.customers.models import OrderStatus
from console.demo.days import Days
from console.demo.orders import Purchase
from console.demo.people import SEED, Person
from console.demo.reading import SOURCE, Ware, table
from console.demo.talks import Staff, Talk, Vow
from console.interactions.models import Channel, Interaction, WrapUpCode
from notes.models import Promise, PromiseState

Item = TypeVar("Item")

PER_ORDER = 0.15  # how often an order leads to a conversation
DESKS = {
    "late_delivery": ["ruth", "ben", "agnieszka", "ruth", "maya", "tom"],
    "missing_parcel": ["ruth", "ben", "agnieszka", "daniel"],
    "trade": ["dana", "luis", "imogen"],
    "complaint": ["amara", "colin", "maya", "daniel", "priya"],
}
FRONT_LINE = ["maya", "daniel", "priya", "tom", "maya", "priya"]
STUDIO = ["dana", "luis", "imogen"]
CHANNELS = [("phone", 11), ("chat", 6), ("email", 5), ("visit", 1)]
IN_WRITING = re.compile(r"\b(sent|photographs?|photo|in writing|earlier messages|e-mail|PDF|chat)\b")
ALOUD = re.compile(r"\b(rang|read out|together|queue|asked|laughed|chat)\b", re.IGNORECASE)
LENGTHS = {"phone": (3, 14), "chat": (4, 16), "email": (5, 25), "visit": (10, 40)}  # minutes
DAYS_WORDS = {1: "a day", 2: "two days", 3: "three days", 4: "four days", 5: "five days", 6: "six days", 7: "a week"}


class Deck(Generic[Item]):
    """Hands out each item once before any comes again, so that texts repeat as late as they can."""

    def __init__(self, items: Sequence[Item], name: str) -> None:
        self.items, self.random, self.left = list(items), Random(f"{SEED}/{name}"), list[Item]()

    def draw(self) -> Item:
        if not self.left:
            self.left = self.random.sample(self.items, len(self.items))
        return self.left.pop()


class Chatter:
    """Makes conversations from the situations of shop/talks.yaml."""

    def __init__(self, staff: Staff, days: Days) -> None:
        self.staff = staff
        self.days = days
        self.situations: list[dict[str, Any]] = table("talks")
        self.cases = [Deck(situation["cases"], f"cases/{place}") for place, situation in enumerate(self.situations)]
        self.complaints = [
            Deck(situation.get("complaint", [""]), f"complaints/{place}")
            for place, situation in enumerate(self.situations)
        ]
        self.promises = Deck(table("notes")["promises"], "promises")

    def talks(self, person: Person, history: list[Purchase]) -> Iterator[Talk]:
        """A customer's conversations: some about orders, now and then one about nothing in particular."""
        random = person.random("talks")
        for bought in history:
            if random.random() < self.chance(bought):
                yield from self.about(random, person, bought)
        if random.random() < 0.12:
            yield from self.about(random, person, None)

    def chance(self, bought: Purchase) -> float:
        parcel = bought.delivery
        if parcel and parcel.days_late(self.days.today) > 1:
            return 0.6
        return (
            0.4 if bought.order.status is OrderStatus.RETURNED else PER_ORDER * (0.6 if bought.person.is_trade else 1)
        )

    def about(self, random: Random, person: Person, bought: Purchase | None) -> Iterator[Talk]:
        fitting = [
            (place, situation)
            for place, situation in enumerate(self.situations)
            if self.fits(situation, person, bought)
        ]
        if not fitting:
            return
        place, situation = random.choices(fitting, [one["weight"] for _, one in fitting])[0]
        start = self.moment(random, situation, person, bought)
        case = self.cases[place].draw()
        channel = self.channel(random, case, start)
        end = start + timedelta(minutes=random.randint(*LENGTHS[channel]))
        if start > bought_at(bought) and end < self.days.now - timedelta(minutes=5):
            yield self.talk(random, person, bought, (place, situation), (case, channel, start, end))

    def channel(self, random: Random, case: list[str], start: datetime) -> str:
        """What fits the words and the hour: after closing time people write."""
        words = " ".join(case)
        found = random.choices([name for name, _ in CHANNELS], [weight for _, weight in CHANNELS])[0]
        if not self.days.is_open(start) or (IN_WRITING.search(words) and not ALOUD.search(words)):
            return random.choice(["email", "chat"]) if self.days.is_open(start) else "email"
        return "phone" if found == "visit" and (ALOUD.search(words) or start.weekday() == 0) else found

    def fits(self, situation: dict[str, Any], person: Person, bought: Purchase | None) -> bool:
        """Whether that happened with this order: something late, something that arrived, something sent back."""
        about = situation["about"]
        if about == "none" or bought is None:
            return about == "none" and bought is None
        parcel, status = bought.delivery, bought.order.status
        if about == "trade":
            return person.is_trade
        if "categories" in situation and bought.wares[0].category not in situation["categories"]:
            return False
        has_come = parcel is not None and parcel.delivered_at is not None
        return {
            "late": parcel is not None and parcel.days_late(self.days.today) > 0,
            "arrived": has_come and status is OrderStatus.DELIVERED,
            "returned": status is OrderStatus.RETURNED,
            "sent_back": status is OrderStatus.RETURNED,
            "open": status is not OrderStatus.CANCELLED,
            "bought": status is not OrderStatus.CANCELLED,
        }[about]

    def moment(self, random: Random, situation: dict[str, Any], person: Person, bought: Purchase | None) -> datetime:
        """When they got in touch: never before what it is about."""
        if bought is None:
            since = (self.days.today - (person.customer.customer_since or self.days.today)).days
            return self.days.opening(random, self.days.day(random.randint(0, min(since, 700))))
        parcel, about = bought.delivery, situation["about"]
        after = bought.placed_at
        if about == "late" and parcel and parcel.promised_on:
            return self.days.opening(random, parcel.promised_on + timedelta(days=1))
        if about in {"arrived", "bought"} and parcel and parcel.delivered_at:
            after = parcel.delivered_at + timedelta(days=random.choice([0, 1, 1, 2, 3, 5, 9, 16, 40]))
        if about == "returned" and parcel and parcel.returned_at:
            after = parcel.returned_at + timedelta(days=random.randint(4, 9))
        if about == "open":
            return after + timedelta(minutes=random.randint(8, 60))
        if about == "sent_back" and parcel and parcel.delivered_at and parcel.returned_at:
            after = parcel.delivered_at + (parcel.returned_at - parcel.delivered_at) * 0.4
        day = after.astimezone(self.days.zone).date() + timedelta(days=1)
        return self.days.opening(random, day) if day <= self.days.today else self.days.now

    def talk(
        self,
        random: Random,
        person: Person,
        bought: Purchase | None,
        situation: tuple[int, dict[str, Any]],
        told: tuple[list[str], str, datetime, datetime],
    ) -> Talk:
        (place, tale), (case, channel, start, end) = situation, told
        agent = self.agent(random, tale["code"], channel)
        resolved = random.random() < tale["resolved"]
        answers = random.random() < 0.42
        subject, reason, resolution, result = (self.said(text, place, person, bought) for text in case)
        row = Interaction(
            source=SOURCE,
            channel=Channel(channel),
            subject=subject,
            reason=reason,
            resolution=resolution,
            result=result if resolved else random.choice(UNSOLVED),
            wrap_up_code=WrapUpCode(tale["code"]),
            resolved=resolved,
            csat=(random.choice(tale["csat"]) if resolved else random.choice([1, 2, 2, 3])) if answers else None,
        )
        answered = self.days.awake(end + timedelta(hours=random.uniform(0.3, 40)))
        talk = Talk(person, agent, row, start, end, about=bought, surveyed_at=answered)
        if random.random() < 0.55 and tale["articles"]:
            talk.articles = [random.choice(tale["articles"])]
        self.settle(random, talk, tale, place)
        return talk

    def settle(self, random: Random, talk: Talk, tale: dict[str, Any], place: int) -> None:
        """A complaint now and then, and a gesture where one was called for."""
        age = self.days.now - talk.ended_at
        if tale.get("complaint") and random.random() < (0.9 if tale["code"] == "complaint" else 0.16):
            talk.complaint = self.said(self.complaints[place].draw(), place, talk.person, talk.about)
            settled = talk.ended_at + timedelta(days=random.choice([0, 0, 1, 2, 4]), minutes=30)
            talk.settled_at = settled if settled < self.days.now and age > timedelta(days=2) else None
        if tale["gestures"] and random.random() < (0.6 if talk.complaint else 0.28):
            code = random.choices(list(tale["gestures"]), list(tale["gestures"].values()))[0]
            outcome = random.choices(["granted", "declined", "expired", "reversed"], [80, 12, 6, 2])[0]
            can_hurry = not talk.person.is_far or code != "express"
            may_build = code != "assembly" or "supervisor" in talk.agent.role_names
            if can_hurry and may_build:
                talk.gift = (code, outcome)

    def agent(self, random: Random, code: str, channel: str) -> User:
        names = STUDIO if channel == "visit" else DESKS.get(code, FRONT_LINE)
        return self.staff[random.choice(names)]

    def said(self, text: str, place: int, person: Person, bought: Purchase | None) -> str:
        """A text of the situation about this order: its first product that the situation is about."""
        ware = (
            next((ware for ware in bought.wares if self.suits(place, ware.category)), bought.wares[0])
            if bought
            else None
        )
        return spoken(text, ware, bought, person, self.days)

    def suits(self, place: int, category: str) -> bool:
        return category in self.situations[place].get("categories", [category])

    def vows(self, talks: list[Talk]) -> Iterator[Vow]:
        """What was promised in them. All but the newest were kept, a few late; one was given back."""
        random = Random(f"{SEED}/vows")
        for talk in talks:
            age = (self.days.now - talk.ended_at).days
            if talk.person.tale or talk.interaction.wrap_up_code is WrapUpCode.COMPLIMENT or random.random() > 0.2:
                continue
            due = self.days.on(self.days.day(age) + timedelta(days=random.randint(1, 4)), time(17))
            due = max(due, talk.ended_at + timedelta(hours=3))
            row = Promise(owner_id=talk.agent.id, text=self.vow(talk), created_at=talk.ended_at, due_at=due)
            if row.due_at < self.days.now:
                late = timedelta(days=random.choice([0, 0, 0, 0, 0, 0, 1, 2]))
                row.state = PromiseState.RELEASED if random.random() < 0.03 else PromiseState.KEPT
                row.settled_at = self.days.past(row.due_at - timedelta(minutes=random.randint(20, 170)) + late)
            yield Vow(talk.person, row, talk)

    def vow(self, talk: Talk) -> str:
        ware = talk.about.wares[0] if talk.about else None
        return spoken(self.promises.draw(), ware, talk.about, talk.person, self.days)


def spoken(text: str, ware: Ware | None, bought: Purchase | None, person: Person, days: Days) -> str:
    """Fill the blanks of a text, in the number that the product has: a lamp is, plates are."""
    thing = ware.said if ware else "order"
    many = thing.endswith("s") and not thing.endswith("ss")
    late = bought.delivery.days_late(days.today) if bought and bought.delivery else 0
    how_late = DAYS_WORDS.get(late, f"{late} days")
    carrier = bought.delivery.carrier if bought and bought.delivery else None
    said = text.format(
        thing=thing,
        them="them" if many else "it",
        it="they" if many else "it",
        **{"is": "are" if many else "is", "was": "were" if many else "was"},
        days=how_late,
        Days=how_late.capitalize(),
        first=person.customer.first_name,
        carrier=carrier if carrier in {"Parcelway", "Northpost"} else "Parcelway",
        town=person.customer.city,
    )
    return said[0].upper() + said[1:]


def bought_at(bought: Purchase | None) -> datetime:
    return bought.placed_at if bought else datetime.min.replace(tzinfo=UTC)


UNSOLVED = [
    "Not solved yet; will get in touch again.",
    "Left open: waiting for an answer from Rotherham.",
    "Broken off before we were done.",
    "Wants to think about it, was not happy.",
    "Passed on; nothing settled today.",
]
