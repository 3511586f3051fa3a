"""What people do with an interaction: open it, add what is said, wrap it up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from console.db import db
from console.errors import Stale
from console.events import Topic, record_event
from console.interactions.models import Channel, Interaction, InteractionState, Speaker, Utterance, WrapUpCode


@dataclass(frozen=True)
class WrapUp:
    """How it ended: the code, whether it is solved, and the 3R note."""

    code: WrapUpCode
    resolved: bool
    reason: str
    resolution: str
    result: str


def live_of(agent_id: int) -> list[Interaction]:
    """What an agent has going on, oldest first, each with its customer: one statement."""
    return list(
        db.session.scalars(
            select(Interaction)
            .where(Interaction.agent_id == agent_id, Interaction.state == InteractionState.LIVE)
            .options(joinedload(Interaction.customer))
            .order_by(Interaction.id)
            .limit(20)
        )
    )


def live_with(customer_id: int, agent_id: int) -> Interaction | None:
    """The agent's own interaction with this customer that is still going on."""
    return db.session.scalars(
        select(Interaction).where(
            Interaction.agent_id == agent_id,
            Interaction.customer_id == customer_id,
            Interaction.state == InteractionState.LIVE,
        )
    ).first()


def open_interaction(customer_id: int, agent_id: int, channel: Channel, *, now: datetime) -> Interaction:
    """Begin to talk; an interaction that is already live with this customer is carried on."""
    if interaction := live_with(customer_id, agent_id):
        return interaction
    interaction = Interaction(customer_id=customer_id, agent_id=agent_id, channel=channel, started_at=now)
    try:
        with db.session.begin_nested():
            db.session.add(interaction)
    except IntegrityError:  # the other half of a double click was first
        return live_with(customer_id, agent_id) or open_interaction(customer_id, agent_id, channel, now=now)
    record_event(
        "interaction.opened", Topic.ACCESS, subject=interaction, customer_id=customer_id, actor_id=agent_id, at=now
    )
    return interaction


def say(interaction: Interaction, speaker: Speaker, text: str, *, now: datetime) -> Utterance:
    """Add a turn. Raises Stale when the interaction is closed."""
    hold(interaction)
    last = db.session.scalar(select(func.max(Utterance.position)).where(Utterance.interaction_id == interaction.id))
    utterance = Utterance(
        interaction_id=interaction.id,
        position=0 if last is None else last + 1,
        speaker=speaker,
        text=text,
        said_at=now,
    )
    db.session.add(utterance)
    return utterance


def wrap_up(interaction: Interaction, how: WrapUp, *, actor_id: int, now: datetime) -> Interaction:
    """Close it. Raises Stale when it is closed already."""
    hold(interaction)
    interaction.state = InteractionState.CLOSED
    interaction.ended_at = now
    interaction.wrap_up_code, interaction.resolved = how.code, how.resolved
    interaction.reason, interaction.resolution, interaction.result = how.reason, how.resolution, how.result
    interaction.subject = how.reason.split("\n")[0][:300]
    record_event(
        "interaction.closed",
        Topic.TALK,
        subject=interaction,
        customer_id=interaction.customer_id,
        actor_id=actor_id,
        at=now,
        data={"resolved": how.resolved, "channel": interaction.channel.value},
    )
    return interaction


def hold(interaction: Interaction) -> None:
    """Let nobody else write to it until the commit. Raises Stale when it is closed."""
    held = db.session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id, Interaction.state == InteractionState.LIVE)
        .values(state=InteractionState.LIVE)
        .execution_options(synchronize_session=False)
    )
    if held.rowcount != 1:  # type: ignore[attr-defined]
        raise Stale("This talk was wrapped up meanwhile. Start a new one to go on.")


def last_turns(interaction_id: int, limit: int = 60) -> list[Utterance]:
    """The latest turns, in the order spoken."""
    newest = db.session.scalars(
        select(Utterance)
        .where(Utterance.interaction_id == interaction_id)
        .order_by(Utterance.position.desc(), Utterance.id.desc())
        .limit(limit)
    )
    return list(newest)[::-1]


def latest_words(turns: list[Utterance]) -> str:
    """What the customer said since the agent last spoke: what the knowledge base is asked."""
    words: list[str] = []
    for turn in reversed(turns):
        if turn.speaker is Speaker.CUSTOMER:
            words.append(turn.text)
        elif words:
            break
    return " ".join(reversed(words))[-1000:]
