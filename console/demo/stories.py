"""The people whose conversations are written out in full: their orders, talks, and what we know of them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from console.auth.models import User
from console.customers.models import Boundary, BoundaryKind, OrderStatus, Preference, Provenance
from console.demo.days import END_OF_DAY, Days, spoken_time
from console.demo.orders import Counter, Purchase, deliver
from console.demo.people import SEED, Person
from console.demo.profiles import Facts
from console.demo.reading import SOURCE, conversations, table
from console.demo.talks import Staff, Talk, Vow
from console.interactions.models import Channel, Interaction, Speaker, Utterance, WrapUpCode
from notes.models import Note, NoteKind, Promise, PromiseState

STILL_NEWS = 7  # days within which the follow-up of an unsolved talk is due today


def purchases(people: list[Person], counter: Counter, days: Days) -> dict[str, Purchase]:
    """Their orders, by the key that conversations use."""
    found = {}
    for person in people:
        talks = [story for story in conversations() if story["customer"] == person.tale["key"]]
        for told in person.tale["orders"]:
            found[told["key"]] = purchase(person, told, talks, counter, days)
    return found


def purchase(
    person: Person, told: dict[str, Any], talks: list[dict[str, Any]], counter: Counter, days: Days
) -> Purchase:
    random = Random(f"{SEED}/{told['key']}")
    placed = placed_at(told, talks, random, days)
    basket = [(line["sku"], line["quantity"]) for line in told["lines"]]
    slow = (told["promised_days_ago"] is None) or told["days_ago"] - told["promised_days_ago"] > 1
    bought = counter.purchase(person, placed, basket, express=not slow, key=told["key"])
    if told["promised_days_ago"] is not None:
        promised = days.day(told["promised_days_ago"])
        by_van = told["carrier"] == "Own van"
        shipped, arrived = journey(told, placed, random, days, by_van=by_van)
        deliver(bought, days, told["carrier"], promised, shipped, arrived)
    if back := told["return"]:
        parcel = bought.order.deliveries[0]
        parcel.returned_at, parcel.return_reason = days.past(days.at(back["days_ago"], "11:20")), back["reason"]
    bought.order.status = OrderStatus(told["status"])
    return bought


def placed_at(told: dict[str, Any], talks: list[dict[str, Any]], random: Random, days: Days) -> datetime:
    """Before the talk about it on the same day; after a talk that it is the answer to."""
    for talk in talks:
        if talk["days_ago"] == told["days_ago"]:
            start, end = span(talk, days)
            about_it = talk["order"] == told["key"]
            return days.past(
                start - timedelta(minutes=random.randint(25, 80)) if about_it else end + timedelta(minutes=6)
            )
    return days.some_time(random, days.day(told["days_ago"]), "08:10", "21:30")


def journey(
    told: dict[str, Any], placed: datetime, random: Random, days: Days, *, by_van: bool
) -> tuple[datetime | None, datetime | None]:
    """When it left and when it came; None for what has not happened."""
    if told["status"] == "processing" or (told["status"] == "cancelled" and told["delivered_days_ago"] is None):
        # A cancelled order with a carrier was sent and lost on the way.
        lost = told["status"] == "cancelled" and told["carrier"]
        return (placed + timedelta(hours=22) if lost else None), None
    arrived = None
    if told["delivered_days_ago"] is not None:
        hours = ("13:10", "16:40") if by_van else ("09:20", "16:50")
        arrived = days.some_time(random, days.day(told["delivered_days_ago"]), *hours)
    shipped = (
        arrived.replace(hour=6, minute=40) if arrived and by_van else placed + timedelta(hours=random.randint(5, 23))
    )
    return (min(shipped, arrived - timedelta(hours=1)) if arrived else shipped), arrived


def span(story: dict[str, Any], days: Days) -> tuple[datetime, datetime]:
    """When a conversation began and ended. Today's is moved forward while its time has not come yet."""
    start, minutes = days.at(story["days_ago"], story["time"]), timedelta(minutes=story["minutes"])
    latest = days.now - minutes - timedelta(minutes=10 * max(14 - start.hour, 1))  # the earlier of two stays so
    start = min(start, latest)
    return start, start + minutes


def talks(people: list[Person], orders: dict[str, Purchase], staff: Staff, days: Days) -> dict[str, Talk]:
    by_key = {person.tale["key"]: person for person in people}
    return {story["key"]: talk(story, by_key[story["customer"]], orders, staff, days) for story in conversations()}


def talk(story: dict[str, Any], person: Person, orders: dict[str, Purchase], staff: Staff, days: Days) -> Talk:
    start, end = span(story, days)
    row = Interaction(
        source=SOURCE,
        external_id=story["key"],
        channel=Channel(story["channel"]),
        subject=story["subject"],
        wrap_up_code=WrapUpCode(story["wrap_up_code"]),
        resolved=story["resolved"],
        csat=story["csat"],
        reason=story["reason"],
        resolution=story["resolution"],
        result=story["result"],
    )
    row.utterances = turns(story, start, end, days)
    end = max(end, row.utterances[-1].said_at or end)
    complaint, gift = story["complaint"] or {}, story["gesture"]
    agent = staff[story["agent"]]
    return Talk(
        person=person,
        agent=agent,
        interaction=row,
        started_at=start,
        ended_at=end,
        about=orders[story["order"]] if story["order"] else None,
        gift=(gift["code"], gift["outcome"]) if gift else None,
        complaint=complaint.get("text", ""),
        settled_at=end if complaint.get("state") == "settled" else None,
        articles=story["articles"] or table("links").get(story["key"], []),
        notes=[note(told, place, story, agent, end, staff, days) for place, told in enumerate(story["notes"])],
        surveyed_at=days.awake(end + timedelta(hours=Random(story["key"]).uniform(0.2, 20))),
        key=story["key"],
    )


def habits(people: list[Person], orders: dict[str, Purchase], staff: Staff, days: Days) -> list[Talk]:
    """Short talks in which the same agent gave the same household something again and again."""
    by_key = {person.tale["key"]: person for person in people}
    return [habit(told, by_key[told["customer"]], orders, staff, days) for told in table("habits")]


def habit(told: dict[str, Any], person: Person, orders: dict[str, Purchase], staff: Staff, days: Days) -> Talk:
    start, end = span(told, days)
    words = {name: told[name] for name in ("subject", "reason", "resolution", "result", "csat")}
    code, channel = WrapUpCode(told["code"]), Channel(told["channel"])
    return Talk(
        person=person,
        agent=staff[told["agent"]],
        interaction=Interaction(source=SOURCE, channel=channel, wrap_up_code=code, resolved=True, **words),
        started_at=start,
        ended_at=end,
        about=orders[told["order"]] if told["order"] else None,
        gift=(told["gift"], "granted") if told["gift"] else None,
        surveyed_at=days.awake(end + timedelta(hours=3)),
    )


def turns(story: dict[str, Any], start: datetime, end: datetime, days: Days) -> list[Utterance]:
    """Every turn with its time: as long as it takes to say, or, by e-mail, as long as people take to answer."""
    weights = [len(text) + 25 for _, text in story["turns"]]
    said = start
    rows = []
    for position, (speaker, text) in enumerate(story["turns"]):
        if story["channel"] == "email" and position:
            said = days.past(next_letter(said, speaker, end - start), minutes=20 - position)
        elif position:
            said = start + (end - start) * (sum(weights[:position]) / sum(weights))
        row = Utterance(position=position, speaker=Speaker(speaker), text=text, said_at=said, external_id=str(position))
        rows.append(row)
    return rows


def next_letter(last: datetime, speaker: str, minutes: timedelta) -> datetime:
    if speaker == "agent":
        return last + minutes
    if last.hour >= 21:
        return (last + timedelta(days=1)).replace(hour=7, minute=52)
    return last + timedelta(minutes=38)


def note(
    told: dict[str, Any], place: int, story: dict[str, Any], agent: User, end: datetime, staff: Staff, days: Days
) -> Note:
    """Written right after the talk, or a little later by somebody else."""
    author = staff[told["author"]]
    written = end + (timedelta(minutes=1 + place) if author is agent else timedelta(minutes=95))
    kind = NoteKind(told["kind"])
    latest = min(other["days_ago"] for other in conversations() if other["customer"] == story["customer"])
    is_news = story["resolved"] is False and story["days_ago"] == latest <= STILL_NEWS
    return Note(
        source=SOURCE,
        external_id=f"{story['key']}-{place + 1}",
        author_id=author.id,
        kind=kind,
        body=told["text"],
        quotable=told["quotable"],
        pinned=told["pinned"],
        follow_up_on=days.today if kind is NoteKind.FOLLOW_UP and is_news else None,
        written_at=days.past(written, minutes=1),
    )


def vows(people: list[Person], told: dict[str, Talk], staff: Staff, days: Days) -> list[Vow]:
    return [
        Vow(person, made(line, told[line["conversation"]], person, told, staff, days), told[line["conversation"]])
        for person in people
        for line in person.tale["promises"]
    ]


def made(line: dict[str, Any], talk: Talk, person: Person, told: dict[str, Talk], staff: Staff, days: Days) -> Promise:
    row = Promise(
        owner_id=staff[line["owner"]].id, text=line["text"], created_at=talk.ended_at, state=PromiseState(line["state"])
    )
    row.due_at = due_at(line, talk, days)
    if row.state is PromiseState.KEPT:
        row.settled_at = days.past(max(talk.ended_at + (row.due_at - talk.ended_at) * 0.7, talk.ended_at))
    if row.state is PromiseState.BROKEN:
        # It stops shouting once the complaint about it is settled.
        ends = [other.settled_at for other in told.values() if other.person is person and other.settled_at]
        if settled := [end for end in ends if end > talk.ended_at]:
            row.state, row.settled_at = PromiseState.RELEASED, min(settled)
    return row


def due_at(line: dict[str, Any], talk: Talk, days: Days) -> datetime:
    """The time that the promise names, or else the end of its day. What is open and due today is still to come."""
    day: date = days.day(-line["due_days"])
    clock: time = spoken_time(line["text"]) or END_OF_DAY
    if line["state"] != "open":
        return max(days.on(day, min(clock, time(18))), talk.ended_at + timedelta(minutes=50))
    due = days.on(day, clock)
    return due if due > days.now + timedelta(minutes=5) else days.on(max(day, days.today), END_OF_DAY)


def facts(people: list[Person], told: dict[str, Talk], days: Days) -> Facts:
    """Preferences and boundaries, each with the note that it came from."""
    found = Facts()
    for person in people:
        for line in person.tale["preferences"]:
            talk = told.get(line["conversation"] or "")
            at = talk.ended_at if talk else days.at(line["days_ago"], "16:20")
            row = Preference(
                text=line["text"],
                category=line["category"],
                provenance=Provenance(line["provenance"]),
                created_at=days.past(at),
                confirmed_at=days.past(at),
                created_by_id=talk.agent.id if talk else None,
            )
            found.preferences.append((person, row, talk))
        for line in person.tale["boundaries"]:
            talk = told[line["conversation"]]
            limit = Boundary(
                kind=BoundaryKind(line["kind"]),
                after=time.fromisoformat(line["time"]) if line.get("time") else None,
                text=line["text"],
                created_at=days.past(talk.ended_at),
                confirmed_at=days.past(talk.ended_at),
                created_by_id=talk.agent.id,
            )
            found.boundaries.append((person, limit, talk))
        found.carts += [
            (person, days.at(cart["days_ago"], "20:35"), cart["skus"], cart["step"]) for cart in person.tale["carts"]
        ]
    return found
