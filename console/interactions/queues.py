"""What an agent has going on, what waits for somebody to take it, and what of it is unread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import aliased, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from console.auth.models import Team, User
from console.db import db, utc_now
from console.interactions.live_models import Transfer
from console.interactions.models import Interaction, InteractionState, Speaker, Utterance
from console.interactions.turns import position

MOST = 20
MOST_UNREAD = 400  # turns looked at to count
OPEN = (InteractionState.LIVE, InteractionState.WRAP_UP)


@dataclass(frozen=True)
class Waiting:
    """One that waits: since when, for whom, and who handed it over with which whisper."""

    interaction: Interaction  # with its customer
    since: datetime
    from_id: int | None
    from_name: str
    note: str
    team: str

    def is_for(self, user_id: int) -> bool:
        """Handed to this very person."""
        return self.interaction.agent_id == user_id


def live_of(agent_id: int) -> list[Interaction]:
    """What an agent has going on or still has to wrap up, oldest first, each with its customer: one statement."""
    return list(
        db.session.scalars(
            select(Interaction)
            .where(Interaction.agent_id == agent_id, Interaction.state.in_(OPEN))
            .options(joinedload(Interaction.customer))
            .order_by(Interaction.id)
            .limit(MOST)
        )
    )


def going_on_with(customer_id: int, asked: int | None = None) -> Interaction | None:
    """Somebody's interaction with this customer that is not closed, with its customer and its agent: the one of id
    `asked`, else the last."""
    return db.session.scalars(
        select(Interaction)
        .where(Interaction.customer_id == customer_id, Interaction.state != InteractionState.CLOSED)
        .options(joinedload(Interaction.customer), joinedload(Interaction.agent))
        .order_by((Interaction.id == (asked or 0)).desc(), Interaction.started_at.desc(), Interaction.id.desc())
        .limit(1)
    ).first()


def waiting_for(user: User) -> list[Waiting]:
    """What this person may take, longest waiting first: handed to them, their team's, anybody's, and what they handed
    over themselves and nobody has taken. One statement, at most MOST.
    """
    giver = aliased(User)
    rows = db.session.execute(
        select(Interaction, Transfer, giver.name, Team.name)
        .outerjoin(Transfer, and_(Transfer.interaction_id == Interaction.id, Transfer.taken_at.is_(None)))
        .outerjoin(giver, giver.id == Transfer.from_id)
        .outerjoin(Team, Team.id == Interaction.team_id)
        .where(
            Interaction.state == InteractionState.WAITING,
            or_(
                Interaction.agent_id == user.id,
                Transfer.from_id == user.id,
                and_(
                    Interaction.agent_id.is_(None),
                    or_(Interaction.team_id.is_(None), Interaction.team_id == user.team_id),
                ),
            ),
        )
        .options(joinedload(Interaction.customer))
        .order_by(Interaction.id)
        .limit(MOST)
    )
    return [
        Waiting(
            interaction=row[0],
            since=row[1].asked_at if row[1] else row[0].started_at or utc_now(),
            from_id=row[1].from_id if row[1] else None,
            from_name=row[2] or "",
            note=row[1].note if row[1] else "",
            team=row[3] or "",
        )
        for row in rows
    ]


def unread(interactions: Sequence[Interaction]) -> dict[int, int]:
    """How many turns of the customer the agent has not seen, of each interaction that has any: one statement.

    A turn that arrived late, with an earlier time, counts at least as one.
    """
    new = [one for one in interactions if is_unread(one)]
    if not new:
        return {}
    since = [
        and_(
            Utterance.interaction_id == one.id,
            Utterance.position > (position(one.seen_at, one.started_at) if one.seen_at else -(2**31)),
        )
        for one in new
    ]
    said = select(Utterance.interaction_id).where(
        or_(*since), Utterance.speaker == Speaker.CUSTOMER, Utterance.is_whisper.is_(False)
    )
    numbers = Counter(db.session.scalars(said.limit(MOST_UNREAD)))
    return {one.id: max(numbers[one.id], 1) for one in new}


def is_unread(interaction: Interaction) -> bool:
    heard, seen = interaction.heard_at, interaction.seen_at
    return heard is not None and (seen is None or seen < heard)


def see(interaction: Interaction, *, now: datetime) -> bool:
    """Its agent has it before their eyes. False when nothing was unread."""
    if not is_unread(interaction):
        return False
    db.session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )
    set_committed_value(interaction, "seen_at", now)
    return True
