"""What a new article begins with: the words of a conversation and its note, or of a question that found nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Boolean, column, select, table

from console.db import db
from knowledge.models import KnowledgeGap
from knowledge.queries import INTERACTIONS
from knowledge.shortening import shortened

TURNS = 200
LONGEST = 6_000  # characters taken from one conversation

# What is read of a conversation besides, and only to start an article from it.
UTTERANCES = table(
    "utterances",
    column("interaction_id"),
    column("position"),
    column("speaker"),
    column("text"),
    column("is_whisper", Boolean),
)
NOTES = table("notes", column("id"), column("interaction_id"), column("body"))
USERS = table("users", column("id"), column("name"))
CUSTOMERS = table("customers", column("id"), column("first_name"), column("last_name"))

EMAIL = re.compile(r"\S+@\S+\.\w+")
NUMBER = re.compile(r"(?<![\w£$€])[#+]?\w{0,3}\d[\d ()/-]{4,}\d\b|#\w*\d{3,}\w*")


@dataclass(frozen=True)
class Start:
    """A title, a body, and where they are from: one of the two ids."""

    title: str = ""
    body: str = ""
    interaction_id: int | None = None
    gap_id: int | None = None


def from_interaction(interaction_id: int, *, agent_id: int | None) -> Start | None:
    """A draft from what was said and noted; None when there is no such conversation (of this agent's, if one is named).

    Their names, e-mail addresses and long numbers are left out: an article is for everybody.
    """
    query = (
        select(
            INTERACTIONS.c.subject,
            INTERACTIONS.c.resolution,
            CUSTOMERS.c.first_name,
            CUSTOMERS.c.last_name,
            USERS.c.name.label("agent"),
        )
        .join_from(INTERACTIONS, CUSTOMERS, CUSTOMERS.c.id == INTERACTIONS.c.customer_id)
        .join(USERS, USERS.c.id == INTERACTIONS.c.agent_id, isouter=True)
    )
    query = query.where(INTERACTIONS.c.id == interaction_id)
    if agent_id is not None:
        query = query.where(INTERACTIONS.c.agent_id == agent_id)
    talk = db.session.execute(query).first()
    if talk is None:
        return None
    turns = db.session.execute(
        select(UTTERANCES.c.speaker, UTTERANCES.c.text)
        .where(UTTERANCES.c.interaction_id == interaction_id, UTTERANCES.c.is_whisper.is_(False))
        .order_by(UTTERANCES.c.position)
        .limit(TURNS)
    ).all()
    notes = db.session.scalars(
        select(NOTES.c.body).where(NOTES.c.interaction_id == interaction_id).order_by(NOTES.c.id).limit(10)
    ).all()
    names = {talk.first_name, talk.last_name, *(talk.agent or "").split()} - {"", None}

    def safe(text: str) -> str:
        return impersonal(text, names)

    asked = [safe(turn.text) for turn in turns if turn.speaker == "customer"]
    said = [safe(turn.text) for turn in turns if turn.speaker == "agent"]
    answer = [safe(text) for text in (talk.resolution, *notes) if text]
    question = max(asked[:3], key=len, default="")
    title = safe(talk.subject or "") or question
    return Start(
        title=shortened(title, 120),
        body=body_of(asked, answer, said)[:LONGEST],
        interaction_id=interaction_id,
    )


def from_gap(gap_id: int) -> Start | None:
    """A draft that has the gap's question for a title; None when there is no such gap."""
    gap = db.session.get(KnowledgeGap, gap_id)
    if gap is None:
        return None
    question = impersonal(gap.question, set())
    return Start(title=shortened(question, 120), body=body_of([question], [], []), gap_id=gap.id)


def body_of(asked: list[str], answer: list[str], said: list[str]) -> str:
    """Markdown under three headings; a heading without words is left out, but for the answer."""
    parts = ["## The answer", "\n\n".join(answer) or "1. "]
    if asked:
        parts += ["## What customers ask", "\n".join(f"> {line}\n>" for text in asked for line in text.splitlines())]
    if said:
        parts += ["## What was said this time", "\n".join(f"- {' '.join(text.split())}" for text in said)]
    return "\n\n".join(part.rstrip("\n>") if part.startswith(">") else part for part in parts)


def impersonal(text: str, names: set[str]) -> str:
    text = EMAIL.sub("[e-mail]", text.replace("\0", ""))
    text = NUMBER.sub("[number]", text)
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "[name]", text)
    return re.sub(r"\[name\](?:\s+\[name\])+", "[name]", text).strip()
