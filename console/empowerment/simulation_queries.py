"""Everything that a simulation needs from the database, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from console.auth.models import Role, User, user_roles
from console.auth.permissions import ROLES, Permission
from console.customers.addresses import Address, plain_address
from console.db import db
from console.empowerment.fields import CHANNELS, CUSTOMER
from console.empowerment.models import CustomerSegment
from console.empowerment.policy import Policy, Scope
from console.empowerment.rule_arrays import Column
from console.empowerment.rules import Field, Type, conditions, read_rule
from console.empowerment.simulation import Past
from console.empowerment.simulation_circumstances import circumstances, eras_of_bookings
from console.empowerment.simulation_demand import (
    DAY,
    Agent,
    Asks,
    Flags,
    Ints,
    Offerable,
    Scenes,
    World,
    rows_of,
)
from console.empowerment.simulation_eras import Eras
from console.empowerment.simulation_ledger import STATES, TOLD, entries, told_by_ledger
from console.empowerment.simulation_matching import OCCASIONS
from console.empowerment.simulation_meters import as_datetime, as_moment
from console.empowerment.simulation_reading import NEVER_WAS, UNKNOWN, Reader
from console.empowerment.simulation_replay import Demand
from console.empowerment.windows import Window, midnight

# What a conversation was about when something had gone wrong.
FAILURES = "'damaged', 'late_delivery', 'missing_parcel', 'complaint'"
SHOWN = {"tier", "language"}  # facts by which groups are compared
TOLD_DAYS = 366
MONTH = 31  # days that a calendar window reaches back at most
SEGMENTS = 12
ANSWER_MINUTES = 2.0  # where nobody ever answered a request
LAST_DAY = 2_000_000  # later than any
MOST_DAYS = 2 * LAST_DAY  # for one number out of customer and day

Read = TypeVar("Read")


def load(policies: Sequence[Policy], days: int, now: datetime, zone: ZoneInfo, currency: str) -> Past:
    """The last `days` whole days, and as much before them as limits reach back. Reads only."""
    last = now.astimezone(zone).date()
    starts = np.array([as_moment(midnight(last - timedelta(days=back), zone)) for back in range(days, -1, -1)])
    since, until = (midnight(last - timedelta(days=back), zone) for back in (days, 0))
    reader, engine = Reader(db.session.connection()), db.engine
    catalogue = offerables(reader, last)
    segments = segment_rules()
    rules = [*(one.body.customers for one in policies), *segments.values()]
    names = {one.field.name for rule in rules for one in conditions(rule)} | SHOWN | asked_of_talks(policies)
    eras = circumstances(since, until)
    back = TOLD_DAYS if names & set(TOLD) else reach(policies)
    counted = [as_datetime(max(first, 0)) for first, *_ in eras.counted.values()]
    booked_since = min([since - timedelta(days=back), *counted])

    def beside(read: Callable[..., Read], *given: Any) -> Read:
        with engine.connect() as connection:
            return read(Reader(connection), *given)

    with ThreadPoolExecutor(max_workers=2) as pool:  # the database works while the interpreter does something else
        waiting = pool.submit(beside, talk_columns, since, until)
        booked = pool.submit(beside, entries, booked_since, until, catalogue)
        facts = Facts.read(reader, sorted(names & CUSTOMER.keys()))
        talks, ledger = waiting.result(), booked.result()
    people = People(talks["agent"], ledger, policies)
    first_talk = int(min(talks["id"].min(initial=2**62), ledger["interaction"].min(initial=2**62)))
    scenes, missing = scenes_of(talks, people, facts, zone, first_talk, eras)
    ours = np.array([one.currency == currency for one in catalogue], bool)
    ledger["era"], eras = eras_of_bookings(eras, ledger["id"], ledger["at"])
    recorded = recorded_asks(ledger, talks, people, facts, zone, first_talk, starts[0], names & set(TOLD), ours)
    most = max(int(scenes.customer.max(initial=0)), int(recorded.asks.customer.max(initial=0))) + 1
    world = World(
        agents=people.agents,
        teams=people.teams,
        people=people.people,
        channels=list(CHANNELS),
        catalogue=catalogue,
        currency=currency,
        facts=facts.columns,
        households=households(reader, policies, most),
        days=starts,
        approvers=people.approvers,
        answer_minutes=answer_minutes(reader, since),
        first_talk=first_talk,
        segments=segments,
        eras=eras,
    )
    notes = {"no_agent": int((talks["agent"] < 0).sum()), **missing, **eras.told}
    return Past(world, scenes, recorded, people.team_ids, {name: number for name, number in notes.items() if number})


def reach(policies: Sequence[Policy]) -> int:
    """How many days before the simulated time bookings may still count."""
    limits = [limit for policy in policies for limit in policy.body.limits]
    return max([MONTH, *(limit.days for limit in limits if limit.window is Window.ROLLING)])


def asked_of_talks(policies: Sequence[Policy]) -> set[str]:
    names = {one.field.name for policy in policies for one in conditions(policy.body.interaction)}
    return ({"worst_delay_days"} & names) | ({"interactions_14d"} if "talks_14d" in names else set())


def talk_columns(reader: Reader, since: datetime, until: datetime) -> dict[str, Ints]:
    found = reader.columns(
        "interactions",
        {
            "id": ("number", "id"),
            "customer": ("number", "customer_id"),
            "agent": ("number", "agent_id"),
            "channel": ("number", reader.coded("channel", list(CHANNELS))),
            "failed": ("number", f"CASE WHEN wrap_up_code IN ({FAILURES}) THEN 1 ELSE 0 END"),
            "at": ("moment", "started_at"),
        },
        "started_at >= ? AND started_at < ? AND (source IS NULL OR source <> 'replay')",
        [since, until],
    )
    order = np.lexsort((found["id"], found["at"]))
    return {name: values[order] for name, values in found.items()}


def offerables(reader: Reader, today: date) -> list[Offerable]:
    """Every version that there ever was; on offer are the newest ones of active gestures."""
    rows = reader.rows(
        "SELECT v.id, v.gesture_id, g.kind, v.currency, v.cost_minor, v.face_minor, v.cash_like, g.active,"
        " v.version = (SELECT max(o.version) FROM gesture_versions o WHERE o.gesture_id = v.gesture_id),"
        " (v.valid_from IS NULL OR v.valid_from <= ?) AND (v.valid_to IS NULL OR v.valid_to >= ?)"
        " FROM gesture_versions v JOIN gestures g ON g.id = v.gesture_id ORDER BY v.id",
        [today, today],
    )
    numbers = {gesture: number for number, gesture in enumerate(dict.fromkeys(row[1] for row in rows))}
    return [
        Offerable(
            version_id=row[0], gesture_id=row[1], kind=row[2], currency=row[3], cost_minor=row[4], face_minor=row[5],
            cash_like=bool(row[6]), is_on_offer=bool(row[7] and row[8] and row[9]), gesture=numbers[row[1]],
        )
        for row in rows
    ]  # fmt: skip


def segment_rules() -> dict[str, Any]:
    rows = db.session.execute(
        select(CustomerSegment.name, CustomerSegment.rule)
        .where(CustomerSegment.archived_at.is_(None))
        .order_by(CustomerSegment.id)
        .limit(SEGMENTS)
    )
    return {name: read_rule(rule, CUSTOMER) for name, rule in rows}


class Facts:
    """Customers' facts at the ends of days, and as of now, sorted by customer and day.

    `starts`: the first row of each customer by their id, up to one more than the highest.
    """

    def __init__(self, columns: dict[str, Column], days: Ints, starts: Ints) -> None:
        self.columns, self.days, self.starts = columns, days, starts

    @classmethod
    def read(cls, reader: Reader, names: Sequence[str]) -> Facts:
        fields = [CUSTOMER[name] for name in names]
        words = words_of(reader, [one for one in fields if one.type in (Type.CHOICE, Type.TEXT)])
        wanted = {"customer_id": ("number", "customer_id")} | {
            one.name: sql_of(reader, one, words.get(one.name, ())) for one in fields
        }
        past = reader.columns("customer_facts_days", wanted | {"day": ("day", "day")})
        # What stands there now serves for those of whom no day was kept.
        now = reader.columns("customer_facts", wanted)
        now["day"] = np.full(len(now["customer_id"]), LAST_DAY)
        customers, days = (np.concatenate([past[name], now[name]]) for name in ("customer_id", "day"))
        order = np.argsort(customers * MOST_DAYS + days)
        columns = {}
        for one in fields:
            values = np.concatenate([past[one.name], now[one.name]])[order]
            if one.type is Type.DAYS_SINCE:
                columns[one.name] = Column(np.where(values < 0, NEVER_WAS, values).view("datetime64[us]"))
            else:
                columns[one.name] = Column(values, values != UNKNOWN, words.get(one.name))
        return cls(columns, days[order], np.append(0, np.cumsum(np.bincount(customers))))

    def rows_at(self, customers: Ints, days: Ints) -> tuple[Ints, int, int]:
        """The row that stood before each day, or the earliest known; how many had none before it, or none at all."""
        if not len(self.days):
            return np.full(len(customers), UNKNOWN), 0, len(customers)
        first, end = (self.starts.take(customers + more, mode="clip") for more in (0, 1))
        after = first_not_before(self.days, days, first, end)
        is_before = after > first
        is_after = ~is_before & (after < end)
        rows = np.where(is_before, after - 1, np.where(is_after, after, UNKNOWN))
        return rows, int(is_after.sum()), int((rows < 0).sum())


def first_not_before(days: Ints, asked: Ints, first: Ints, end: Ints) -> Ints:
    """Of each sorted stretch of `days`, from `first` up to `end`, the place of the first that is not before `asked`.

    All are halved together, which takes as many steps as the longest one asks for.
    """
    low, high = first, end
    for _ in range(int((end - first).max(initial=0)).bit_length()):
        middle = (low + high) // 2
        is_before = (middle < high) & (days.take(middle, mode="clip") < asked)
        low, high = np.where(is_before, middle + 1, low), np.where(is_before, high, middle)
    return low


def words_of(reader: Reader, fields: Sequence[Field]) -> dict[str, tuple[str, ...]]:
    """The texts that each may be: those it names, or all that stand there, found by one pass."""
    found = {one.name: tuple(one.choices) for one in fields if one.choices}
    open_ones = [one.name for one in fields if not one.choices]
    if open_ones:
        rows = reader.rows(f"SELECT DISTINCT {', '.join(open_ones)} FROM customer_facts")  # noqa: S608
        for place, name in enumerate(open_ones):
            found[name] = tuple(sorted({str(row[place]) for row in rows if row[place] is not None}))
    return found


def sql_of(reader: Reader, one: Field, words: Sequence[str]) -> tuple[str, str]:
    if one.type is Type.DAYS_SINCE:
        return "moment", one.name
    if one.type in (Type.CHOICE, Type.TEXT):
        return "number", reader.coded(one.name, list(words))
    return ("flag" if one.type is Type.FLAG and not reader.is_sqlite else "number"), one.name


def local_days(at: Ints, zone: ZoneInfo) -> Ints:
    """Days since 1970 in the zone."""
    if not len(at):
        return np.zeros(0, np.int64)
    first, last = int(at.min()) // DAY - 1, int(at.max()) // DAY + 1
    begins = [as_moment(midnight(date(1970, 1, 1) + timedelta(days=one), zone)) for one in range(first, last + 1)]
    return first - 1 + np.searchsorted(np.array(begins), at, side="right")


class People:
    """Agents by the team they were in, and who may answer requests."""

    def __init__(self, talk_agents: Ints, ledger: dict[str, Ints], policies: Sequence[Policy]) -> None:
        rows = db.session.execute(
            select(User.id, User.team_id, User.active, Role.name)
            .outerjoin(user_roles, user_roles.c.user_id == User.id)
            .outerjoin(Role, Role.id == user_roles.c.role_id)
        ).all()
        giving = {name for name, allowed in ROLES.items() if Permission.OFFER_GESTURE in allowed}
        roles: dict[int, set[str]] = {}
        self.team_of: dict[int, int | None] = {}
        for user, team, _, role in rows:
            self.team_of[user] = team
            roles.setdefault(user, set()).update({role} & giving)
        asked = {role for policy in policies for role in policy.body.approval.roles}
        self.approvers = len({user for user, _, active, role in rows if active and role in asked})
        seen = {(user, self.team_of.get(user)) for user in seen_in(talk_agents)}
        pairs = set(zip(ledger["agent"].tolist(), ledger["team"].tolist(), strict=True))
        seen |= {(user, team if team >= 0 else None) for user, team in pairs}
        ordered = sorted(seen, key=lambda one: (one[0], one[1] or 0))
        self.agents = [Agent(user, frozenset(roles.get(user, ())), team) for user, team in ordered]
        self.places = {pair: place for place, pair in enumerate(ordered)}
        users = {user: place for place, user in enumerate(dict.fromkeys(user for user, _ in ordered))}
        teams = {team: place for place, team in enumerate(dict.fromkeys(team for _, team in ordered))}
        self.people = np.array([users[user] for user, _ in ordered], np.int64)
        self.teams = np.array([teams[team] for _, team in ordered], np.int64)
        self.team_ids = {place: team for team, place in teams.items()}

    def now(self, users: Ints) -> Ints:
        """Places of agents in their team of today."""
        table = np.zeros(int(users.max(initial=0)) + 1, np.int64)
        for user in seen_in(users):
            table[user] = self.places[user, self.team_of.get(user)]
        return table[users]

    def then(self, users: Ints, teams: Ints) -> Ints:
        pairs = zip(users.tolist(), teams.tolist(), strict=True)
        return np.array([self.places[user, team if team >= 0 else None] for user, team in pairs], np.int64)


def seen_in(users: Ints) -> list[int]:
    return [int(one) for one in np.flatnonzero(np.bincount(users[users >= 0]))]


def scenes_of(
    talks: dict[str, Ints], people: People, facts: Facts, zone: ZoneInfo, first_talk: int, eras: Eras
) -> tuple[Scenes, dict[str, int]]:
    has_agent = talks["agent"] >= 0
    mine = talks if has_agent.all() else {name: values[has_agent] for name, values in talks.items()}
    rows, later, none = facts.rows_at(mine["customer"], local_days(mine["at"], zone))
    scenes = Scenes(
        at=mine["at"], agent=people.now(mine["agent"]), customer=mine["customer"], talk=mine["id"] - first_talk,
        channel=np.maximum(mine["channel"], 0), facts=rows, started=mine["at"], is_recovery=mine["failed"] == 1,
        era=eras.places(mine["at"]),
    )  # fmt: skip
    return scenes, {"later_facts": later, "no_facts": none}


def recorded_asks(
    ledger: dict[str, Ints],
    talks: dict[str, Ints],
    people: People,
    facts: Facts,
    zone: ZoneInfo,
    first_talk: int,
    start: int,
    told: set[str],
    ours: Flags,
) -> Demand:
    order = np.lexsort((ledger["came"], ledger["at"]))
    rows = {name: values[order] for name, values in ledger.items()}
    count = len(order)
    by_id = np.argsort(talks["id"])
    found = np.searchsorted(talks["id"], rows["interaction"], sorter=by_id)
    found = np.minimum(found, max(len(by_id) - 1, 0))
    talk = by_id[found] if len(by_id) else np.zeros(count, np.int64)
    known = talks["id"][talk] == rows["interaction"] if len(by_id) else np.zeros(count, bool)
    started = np.where(known, talks["at"][talk], rows["at"]) if len(by_id) else rows["at"]
    channel = np.where(known, talks["channel"][talk], 0) if len(by_id) else np.zeros(count, np.int64)
    agent = people.then(rows["agent"], rows["team"])
    standing = facts.rows_at(rows["customer"], local_days(rows["at"], zone))[0]
    scenes = Scenes(
        at=rows["at"], agent=agent, customer=rows["customer"], talk=rows["interaction"] - first_talk,
        channel=np.maximum(channel, 0), facts=standing, started=started,
        is_recovery=rows["occasion"] == OCCASIONS.index("recovery"), era=rows["era"],
        told=completed(told_by_ledger(rows, told, ours[rows["offer"]]), facts, standing, rows["at"]),
    )  # fmt: skip
    is_kept = np.isin(rows["state"], [STATES.index("granted"), STATES.index("fulfilled")])
    asks = Asks(
        at=rows["at"], came=rows["came"], scene=np.arange(count), agent=agent, customer=rows["customer"],
        talk=scenes.talk, offer=rows["offer"], cost=rows["cost"], face=rows["face"], gone_at=rows["gone_at"],
        gone_came=rows["gone_came"], approved=rows["approved"] == 1,
        forced=(rows["at"] < start) & (rows["id"] >= 0), taken_back=rows["state"] == STATES.index("reversed"),
        spent=is_kept, booked_under=rows["policy"], probe=np.zeros(count, bool),
    )  # fmt: skip
    # Requests of before the simulated time came to nothing, and count for nothing.
    return Demand("recorded", scenes, asks.take((rows["id"] >= 0) | (rows["at"] >= start)))


def completed(told: dict[str, Column], facts: Facts, standing: Ints, at: Ints) -> dict[str, Column]:
    """With gestures of longer ago than the ledger was read."""
    if "last_gesture_at" in told:
        newest, daily = told["last_gesture_at"].values, rows_of(facts.columns["last_gesture_at"], standing)
        is_older = np.isnat(newest) & (daily.values < at.view("datetime64[us]"))
        if daily.known is not None:
            is_older &= daily.known
        told["last_gesture_at"] = Column(np.where(is_older, daily.values, newest))
    return told


def households(reader: Reader, policies: Sequence[Policy], most: int) -> Ints:
    """The numbers of each customer's account and address; of who has none, and where no limit asks, their own."""
    own = np.tile(np.arange(most), (2, 1))
    if not any(limit.scope is Scope.HOUSEHOLD for policy in policies for limit in policy.body.limits):
        return own
    numbers: dict[int | Address, int] = {}
    for customer, account, *where in reader.rows(
        "SELECT id, account_id, street, postcode, country FROM customers"
        " WHERE account_id IS NOT NULL OR (street IS NOT NULL AND postcode IS NOT NULL)"
    ):
        if customer < most:
            for place, key in enumerate((account, plain_address(*where))):
                if key:
                    own[place, customer] = numbers.setdefault(key, customer)
    return own


def answer_minutes(reader: Reader, since: datetime) -> float:
    """How long an answer to a request took, half of them less."""
    found = reader.columns(
        "approval_requests",
        {"asked": ("moment", "requested_at"), "answered": ("moment", "decided_at")},
        "requested_at >= ? AND decided_at IS NOT NULL",
        [since],
    )
    took = (found["answered"] - found["asked"]) / 60_000_000
    return float(np.clip(np.median(took), 0.1, 60)) if len(took) else ANSWER_MINUTES
