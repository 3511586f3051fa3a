"""Interactions: opened by a telephone or a chat, assigned, ended, wrapped up."""

from __future__ import annotations

from typing import Annotated, Any

from flask import url_for
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from console.api.cursors import cursor, place_in
from console.api.operations import Answer, Caller, operation
from console.api.refusing import Refusal
from console.api.schemas import Candidate, ExternalIdText, Id, Moment, Page, Paged, Sent, SourceText, Told, line, text
from console.api.scopes import Scope
from console.auth.models import Team, User
from console.auth.permissions import Permission, allowed
from console.customers.models import Customer, Order
from console.customers.recognising import Clues, Recognised, recognise, start_customer, wait_for_others
from console.db import db
from console.errors import Stale
from console.interactions import listing
from console.interactions.handling import (
    Origin,
    WrapUp,
    end_talk,
    enqueue,
    hand_over,
    open_interaction,
    opened_as,
    take,
    what_happened,
    wrap_up,
)
from console.interactions.models import REPLAY, Channel, Interaction, InteractionState, WrapUpCode

READ, WRITE = Scope.INTERACTIONS_READ, Scope.INTERACTIONS_WRITE


class PersonTold(Told):
    id: int
    name: str


class InteractionTold(Told):
    id: int
    customer: PersonTold
    channel: Channel
    state: InteractionState
    agent: PersonTold | None = Field(description="Who talks; while it waits: whom it was handed to.")
    team_id: int | None = Field(description="Whose queue it waits in; none: everybody's.")
    source: str | None
    external_id: str | None
    order_id: int | None
    is_guess: bool = Field(description="Nobody has confirmed yet that it is this customer.")
    subject: str
    started_at: Moment | None
    ended_at: Moment | None
    wrapped_up_at: Moment | None
    wrap_up_code: WrapUpCode | None
    resolved: bool | None
    reason: str
    resolution: str
    result: str
    url: str = Field(description="Where an agent sees it.")

    @classmethod
    def of(cls, row: Interaction) -> InteractionTold:
        same = ("id", "channel", "state", "team_id", "source", "external_id", "order_id", "is_guess", "subject")
        times = ("started_at", "ended_at", "wrapped_up_at")
        ending = ("wrap_up_code", "resolved", "reason", "resolution", "result")
        return cls(
            **{name: getattr(row, name) for name in (*same, *times, *ending)},
            customer=PersonTold(id=row.customer.id, name=row.customer.name),
            agent=PersonTold(id=row.agent.id, name=row.agent.name) if row.agent else None,
            url=url_for("assist.workspace", customer_id=row.customer_id, _external=True),
        )


class InteractionPage(Page):
    items: list[InteractionTold]


class InteractionsAsked(Paged):
    state: InteractionState | None = None
    agent_id: Annotated[Id, Field(description="A user's id.")] | None = None
    customer_id: Id | None = None
    source: SourceText | None = None
    external_id: ExternalIdText | None = None


class CustomerClues(Sent):
    """Whoever all clues agree on is the customer. `name` recognises nobody: a new customer is called so."""

    id: Id | None = Field(None, description="When it is known who it is, nothing else is needed.")
    phone: Annotated[str, line(40)] = ""
    email: Annotated[str, line(254)] = ""
    order: Annotated[str, line(120)] = Field("", description="An order's number.")
    external_id: Annotated[str, line(120)] = Field("", description="The customer's key in the system `source`.")
    source: Annotated[str, line(40)] = Field("", description="Left out: in any system.")
    name: Annotated[str, line(200)] = ""

    def clues(self) -> Clues:
        return Clues(**self.model_dump(exclude={"id"}))


class NewInteraction(Sent):
    channel: Channel
    customer: CustomerClues
    source: SourceText | None = Field(None, description="Your system.", examples=["telephony"])
    external_id: ExternalIdText | None = Field(
        None, description="The call or chat in your system. The same one again is the same interaction."
    )
    agent_id: Annotated[Id, Field(description="Who talks already. Left out: it waits to be taken.")] | None = None
    team_id: Annotated[Id, Field(description="Whose queue it waits in. Left out: everybody's.")] | None = None


class Assignment(Sent):
    agent_id: Annotated[Id, Field(description="A user's id.")] | None = None
    team_id: Id | None = None
    note: Annotated[str, text(2000)] = Field("", description="Whispered: the customer never hears or reads it.")


class Wrapping(Sent):
    code: WrapUpCode
    resolved: bool
    reason: Annotated[str, text(2000, 1)] = Field(description="Why they came.")
    resolution: Annotated[str, text(2000)] = Field("", description="What was done.")
    result: Annotated[str, text(2000)] = Field("", description="How it ended.")


@operation(
    "POST",
    "/interactions",
    WRITE,
    {201: InteractionTold, 200: InteractionTold},
    body=NewInteraction,
    problems=(409,),
    example={
        "channel": "phone",
        "source": "telephony",
        "external_id": "call-4711",
        "customer": {"phone": "+447700900123", "name": "Isla Mercer"},
    },
)
def create_interaction(caller: Caller, body: NewInteraction) -> Answer:
    """A call or chat comes in.

    The customer is recognised by id, external id, e-mail, phone or order number. When several fit, the answer is a
    409 that lists them; when nobody does, a new customer is started with what is known. A call or chat that was told
    before (the same `source` and `external_id`) is answered with 200, in whatever state it is by now.
    """
    if body.source == REPLAY:
        raise Refusal.of_field("source", "This name is kept for conversations that are played again.")
    origin = Origin(body.external_id, body.source or "") if body.external_id else None
    if origin and (known := opened_as(origin)):
        return Answer(told(known.id))
    if body.agent_id is not None:
        somebody_who_talks(body.agent_id)
    # A race for the same call starts a customer for nothing: take that back.
    try:
        row, is_new = attempted(caller, body, origin)
    except IntegrityError:  # another call of the same new customer was faster: they are here by now
        row, is_new = attempted(caller, body, origin)
    return Answer(told(row.id), 201 if is_new else 200, address(row.id))


def attempted(caller: Caller, body: NewInteraction, origin: Origin | None) -> tuple[Interaction, bool]:
    """The same as `opened`; nothing stays of what was there already."""
    with db.session.begin_nested() as attempt:
        row, is_new = opened(caller, body, origin)
        if not is_new:
            attempt.rollback()
    return row, is_new


def opened(caller: Caller, body: NewInteraction, origin: Origin | None) -> tuple[Interaction, bool]:
    """The interaction, and whether there was none."""
    customer, is_guess = customer_for(caller, body)
    given: dict[str, Any] = {"now": caller.now, "origin": origin, "is_guess": is_guess}
    given["order_id"] = order_of(customer.id, body.customer.order)
    if body.agent_id is not None:
        row = open_interaction(customer.id, body.agent_id, body.channel, **given)
    else:
        row = enqueue(customer.id, existing_team(body.team_id), body.channel, actor_id=caller.id, **given)
    return row, row.started_at == caller.now


def customer_for(caller: Caller, body: NewInteraction) -> tuple[Customer, bool]:
    """The customer, and whether they were guessed. Raises Refusal when several fit or none is named."""
    if body.customer.id is not None:
        found = db.session.get(Customer, body.customer.id)
        if found is None:
            raise Refusal.of_field("customer.id", "No customer has this id.")
        return found, False
    clues = body.customer.clues()
    recognised = recognise(clues)
    if not recognised.customers:
        wait_for_others(clues)  # two calls of one number at once are one customer
        recognised = recognise(clues)
    if recognised.only:
        return recognised.only, recognised.is_guess
    if recognised.customers:
        raise several(body, recognised)
    if not any((clues.phone, clues.email, clues.external_id, clues.name)):
        raise Refusal.of_field("customer", "Say something of the customer: a phone, an e-mail, a name or an id.")
    if not allowed(caller.user, Permission.EDIT_CUSTOMER):
        raise Refusal(403, "", f"Nobody fits, and the role of {caller.user.name} does not allow to add a customer.")
    return start_customer(clues, actor_id=caller.id, now=caller.now), False


def several(body: NewInteraction, recognised: Recognised) -> Refusal:
    asked = body.customer.model_dump(exclude={"id", "name"}, exclude_defaults=True) | {"channel": body.channel.value}
    if body.external_id:
        asked["external_id"] = body.external_id
    return Refusal(
        409,
        "several-customers",
        f"{len(recognised.customers)} customers fit. Ask which one it is, and send customer.id.",
        candidates=[Candidate.of(one).model_dump() for one in recognised.customers],
        pop_url=pop_url(asked),
    )


def pop_url(asked: dict[str, Any]) -> str:
    """Where an agent chooses between them."""
    return url_for("assist.pop", _external=True, **asked)


def order_of(customer_id: int, number: str) -> int | None:
    if not number:
        return None
    wanted = select(Order.id).where(Order.number == number.lstrip("# ").upper(), Order.customer_id == customer_id)
    return db.session.scalar(wanted.limit(1))


def somebody_who_talks(user_id: int) -> User:
    user = db.session.get(User, user_id, options=[selectinload(User.roles)])
    if user is None or not user.active or not allowed(user, Permission.HANDLE_INTERACTION):
        raise Refusal.of_field("agent_id", "Nobody who talks with customers has this id.")
    return user


def existing_team(team_id: int | None) -> int | None:
    if team_id is not None and db.session.get(Team, team_id) is None:
        raise Refusal.of_field("team_id", "No team has this id.")
    return team_id


@operation("GET", "/interactions", READ, {200: InteractionPage}, query=InteractionsAsked)
def list_interactions(caller: Caller, query: InteractionsAsked) -> Answer:
    """Interactions, the newest first."""
    filters = listing.Filters(
        query.state, query.agent_id, query.customer_id, query.source or "", query.external_id or ""
    )
    place = place_in("interactions", query.cursor, 1)
    rows = db.session.scalars(listing.matching(filters, place[0] if place else None, query.limit + 1)).all()
    page = rows[: query.limit]
    more = cursor("interactions", page[-1].id) if len(rows) > query.limit else None
    return Answer(InteractionPage(items=[InteractionTold.of(row) for row in page], next_cursor=more))


@operation("GET", "/interactions/<int:interaction_id>", READ, {200: InteractionTold}, problems=(404,))
def read_interaction(caller: Caller, interaction_id: int) -> Answer:
    """One interaction."""
    return Answer(InteractionTold.of(found(interaction_id)))


@operation(
    "POST",
    "/interactions/<int:interaction_id>/assignment",
    WRITE,
    {200: InteractionTold},
    body=Assignment,
    problems=(404, 409),
    example={"agent_id": 3},
)
def assign_interaction(caller: Caller, interaction_id: int, body: Assignment) -> Answer:
    """Give it to a colleague or a team.

    One that waits and is given to a person is live at once, so your system must have connected them. One that is live
    is handed over: it waits until it is taken.
    """
    row = found(interaction_id)
    if (body.agent_id is None) == (body.team_id is None):
        raise Refusal.of_field("agent_id", "Name one user or one team.")
    if body.agent_id is not None:
        somebody_who_talks(body.agent_id)
    existing_team(body.team_id)
    if row.state in (InteractionState.WRAP_UP, InteractionState.CLOSED):
        raise Stale(what_happened(interaction_id))
    if row.state is InteractionState.WAITING and body.agent_id is not None:
        take(row, body.agent_id, now=caller.now)
    elif body.agent_id is None or row.agent_id != body.agent_id:
        giver = row.agent_id if body.agent_id == caller.id and row.agent_id else caller.id
        hand_over(row, giver, to_user_id=body.agent_id, to_team_id=body.team_id, note=body.note, now=caller.now)
    return Answer(told(interaction_id))


@operation("POST", "/interactions/<int:interaction_id>/end", WRITE, {200: InteractionTold}, problems=(404, 409))
def end_interaction(caller: Caller, interaction_id: int) -> Answer:
    """The customer has hung up or left the chat.

    What was live waits for its agent to wrap it up; what nobody had taken is closed.
    """
    end_talk(found(interaction_id), actor_id=None, now=caller.now)
    return Answer(told(interaction_id))


@operation(
    "POST",
    "/interactions/<int:interaction_id>/wrap-up",
    WRITE,
    {200: InteractionTold},
    body=Wrapping,
    problems=(404, 409),
    example={"code": "damaged", "resolved": True, "reason": "Lamp arrived scratched", "resolution": "Refunded 15.00"},
)
def wrap_up_interaction(caller: Caller, interaction_id: int, body: Wrapping) -> Answer:
    """Write down how it ended, and close it."""
    how = WrapUp(body.code, body.resolved, body.reason, body.resolution, body.result)
    wrap_up(found(interaction_id), how, actor_id=caller.id, now=caller.now)
    return Answer(told(interaction_id))


def found(interaction_id: int) -> Interaction:
    row = db.session.scalars(listing.one(interaction_id)).first()
    return row or not_found("interaction")


def not_found(what: str) -> Any:
    raise Refusal(404, "", f"No {what} of this id can be seen with this token.")


def told(interaction_id: int) -> InteractionTold:
    """As it is after what was done."""
    db.session.flush()
    query = listing.one(interaction_id).execution_options(populate_existing=True)
    return InteractionTold.of(db.session.scalars(query).one())


def address(interaction_id: int) -> str:
    return url_for("api.read_interaction", interaction_id=interaction_id)
