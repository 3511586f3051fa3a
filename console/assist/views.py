"""The workspace, everybody's home and the palette: pages put together from all domains."""

from __future__ import annotations

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import console.assist.lines  # tells the timeline how the use of an article reads
import console.assist.owned  # noqa: F401  tells the knowledge base what a customer owns
from console.assist import help_views, pop_views, replay_views, step_views, wrap_up_views  # noqa: F401
from console.assist.blueprint import bp as bp
from console.assist.homes import SHOWN, desk, figures, installation
from console.auth.permissions import Permission, allowed, requires
from console.customers.forms import BoundaryForm, ComplaintForm, PreferenceForm, with_ids
from console.customers.models import Customer
from console.customers.queries import (
    boundaries_for,
    customer_with_contacts,
    facts_for,
    glance,
    hits_with_customers,
    preferences_for,
)
from console.customers.searching import find
from console.customers.signals import Pledge, SignalKind, signals
from console.customers.timeline import timeline
from console.customers.views import TOPICS
from console.db import db, utc_now
from console.interactions.follow_ups import due_for
from console.interactions.forms import OpenForm, UtteranceForm
from console.interactions.models import Channel, Interaction
from console.interactions.queues import going_on_with, live_of, unread, waiting_for
from console.interactions.turns import PAGE, last_turns
from console.interactions.views import seen_by_its_agent
from console.interactions.whispers import readable_by
from console.web import id_argument, render_page_or_partial, today
from knowledge.gap_queries import assigned_to
from knowledge.listing import to_check
from knowledge.titles import titles_like
from notes.beside.views import unseen_mentions
from notes.forms import NewNoteForm, PromiseForm
from notes.promises.queries import open_promises, shown_for
from notes.queries import pinned_for

# Said by an alert above everything, so not by a chip as well.
ALERTED = frozenset({SignalKind.OPEN_COMPLAINT, SignalKind.BROKEN_PROMISE})


@bp.get("/")
@requires(Permission.COME_IN)
def home() -> ResponseReturnValue:
    if not allowed(current_user, Permission.SEE_CUSTOMER):
        return redirect(url_for("packing.index"))  # the delivery staff's own first page
    now = utc_now()
    return render_template(
        "assist/home.html",
        live=live_of(current_user.id),
        can_replay=allowed(current_user, Permission.HANDLE_INTERACTION) and replay_views.is_demo_here(),
        mentions=unseen_mentions(),
        waiting=waiting_for(current_user) if allowed(current_user, Permission.HANDLE_INTERACTION) else [],
        follow_ups=due_for(current_user, SHOWN) if allowed(current_user, Permission.HANDLE_INTERACTION) else [],
        desk=desk(current_user.id, now) if allowed(current_user, Permission.HANDLE_INTERACTION) else None,
        team=figures(current_user, now) if allowed(current_user, Permission.SEE_TEAM) else None,
        to_check=to_check(current_user.id, today(), is_editor=allowed(current_user, Permission.EDIT_KNOWLEDGE)),
        today=today(),
        gaps=assigned_to(current_user.id) if allowed(current_user, Permission.EDIT_KNOWLEDGE) else [],
        installation=installation() if allowed(current_user, Permission.MANAGE_USERS) else None,
    )


@bp.get("/customers/<int:customer_id>")
@requires(Permission.SEE_CUSTOMER)
def workspace(customer_id: int) -> ResponseReturnValue:
    """Who is this, what helps now, what may I give: one page, at most 12 statements."""
    now = utc_now()
    customer = customer_with_contacts(customer_id) or abort(404)
    trade = glance(customer_id, now)
    promises = db.session.scalars(shown_for(customer_id, now).limit(20)).all()
    broken = [Pledge(promise.id, promise.due_at) for promise in promises if promise.is_broken(now)]
    facts = facts_for(customer, customer.open_complaints, broken, trade, now)
    live = live_of(current_user.id)
    interaction = talk_with(customer_id, live)
    if interaction:
        seen_by_its_agent(interaction)
    turns = last_turns(interaction.id, PAGE, readable_by(interaction, current_user)) if interaction else []
    return render_template(
        "assist/workspace.html",
        customer=customer,
        complaints=customer.open_complaints,
        boundaries=boundaries_for(customer_id),
        preferences=preferences_for(customer_id),
        promises=promises,
        signals=[one for one in signals(facts, now=now, today=today()) if one.kind not in ALERTED],
        facts=facts,
        glance=trade,
        live=live,
        unread=unread(live),
        here=interaction.id if interaction else None,
        interaction=interaction,
        turns=turns,
        words=" ".join(complaint.text for complaint in customer.open_complaints),
        pinned=db.session.scalars(pinned_for(customer_id).limit(3)).all(),
        page=timeline(customer_id),
        topic=None,
        topics=TOPICS,
        channels=list(Channel),
        open_form=OpenForm(formdata=None),
        utterance_form=UtteranceForm(formdata=None),
        note_form=NewNoteForm(formdata=None),
        promise_form=PromiseForm(formdata=None),
        preference_form=with_ids(PreferenceForm(formdata=None), "preference"),
        boundary_form=with_ids(BoundaryForm(formdata=None), "boundary"),
        complaint_form=with_ids(ComplaintForm(formdata=None), "complaint"),
    )


def talk_with(customer_id: int, live: list[Interaction]) -> Interaction | None:
    """The one that is asked for; else my last one with this customer; else a colleague's, to read."""
    asked = id_argument("interaction")
    mine = [one for one in live if one.customer_id == customer_id]
    if mine:
        return next((one for one in mine if one.id == asked), mine[-1])
    return going_on_with(customer_id, asked)


@bp.get("/customers/<int:customer_id>/broken-promises")
@requires(Permission.SEE_CUSTOMER)
def broken(customer_id: int) -> ResponseReturnValue:
    """The part of the workspace that says which promises were broken."""
    customer = db.get_or_404(Customer, customer_id)
    promises = db.session.scalars(open_promises(customer_id).limit(20)).all()
    return render_page_or_partial(
        "customers/section.html",
        "assist/_broken.html",
        section="assist/_broken.html",
        customer=customer,
        promises=promises,
    )


@bp.get("/palette")
@requires(Permission.SEE_CUSTOMER)
def palette() -> ResponseReturnValue:
    q = request.args.get("q", "").replace("\0", "").strip()[:200]
    hits = hits_with_customers(find(q, limit=5)) if q else []
    return render_template("assist/_palette.html", q=q, hits=hits, articles=titles_like(q, limit=5) if q else [])
