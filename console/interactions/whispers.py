"""Who may read a whisper: whoever has the talk or is handed it, who had it until then, its writer, and supervisors."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select, true

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.interactions.live_models import Transfer
from console.interactions.models import Interaction, InteractionState, Utterance


def readable_by(interaction: Interaction, user: User) -> ColumnElement[bool]:
    """Which of the talk's turns this person may read: all that was said aloud, and the whispers that are for them.

    Whoever had the talk, or was handed it, reads what was whispered until it went on to somebody else.
    """
    if allowed(user, Permission.SEE_TEAM) or interaction.agent_id == user.id or may_take_now(interaction, user):
        return true()
    theirs = or_(Transfer.from_id == user.id, Transfer.to_user_id == user.id, Transfer.taken_by_id == user.id)
    until = select(func.max(Transfer.asked_at)).where(Transfer.interaction_id == interaction.id, theirs)
    return or_(
        Utterance.is_whisper.is_(False),
        Utterance.said_by_id == user.id,
        Utterance.said_at <= until.scalar_subquery(),
    )


def may_take_now(interaction: Interaction, user: User) -> bool:
    """It waits for this person's team, or for anybody who talks to customers."""
    if interaction.state is not InteractionState.WAITING or interaction.agent_id is not None:
        return False
    if interaction.team_id is None:
        return allowed(user, Permission.HANDLE_INTERACTION)
    return interaction.team_id == user.team_id
