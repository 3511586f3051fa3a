"""What people do with an interaction: open it, add what is said, close it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from console.db import db
from console.events import Topic, record_event
from console.interactions.models import Channel, Interaction, InteractionState


def live_with(customer_id: int, agent_id: int) -> Interaction | None:
    """The agent's own interaction with this customer that is still going on."""
    return db.session.scalars(
        select(Interaction)
        .where(
            Interaction.agent_id == agent_id,
            Interaction.state == InteractionState.LIVE,
            Interaction.customer_id == customer_id,
        )
        .order_by(Interaction.id.desc())
        .limit(1)
    ).first()


def open_interaction(customer_id: int, agent_id: int, channel: Channel, *, now: datetime) -> Interaction:
    """Begin to talk; an interaction that is already live with this customer is carried on."""
    if interaction := live_with(customer_id, agent_id):
        return interaction
    interaction = Interaction(customer_id=customer_id, agent_id=agent_id, channel=channel, started_at=now)
    db.session.add(interaction)
    db.session.flush()
    record_event("interaction.opened", Topic.TALK, subject=interaction, customer_id=customer_id, actor_id=agent_id, at=now)
    return interaction
