"""Interactions and what was said in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from console.events import Topic
from console.importing import fields, references
from console.importing.problems import BadRow
from console.importing.saving import (
    Column,
    Happened,
    Kind,
    Outcome,
    Result,
    Run,
    Saved,
    Values,
    found,
    save,
    write_history,
)
from console.importing.shop import CUSTOMER, total_of
from console.interactions.models import Channel, Interaction, InteractionState, Speaker, Utterance, WrapUpCode

OWN = ("external_id", "channel", "started_at", "ended_at", "wrap_up_code", "resolved", "csat")
WORDS = ("subject", "reason", "resolution", "result")


def write_interactions(rows: Sequence[Values], run: Run) -> list[Result]:
    orders = references.orders(rows, run)
    agents = references.people(rows, "agent_email")
    results: list[Result | None] = []
    wanted: list[Values] = []
    for row, customer in zip(rows, references.customers(rows, run), strict=True):
        if isinstance(customer, BadRow):
            results.append(customer)
            continue
        results.append(None)
        wanted.append(interaction_columns(row, customer, orders, agents, run))
    known = found(Interaction, ("source", "external_id"), [(run.source, values["external_id"]) for values in wanted])
    saved = save(
        Interaction,
        wanted,
        [known.get((run.source, values["external_id"])) for values in wanted],
        # Without a date of its own it has none: the column's default would say "now".
        only_new={"state": InteractionState.CLOSED, "started_at": None},
    )
    fresh = {talk.id for talk in saved if talk.outcome is Outcome.INSERTED}
    write_history(Interaction, history(wanted, saved), fresh, run.reading.now)
    outcomes = iter(saved)
    return [result or next(outcomes).outcome for result in results]


def interaction_columns(row: Values, customer: int, orders: dict[str, Any], agents: dict[str, int], run: Run) -> Values:
    values = {"source": run.source, "customer_id": customer} | {name: row[name] for name in OWN if name in row}
    values |= {name: row[name] or "" for name in WORDS if name in row}
    if row.get("order") is not None:
        order = orders.get(row["order"])
        if order is None or order.customer_id != customer:
            run.warn("an order is not known, or is another customer's; the interaction was kept without it")
            order = None
        values["order_id"] = order.id if order else None
    if "agent_email" in row:
        values["agent_id"] = references.user_of(row, "agent_email", agents, run)
    return values


def history(wanted: Sequence[Values], saved: Sequence[Saved]) -> list[Happened]:
    happened: list[Happened] = []
    for values, talk in zip(wanted, saved, strict=True):
        at = values.get("ended_at") or values.get("started_at")
        if talk.outcome is Outcome.UNCHANGED or at is None:
            continue
        told = {"channel": values["channel"], "resolved": values.get("resolved")}
        happened.append(about("interaction.closed", Topic.TALK, at, values, talk, told))
        if values.get("csat") is not None:
            happened.append(about("survey.answered", Topic.SIGNAL, at, values, talk, {"score": values["csat"]}))
    return happened


def about(kind: str, topic: Topic, at: datetime, values: Values, talk: Saved, data: dict[str, Any]) -> Happened:
    return Happened(kind, topic, at, values["customer_id"], talk.id, actor_id=values.get("agent_id"), data=data)


def write_utterances(rows: Sequence[Values], run: Run) -> list[Result]:
    interactions = references.interactions(rows, run)
    results: list[Result | None] = []
    wanted: list[Values] = []
    for row in rows:
        interaction = interactions.get(row["interaction"])
        if interaction is None:
            results.append(BadRow(f"There is no interaction {row['interaction']!r} of the source {run.source!r}."))
            continue
        results.append(None)
        wanted.append(
            {"interaction_id": interaction, "external_id": row.get("external_id") or str(row["position"])}
            | {name: row[name] for name in ("position", "speaker", "text", "said_at") if name in row}
        )
    key = ("interaction_id", "external_id")
    keys = [(values["interaction_id"], values["external_id"]) for values in wanted]
    known = found(Utterance, key, keys)
    saved = iter(save(Utterance, wanted, [known.get(key) for key in keys]))
    return [result or next(saved).outcome for result in results]


def total_utterances(source: str) -> Select[int]:
    said = select(func.count()).select_from(Utterance).join(Interaction, Interaction.id == Utterance.interaction_id)
    return said.where(Interaction.source == source)


INTERACTIONS = Kind(
    "interactions",
    (
        Column("external_id", fields.text(120), "the conversation's key in the other system", required=True),
        *CUSTOMER,
        Column("channel", fields.choice(Channel), ", ".join(Channel), required=True),
        Column("subject", fields.text(300), "what it was about, in a line"),
        Column("started_at", fields.moment, "a time, or a day; one without is kept, off the timeline"),
        Column("ended_at", fields.moment, "a time, or a day"),
        Column("agent_email", fields.text(255), "the colleague, by the address of the sign-in here"),
        Column("order", fields.text(120), "an order of the same customer: external id or number"),
        Column("wrap_up_code", fields.choice(WrapUpCode), ", ".join(WrapUpCode)),
        Column("resolved", fields.flag, "yes or no"),
        Column("csat", fields.whole(1, 5), "1 to 5"),
        Column("reason", fields.text(4000), "why they called"),
        Column("resolution", fields.text(4000), "what was done"),
        Column("result", fields.text(4000), "how it ended"),
    ),
    key=("external_id",),
    write=write_interactions,
    total=total_of(Interaction),
    one_of=("customer", "customer_email"),
)
UTTERANCES = Kind(
    "utterances",
    (
        Column("interaction", fields.text(120), "the interaction's external id", required=True),
        Column("external_id", fields.text(120), "the turn's key; its position when there is none"),
        Column("position", fields.whole(0, 1_000_000), "its place in the conversation, from 0", required=True),
        Column("speaker", fields.choice(Speaker), ", ".join(Speaker), required=True),
        Column("text", fields.text(20_000), "what was said", required=True),
        Column("said_at", fields.moment, "a time"),
    ),
    key=("interaction", "external_id", "position"),
    write=write_utterances,
    total=total_utterances,
)
