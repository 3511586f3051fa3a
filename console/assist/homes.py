"""What each home shows: an agent's own desk, the team's figures, the state of the installation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from console.auth.models import User
from console.customers.models import Complaint, ComplaintState, Customer
from console.db import db
from console.empowerment.kinds import Occasion
from console.gestures import reviews
from console.gestures.models import EntryState, LedgerEntry
from console.interactions.models import Interaction, InteractionState
from console.money import Money
from console.web import today, zone
from knowledge.models import Article, ArticleState, Passage
from notes.models import Note, Promise
from notes.promises.queries import longest_broken, shown_to, unattended
from notes.promises.teams import looked_after_by
from notes.queries import follow_ups_of

SHOWN = 8
MOST_PROMISES = 40  # the long overdue must not hide those of today
DAYS = 14
MOST_TIMED, FEWEST_TIMED = 2_000, 5  # talks whose after-call work makes a median
GIVEN = (EntryState.GRANTED, EntryState.FULFILLED)


@dataclass(frozen=True)
class Desk:
    """What waits for one person."""

    promises: Sequence[Promise]  # due first, and what was settled a moment ago
    follow_ups: Sequence[Note]
    recent: Sequence[Interaction]  # the last talks, each with its customer


def desk(user_id: int, now: datetime) -> Desk:
    recent = (
        select(Interaction)
        .where(Interaction.agent_id == user_id, Interaction.state == InteractionState.CLOSED)
        .options(joinedload(Interaction.customer))
        .order_by(Interaction.id.desc())
        .limit(SHOWN)
    )
    return Desk(
        promises=db.session.scalars(shown_to(user_id, now).limit(MOST_PROMISES)).all(),
        follow_ups=db.session.scalars(follow_ups_of(user_id, today()).limit(SHOWN)).all(),
        recent=db.session.scalars(recent).all(),
    )


@dataclass(frozen=True)
class Day:
    on: date
    recovery: Money
    delight: Money


@dataclass(frozen=True)
class Figures:
    """What gestures did, and what hurts: of everybody together, nobody ranked."""

    complaints: Sequence[tuple[Complaint, Customer]]  # open ones, oldest first
    complaint_count: int
    broken: Sequence[Promise]  # of the teams that they look after, oldest first
    nobodys: Sequence[Promise]  # of who is away or has left, and nobody stands in
    days: Sequence[Day]  # the last fourteen, cost granted
    given: int
    cost: Money
    declined: int
    after_call: timedelta | None  # the median of this week's after-call work, of everybody together; none if too few
    to_judge: int  # gestures and patterns that nobody has judged yet
    is_look_due: bool  # nobody has looked for a day, so there may be more

    @property
    def tallest(self) -> int:
        """Minor units of the dearest day, at least 1."""
        return max([day.recovery.minor + day.delight.minor for day in self.days] + [1])


def figures(user: User, now: datetime) -> Figures:
    teams = looked_after_by(user)
    currency = current_app.config["DEFAULT_CURRENCY"]
    first = today() - timedelta(days=DAYS - 1)
    since = datetime.combine(first, datetime.min.time(), zone())
    rows = db.session.execute(
        select(LedgerEntry.booked_at, LedgerEntry.occasion, LedgerEntry.state, LedgerEntry.cost_minor).where(
            LedgerEntry.booked_at >= since, LedgerEntry.currency == currency
        )
    ).all()
    given = [row for row in rows if row.state in GIVEN]
    spent: dict[tuple[date, Occasion], int] = defaultdict(int)  # minor units
    for row in given:
        spent[row.booked_at.astimezone(zone()).date(), row.occasion] += row.cost_minor

    open_ones = select(Complaint, Customer).join(Customer, Customer.id == Complaint.customer_id)
    open_ones = open_ones.where(Complaint.state == ComplaintState.OPEN).order_by(Complaint.opened_at, Complaint.id)
    return Figures(
        complaints=[(row[0], row[1]) for row in db.session.execute(open_ones.limit(SHOWN))],
        complaint_count=db.session.scalar(
            select(func.count(Complaint.id)).where(Complaint.state == ComplaintState.OPEN)
        )
        or 0,
        broken=db.session.scalars(longest_broken(now, teams, SHOWN)).all(),
        nobodys=db.session.scalars(unattended(now, teams).limit(SHOWN)).all(),
        days=[
            Day(on, Money(spent[on, Occasion.RECOVERY], currency), Money(spent[on, Occasion.DELIGHT], currency))
            for on in (first + timedelta(days=n) for n in range(DAYS))
        ],
        given=len(given),
        cost=Money(sum(row.cost_minor for row in given), currency),
        declined=sum(row.state is EntryState.DECLINED for row in rows),
        after_call=after_call_work(now - timedelta(days=7)),
        to_judge=reviews.waiting(),
        is_look_due=reviews.is_due(now),
    )


def after_call_work(since: datetime) -> timedelta | None:
    """The median from the end of a talk to the end of its wrap-up, of the newest MOST_TIMED wrapped up since then.

    Of everybody together, and only from FEWEST_TIMED on: nobody's own time can be read from it.
    """
    rows = db.session.execute(
        select(Interaction.ended_at, Interaction.wrapped_up_at)
        .where(Interaction.wrapped_up_at >= since, Interaction.agent_id.is_not(None))
        .order_by(Interaction.wrapped_up_at.desc())
        .limit(MOST_TIMED)
    ).all()
    if len(rows) < FEWEST_TIMED:
        return None
    return timedelta(seconds=median((row.wrapped_up_at - row.ended_at).total_seconds() for row in rows))


@dataclass(frozen=True)
class Installation:
    users: int
    articles: int
    passages: int
    embedded: int  # passages that have a vector; the rest is found by words alone
    engine: str
    currency: str


def installation() -> Installation:
    count = db.session.scalar
    return Installation(
        users=count(select(func.count(User.id)).where(User.active)) or 0,
        articles=count(select(func.count(Article.id)).where(Article.state == ArticleState.PUBLISHED)) or 0,
        passages=count(select(func.count(Passage.id))) or 0,
        embedded=count(select(func.count(Passage.id)).where(Passage.vector.is_not(None))) or 0,
        engine=db.engine.dialect.name,
        currency=current_app.config["DEFAULT_CURRENCY"],
    )
