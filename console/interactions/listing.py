"""Interactions as other systems list them: the newest first, a page at a time, without their words."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, select, text, tuple_
from sqlalchemy.orm import joinedload

from console.interactions.models import Interaction, InteractionState, Utterance


@dataclass(frozen=True)
class Filters:
    """Which interactions: every condition that is given must hold."""

    state: InteractionState | None = None
    agent_id: int | None = None
    customer_id: int | None = None
    source: str = ""
    external_id: str = ""


def matching(filters: Filters, before: int | None, limit: int) -> Select[Interaction]:
    """The newest first, each with its agent and customer; `before` is the last id of the page before."""
    query = select(Interaction).options(joinedload(Interaction.agent), joinedload(Interaction.customer))
    if filters.state is not None:
        query = query.where(Interaction.state == filters.state)
    if filters.state is not None and filters.state is not InteractionState.CLOSED:
        query = query.where(text("interactions.state <> 'closed'"))  # said aloud: the index holds just these
    if filters.agent_id is not None:
        query = query.where(Interaction.agent_id == filters.agent_id)
    if filters.customer_id is not None:
        query = query.where(Interaction.customer_id == filters.customer_id)
    if filters.source:
        query = query.where(Interaction.source == filters.source)
    if filters.external_id:
        query = query.where(Interaction.external_id == filters.external_id)
    if before is not None:
        query = query.where(Interaction.id < before)
    return query.order_by(Interaction.id.desc()).limit(limit)


def one(interaction_id: int) -> Select[Interaction]:
    """With its agent and customer."""
    options = (joinedload(Interaction.agent), joinedload(Interaction.customer))
    return select(Interaction).where(Interaction.id == interaction_id).options(*options)


def said_in(
    interaction_id: int, after: tuple[int, int] | None, limit: int, which: ColumnElement[bool]
) -> Select[Utterance]:
    """What was said, in the order spoken; `after` is the position and id of the last one of the page before."""
    query = select(Utterance).where(Utterance.interaction_id == interaction_id, which)
    if after is not None:
        query = query.where(tuple_(Utterance.position, Utterance.id) > after)
    return query.order_by(Utterance.position, Utterance.id).limit(limit)
