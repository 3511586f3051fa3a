"""Takes the demo shop away again, and nothing else.

Gone is what carries the demo mark, and what belongs to such a row: a demo customer's orders, notes, events. But a
row to which somebody else's row still refers stays, with what belongs to it and whatever it refers to itself, and
the report says why. People who stay can no longer sign in: their password is public.

All of it is SQL over a temporary table of (table, id), so that a million real rows beside it cost no memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    Select,
    String,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from console.auth.models import User, user_roles
from console.db import Base, BigKey, db
from console.events import Event
from console.gestures.models import LedgerEntry, LedgerLock
from console.interactions.models import REPLAY, Interaction

TABLES = Base.metadata.tables
# What is to go. Rows leave this list when they turn out to be needed.
CONDEMNED = Table(
    "demo_rows",
    MetaData(),
    Column("name", String(60), primary_key=True),
    Column("id", BigKey, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
# To whom a row belongs, where that is not a customer: the column that names the owner.
OWNERS = {
    "absences": "user_id",
    "api_tokens": "user_id",
    "article_drafts": "user_id",
    "article_feedback": "interaction_id",
    "article_flags": "article_id",
    "article_links": "interaction_id",
    "article_pins": "user_id",
    "article_revisions": "article_id",
    "article_slugs": "article_id",
    "article_suggestions": "article_id",
    "asked_questions": "interaction_id",
    "calendar_feeds": "user_id",
    "deliveries": "order_id",
    "fulfilments": "entry_id",
    "gesture_versions": "gesture_id",
    "heard_signals": "interaction_id",
    "help_marks": "interaction_id",
    "ingestion_runs": "started_by_id",
    "kept_answers": "token_id",
    "ledger_events": "entry_id",
    "name_token_typos": "token_id",
    "note_attachments": "note_id",
    "note_findings": "note_id",
    "note_mentions": "note_id",
    "note_revisions": "note_id",
    "order_lines": "order_id",
    "passages": "article_id",
    "policy_versions": "policy_id",
    "simulations": "policy_version_id",
    "steps_done": "interaction_id",
    "transfers": "interaction_id",
    "utterances": "interaction_id",
    "voucher_codes": "gesture_id",
}
# What was done with an article does not keep it.
CARRIED_ALONG = {"article_feedback.article_id"}
# These belong to nobody, are no one's data or go with the rows that they are about.
APART = {
    "article_changes",
    "fact_changes",
    "feed",
    "finding_examples",
    "gesture_settings",
    "knowledge_gaps",
    "knowledge_revisions",
    "knowledge_settings",
    "ledger_locks",
    "ledger_seals",
    "name_tokens",
    "remembered",
    "remembered_unread",
    "remembered_vectors",
    "roles",
    "suspensions",
    "talk_signals",
    "user_roles",
}
LOCKS = {  # by the subject's first word
    "agent": "users",
    "customer": "customers",
    "gesture": "gestures",
    "interaction": "interactions",
    "policy": "policies",
    "team": "teams",
}
STOPPED = {"agent": "users", "gesture": "gestures", "policy": "policies"}  # by the kind of a suspension
NAMES = ("title", "name", "first_name", "number", "sku", "code", "role")  # what a row is called, the first it has


@dataclass(frozen=True)
class Kept:
    """A demo row that stays, and how many rows of which table refer to it."""

    table: str
    name: str
    used_by: str
    times: int

    def __str__(self) -> str:
        rows = "row" if self.times == 1 else "rows"
        off = " (can no longer sign in)" if self.table == "users" else ""
        return f"{self.table}: “{self.name}” stays{off}, {self.times:,} {rows} of {self.used_by} that stay refer to it"


@dataclass
class Cleared:
    rows: Counter[str] = field(default_factory=Counter)  # deleted, by table
    kept: list[Kept] = field(default_factory=list)


def clear() -> Cleared:
    """Delete the demo shop and commit; returns what went, and what stays for whose sake."""
    done = Cleared()
    connection = db.session.connection()
    CONDEMNED.drop(connection, checkfirst=True)
    CONDEMNED.create(connection)
    condemn()
    needed = spare()
    done.kept = [kept for name, users in needed.items() for kept in describe(name, users)]
    switch_off()
    remove(done)
    CONDEMNED.drop(db.session.connection())
    db.session.commit()
    return done


def condemn() -> None:
    """List what carries the mark, then what belongs to it, owners first."""
    for name, table in marked().items():
        add(name, select(table.c.id).where(table.c.is_demo))
    add("interactions", select(Interaction.id).where(Interaction.source == REPLAY))
    for name, owner, column in belongings():
        add(name, select(column.table.c.id).where(is_condemned(owner, column)))
    for kind, name in STOPPED.items():
        stops = TABLES["suspensions"].c
        add("suspensions", select(stops.id).where(stops.kind == kind, is_condemned(name, stops.subject_id)))
    questions, feedback = TABLES["asked_questions"], TABLES["article_feedback"]
    in_the_box = questions.c.interaction_id.is_(None), is_condemned("users", questions.c.user_id)
    add("asked_questions", select(questions.c.id).where(*in_the_box))
    add("article_feedback", select(feedback.c.id).where(is_condemned("asked_questions", feedback.c.question_id)))
    goes = questions.c.gap_id.is_not(None), is_condemned("asked_questions", questions.c.id)
    add("knowledge_gaps", select(questions.c.gap_id).where(*goes).distinct())
    spare_gaps()
    tokens, typos = TABLES["customer_tokens"], TABLES["name_token_typos"]
    add("name_tokens", select(tokens.c.token_id).where(is_condemned("customer_tokens", tokens.c.id)).distinct())
    add("name_token_typos", select(typos.c.id).where(is_condemned("name_tokens", typos.c.token_id)))


def marked() -> dict[str, Table]:
    """The tables whose rows carry the mark themselves. An order belongs to its customer all the same."""
    return {name: table for name, table in TABLES.items() if "is_demo" in table.c and "customer_id" not in table.c}


def belongings() -> Iterator[tuple[str, str, Column[Any]]]:
    """(table, owner's table, the column that names the owner), owners first."""
    for table in Base.metadata.sorted_tables:
        column = "customer_id" if "customer_id" in table.c else OWNERS.get(table.name)
        if column and table.name not in APART:
            yield table.name, owner_of(table.c[column]), table.c[column]


def owner_of(column: Column[Any]) -> str:
    return next(iter(column.foreign_keys)).column.table.name


def add(name: str, ids: Select[Any]) -> None:
    found = ids.subquery()
    first = next(iter(found.c))
    listed = exists().where(CONDEMNED.c.name == name, CONDEMNED.c.id == first)
    rows = select(literal(name), first).where(~listed)
    db.session.execute(insert(CONDEMNED).from_select(["name", "id"], rows))


def is_condemned(name: str, column: ColumnElement[Any]) -> ColumnElement[bool]:
    return column.in_(select(CONDEMNED.c.id).where(CONDEMNED.c.name == name))


def spare() -> dict[str, dict[int, Counter[str]]]:
    """Take from the list what a row that stays refers to, until nothing more is; returns who needed what."""
    needed: dict[str, dict[int, Counter[str]]] = {}
    while sum(spare_one(child, column, needed) for child, column in references()):
        for name, owner, column in belongings():
            strays = select(column.table.c.id).where(column.is_not(None), not_(is_condemned(owner, column)))
            if name == Interaction.__tablename__:  # a replay goes, whoever was talked to
                strays = strays.where(column.table.c.source.is_distinct_from(REPLAY))
            take_off(name, strays)
        spare_gaps()
        spare_suspensions()
    return needed


def spare_gaps() -> None:
    """A gap stays with any question of it that stays."""
    questions = TABLES["asked_questions"]
    stays = questions.c.gap_id.is_not(None), not_(is_condemned("asked_questions", questions.c.id))
    take_off("knowledge_gaps", select(questions.c.gap_id).where(*stays).distinct())


def spare_suspensions() -> None:
    """What stays stays stopped."""
    stops = TABLES["suspensions"].c
    for kind, name in STOPPED.items():
        take_off("suspensions", select(stops.id).where(stops.kind == kind, not_(is_condemned(name, stops.subject_id))))


def references() -> Iterator[tuple[Table, Column[Any]]]:
    """Every column that names a row which might go."""
    for table in Base.metadata.sorted_tables:
        if table.name not in {"user_roles", "name_token_typos"}:
            for column in table.c:
                # What the database empties by itself keeps nothing: a question outlives its best article.
                held = any(key.ondelete != "SET NULL" for key in column.foreign_keys)
                if held and str(column) not in CARRIED_ALONG:
                    yield table, column


def spare_one(child: Table, column: Column[Any], needed: dict[str, dict[int, Counter[str]]]) -> int:
    name = owner_of(column)
    stays = and_(is_condemned(name, column), not_(is_condemned(child.name, child.c.id)))
    if child.name == Event.__tablename__ and column.name == "actor_id":
        # What somebody did to nobody in particular (a sign-in) goes with them.
        stays = and_(stays, child.c.customer_id.is_not(None))
    users = db.session.execute(select(column, func.count()).where(stays).group_by(column)).all()
    for row_id, times in users:
        needed.setdefault(name, {}).setdefault(row_id, Counter())[child.name] += times
    if users:
        take_off(name, select(column).where(stays))
    return len(users)


def take_off(name: str, ids: Select[Any]) -> None:
    # Through a list of its own: SQLite would look at the rows that it is deleting.
    found = db.session.scalars(ids.where(is_condemned(name, next(iter(ids.selected_columns))))).all()
    for start in range(0, len(found), 500):
        some = found[start : start + 500]
        db.session.execute(delete(CONDEMNED).where(CONDEMNED.c.name == name, CONDEMNED.c.id.in_(some)))


def describe(name: str, users: dict[int, Counter[str]]) -> Iterator[Kept]:
    table = TABLES[name]
    label = next((table.c[column] for column in NAMES if column in table.c), table.c.id)
    for start in range(0, len(users), 500):
        some = sorted(users)[start : start + 500]
        for row_id, said in db.session.execute(
            select(table.c.id, label).where(table.c.id.in_(some)).order_by(table.c.id)
        ):
            used_by, times = users[row_id].most_common(1)[0]
            yield Kept(name, str(said), used_by, times)


def switch_off() -> None:
    """Whoever stays for the record's sake cannot sign in any more."""
    stay = and_(User.is_demo, not_(is_condemned("users", User.__table__.c.id)))
    db.session.execute(
        update(User).where(stay).values(active=False, password=None), execution_options=APART_FROM_SESSION
    )


APART_FROM_SESSION = {"synchronize_session": False}


def remove(done: Cleared) -> None:
    """Delete what is listed, what refers to others first."""
    for word, name in LOCKS.items():
        ids = select(literal(f"{word}:").concat(CONDEMNED.c.id)).where(CONDEMNED.c.name == name)
        delete_from(done, LedgerLock.__table__, LedgerLock.subject.in_(ids))  # type: ignore[arg-type]
    events, users = TABLES["events"], is_condemned("users", TABLES["events"].c.actor_id)
    delete_from(done, events, or_(is_condemned("events", events.c.id), and_(events.c.customer_id.is_(None), users)))
    delete_from(done, user_roles, is_condemned("users", user_roles.c.user_id))
    for table in reversed(Base.metadata.sorted_tables):
        if table.name not in {"events", "user_roles"}:
            delete_from(done, table, is_condemned(table.name, table.c.id))
    queued = TABLES["fact_changes"]
    delete_from(done, queued, queued.c.customer_id.not_in(select(TABLES["customers"].c.id)))
    lives_on = or_(
        *(
            exists().where(literal("household:").concat(key) == LedgerLock.subject)
            for key in (LedgerEntry.household, LedgerEntry.address_key)
        )
    )
    delete_from(done, LedgerLock.__table__, and_(LedgerLock.subject.startswith("household:"), ~lives_on))  # type: ignore[arg-type]
    db.session.expire_all()


def delete_from(done: Cleared, table: Table, which: ColumnElement[bool]) -> None:
    result: Any = db.session.execute(delete(table).where(which))
    if result.rowcount > 0:
        done.rows[table.name] += result.rowcount
