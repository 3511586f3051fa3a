"""What people do with an interaction: open it, queue it, take it, hand it over, end the talk, wrap it up.

Every move is one UPDATE that names the states it may start from, so that of two people who do the same at once one
wins; the other gets Stale, which says who was faster. What is said stands in turns.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_committed_value

from console.auth.models import Team, User
from console.card_numbers import REFUSAL, holds_card_number, masked
from console.db import db
from console.errors import DomainError, Stale
from console.events import Event, Topic, record_event
from console.feed import tell
from console.interactions.live_models import FollowUp, Transfer
from console.interactions.models import Channel, Interaction, InteractionState, WrapUpCode
from console.interactions.turns import cleaned, say_whisper
from console.web import zone

WAITING, LIVE = InteractionState.WAITING, InteractionState.LIVE
WRAPPING, CLOSED = InteractionState.WRAP_UP, InteractionState.CLOSED
FOLLOW_UP_IN = timedelta(days=2)


@dataclass(frozen=True)
class WrapUp:
    """How it ended: the code, whether it is solved, the 3R note, and whether somebody shall come back to it."""

    code: WrapUpCode
    resolved: bool
    reason: str
    resolution: str
    result: str
    follow_up: bool = False


@dataclass(frozen=True)
class Origin:
    """What another system calls it. One (source, external id) is one interaction, however often it is opened."""

    external_id: str
    source: str = ""


def live_with(customer_id: int, agent_id: int) -> Interaction | None:
    """The agent's own interaction with this customer that is still going on; of several the last."""
    return db.session.scalars(
        select(Interaction)
        .where(
            Interaction.agent_id == agent_id,
            Interaction.customer_id == customer_id,
            Interaction.state == LIVE,
        )
        .order_by(Interaction.id.desc())
    ).first()


def opened_as(origin: Origin) -> Interaction | None:
    """The interaction that another system calls so."""
    return db.session.scalars(
        select(Interaction).where(
            Interaction.source == origin.source, Interaction.external_id == cleaned(origin.external_id)
        )
    ).first()


def open_interaction(
    customer_id: int,
    agent_id: int,
    channel: Channel,
    *,
    now: datetime,
    origin: Origin | None = None,
    is_guess: bool = False,
    order_id: int | None = None,
) -> Interaction:
    """Begin to talk. The same origin is the same interaction, whoever asks and in whatever state it is by now.

    Without an origin, one that is already live with this customer is carried on; and one that was begun by hand
    becomes the one the other system tells of.
    """
    if origin and (known := opened_as(origin)):
        return known
    live = live_with(customer_id, agent_id)
    if live and (origin is None or (live.external_id is None and name(live, origin))):
        return live
    interaction = Interaction(
        customer_id=customer_id,
        agent_id=agent_id,
        channel=channel,
        state=LIVE,
        started_at=now,
        seen_at=now,
        is_guess=is_guess,
        order_id=order_id,
        **named(origin),
    )
    if not inserted(interaction):  # the other half of a double click was first
        return open_interaction(
            customer_id, agent_id, channel, now=now, origin=origin, is_guess=is_guess, order_id=order_id
        )
    record("interaction.opened", interaction, agent_id, now)
    tell(f"user:{agent_id}", "inbox")
    return interaction


def enqueue(
    customer_id: int,
    team_id: int | None,
    channel: Channel,
    *,
    now: datetime,
    origin: Origin | None = None,
    is_guess: bool = False,
    order_id: int | None = None,
    actor_id: int | None = None,
) -> Interaction:
    """Let it wait for somebody of a team, or for anybody. The same origin is the same interaction."""
    if origin and (known := opened_as(origin)):
        return known
    interaction = Interaction(
        customer_id=customer_id,
        team_id=team_id,
        channel=channel,
        state=WAITING,
        started_at=now,
        is_guess=is_guess,
        order_id=order_id,
        **named(origin),
    )
    if not inserted(interaction):
        return enqueue(
            customer_id,
            team_id,
            channel,
            now=now,
            origin=origin,
            is_guess=is_guess,
            order_id=order_id,
            actor_id=actor_id,
        )
    record("interaction.queued", interaction, actor_id, now)
    tell_queue(team_id)
    return interaction


def named(origin: Origin | None) -> dict[str, str]:
    return {"source": origin.source, "external_id": cleaned(origin.external_id)} if origin else {}


def name(interaction: Interaction, origin: Origin) -> bool:
    """Give one that was begun by hand the name another system has for it. False when it got one meanwhile."""
    return compare_and_swap(interaction, Interaction.external_id.is_(None), **named(origin))


def inserted(interaction: Interaction) -> bool:
    """False when the same one was there already."""
    try:
        with db.session.begin_nested():
            db.session.add(interaction)
    except IntegrityError:
        return False
    return True


def take(interaction: Interaction, agent_id: int, *, now: datetime) -> Interaction:
    """Take what waits. Raises Stale when somebody else took it or the customer has gone, DomainError when
    the agent talks to this customer already."""
    team_id = interaction.team_id
    move_once(interaction, (WAITING,), state=LIVE, agent_id=agent_id, team_id=None)
    db.session.execute(
        update(Transfer)
        .where(Transfer.interaction_id == interaction.id, Transfer.taken_at.is_(None))
        .values(taken_at=now, taken_by_id=agent_id)
    )
    record("interaction.taken", interaction, agent_id, now)
    tell_state(interaction, agent_id)
    tell_queue(team_id)
    return interaction


def hand_over(
    interaction: Interaction,
    from_id: int,
    *,
    to_user_id: int | None = None,
    to_team_id: int | None = None,
    note: str = "",
    now: datetime,
) -> Transfer:
    """Let a colleague or a team go on with it. The note is whispered to them: see whispers.py.

    It waits until it is taken; whoever handed it over may take it back. Raises Stale when it is no longer live.
    """
    if (to_user_id is None) == (to_team_id is None):
        raise DomainError("Choose one colleague or one team to hand it to.")
    if to_user_id == from_id:
        raise DomainError("You have it already. Choose a colleague or a team.")
    before = interaction.agent_id
    move(interaction, (LIVE,), state=WAITING, agent_id=to_user_id, team_id=to_team_id)
    transfer = Transfer(
        interaction_id=interaction.id,
        from_id=from_id,
        to_user_id=to_user_id,
        to_team_id=to_team_id,
        note=masked(cleaned(note)),
        asked_at=now,
    )
    db.session.add(transfer)
    if transfer.note:
        say_whisper(interaction, transfer.note, by_id=from_id, now=now)
    record("interaction.handed_over", interaction, from_id, now, to_user_id=to_user_id, to_team_id=to_team_id)
    tell_state(interaction, before, to_user_id)
    if to_team_id is not None:
        tell_queue(to_team_id)
    return transfer


def end_talk(interaction: Interaction, *, actor_id: int | None, now: datetime) -> Interaction:
    """The customer has gone: what was live is wrapped up next, what still waited is closed, for nobody spoke.

    `actor_id` is none when the telephone or the chat says so. Raises Stale when the talk is over already.
    """
    team_id, waited = interaction.team_id, interaction.state is WAITING
    if waited:
        move(interaction, (WAITING,), state=CLOSED, ended_at=now, wrapped_up_at=now)
        tell_queue(team_id)
    else:
        move(interaction, (LIVE,), state=WRAPPING, ended_at=now)
    record("interaction.ended", interaction, actor_id, now, waited=waited)
    tell_state(interaction, interaction.agent_id)
    return interaction


def resume(interaction: Interaction, agent_id: int, *, now: datetime) -> Interaction:
    """The talk was ended too early: it goes on. Raises Stale when it is not in wrap-up."""
    move_once(interaction, (WRAPPING,), state=LIVE, ended_at=None, agent_id=agent_id)
    record("interaction.resumed", interaction, agent_id, now)
    tell_state(interaction, agent_id)
    return interaction


def wrap_up(interaction: Interaction, how: WrapUp, *, actor_id: int, now: datetime) -> Interaction:
    """Close it; a talk that is still live ends with it. Raises Stale when it is closed already, and says by whom.

    Raises DomainError for words that hold a card number.
    """
    if any(holds_card_number(words) for words in (how.reason, how.resolution, how.result)):
        raise DomainError(REFUSAL)
    ended_at = interaction.ended_at or now
    move(
        interaction,
        (LIVE, WRAPPING),
        state=CLOSED,
        ended_at=ended_at,
        wrapped_up_at=now,
        wrap_up_code=how.code,
        resolved=how.resolved,
        reason=how.reason,
        resolution=how.resolution,
        result=how.result,
        subject=how.reason.split("\n")[0][:300],
    )
    if how.follow_up:
        db.session.add(
            FollowUp(
                interaction_id=interaction.id,
                customer_id=interaction.customer_id,
                owner_id=interaction.agent_id or actor_id,
                why="asked",
                due_on=(now.astimezone(zone()) + FOLLOW_UP_IN).date(),
                opened_at=now,
            )
        )
    data = {"resolved": how.resolved, "channel": interaction.channel.value}
    if interaction.is_replay:
        data["replay"] = True
    record("interaction.closed", interaction, actor_id, now, Topic.TALK, **data)
    tell_state(interaction, interaction.agent_id, actor_id)
    return interaction


def confirm_customer(interaction: Interaction, *, actor_id: int, now: datetime) -> Interaction:
    """It is whom it was guessed to be."""
    if compare_and_swap(interaction, Interaction.is_guess, is_guess=False):
        record("interaction.confirmed", interaction, actor_id, now)
        tell_state(interaction, interaction.agent_id)
    return interaction


def move_to_customer(interaction: Interaction, customer_id: int, *, actor_id: int, now: datetime) -> Interaction:
    """It was somebody else: what was said goes to them. Raises Stale when it is closed already."""
    was = interaction.customer_id
    move_once(interaction, (WAITING, LIVE, WRAPPING), customer_id=customer_id, is_guess=False)
    record("interaction.moved", interaction, actor_id, now, from_customer_id=was)
    tell_state(interaction, interaction.agent_id)
    return interaction


def move(interaction: Interaction, states: tuple[InteractionState, ...], **values: Any) -> None:
    """Change it if it is in one of the states still, and let nobody else write to it until the commit. Raises Stale."""
    if not compare_and_swap(interaction, Interaction.state.in_(states), **values):
        raise Stale(what_happened(interaction.id))


def move_once(interaction: Interaction, states: tuple[InteractionState, ...], **values: Any) -> None:
    """The same where an agent would come to talk to a customer: twice at once is refused."""
    try:
        with db.session.begin_nested():
            move(interaction, states, **values)
    except IntegrityError:
        raise DomainError("There is a talk with this customer already. Wrap that up first.") from None


def compare_and_swap(interaction: Interaction, still: Any, **values: Any) -> bool:
    changed = db.session.execute(
        update(Interaction)
        .where(Interaction.id == interaction.id, still)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        return False
    for attribute, value in values.items():
        set_committed_value(interaction, attribute, value)
    return True


DONE = {
    "interaction.opened": "{who} is talking to this customer.",
    "interaction.queued": "This waits for somebody to take it.",
    "interaction.taken": "{who} has taken this.",
    "interaction.handed_over": "{who} has handed this over, and it waits to be taken.",
    "interaction.ended": "{who} has ended this talk.",
    "interaction.resumed": "{who} is talking to this customer again.",
    "interaction.closed": "{who} has wrapped this up already. Start a new talk to go on.",
}


def what_happened(interaction_id: int) -> str:
    """Who did what to it last, in a sentence."""
    actor = aliased(User)
    last = db.session.execute(
        select(Event.kind, actor.name)
        .outerjoin(actor, actor.id == Event.actor_id)
        .where(Event.subject_type == "interactions", Event.subject_id == interaction_id, Event.kind.in_(DONE))
        .order_by(Event.id.desc())
        .limit(1)
    ).first()
    if last is None:
        return "This talk has changed meanwhile. Look at it again; nothing was saved."
    return DONE[last.kind].format(who=last.name or "The other system")


def record(
    kind: str, interaction: Interaction, actor_id: int | None, now: datetime, topic: Topic = Topic.ACCESS, **data: Any
) -> None:
    record_event(
        kind,
        topic,
        subject=interaction,
        customer_id=interaction.customer_id,
        actor_id=actor_id,
        at=now,
        data={name: value for name, value in data.items() if value is not None},
    )


def tell_state(interaction: Interaction, *user_ids: int | None) -> None:
    tell(f"interaction:{interaction.id}", "state", state=interaction.state.value)
    for user_id in {one for one in user_ids if one is not None}:
        tell(f"user:{user_id}", "inbox")


def tell_queue(team_id: int | None) -> None:
    """Whoever sees the queue; one that waits for anybody stands in every team's."""
    for one in [team_id] if team_id is not None else db.session.scalars(select(Team.id)):
        tell(f"team:{one}", "queue")
