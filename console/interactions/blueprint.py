"""The blueprint of the conversation, and which interaction a request is about."""

from __future__ import annotations

from flask import Blueprint, abort
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from console.auth.permissions import Permission, allowed
from console.db import db
from console.interactions.models import Interaction, InteractionState

bp = Blueprint("interactions", __name__)


def found(interaction_id: int) -> Interaction:
    """Any interaction, with its customer and its agent, or 404."""
    return db.session.scalars(
        select(Interaction)
        .where(Interaction.id == interaction_id)
        .options(joinedload(Interaction.customer), joinedload(Interaction.agent))
    ).first() or abort(404)


def is_mine(interaction: Interaction) -> bool:
    """Whether the signed-in person is the one who talks, and not only the one it was handed to."""
    if interaction.state is InteractionState.WAITING:
        return False
    return interaction.agent_id is not None and interaction.agent_id == current_user.id


def own(interaction_id: int) -> Interaction:
    """The signed-in agent's own interaction; somebody else's is not to be found, but for who looks after the team."""
    interaction = found(interaction_id)
    if not (is_mine(interaction) or allowed(current_user, Permission.SEE_TEAM)):
        abort(404)
    return interaction
