"""Explain: which policy, which clause, what is left; and what I may give myself, in plain words."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.auth.models import User
from console.auth.permissions import Permission, requires
from console.customers.models import Customer
from console.customers.queries import hits_with_customers
from console.customers.searching import find
from console.db import db, utc_now
from console.empowerment.offerings import givers, offerings
from console.gestures.explaining import explain as explanation_of
from console.gestures.explaining import mine as authority_of
from console.web import id_argument, render_page_or_partial, today

bp = Blueprint("explaining", __name__, url_prefix="/policies")


@bp.get("/mine")
@requires(Permission.SEE_POLICIES)
def mine() -> ResponseReturnValue:
    return render_page_or_partial(
        "policies/mine.html", "policies/_mine.html", mine=authority_of(current_user.id, utc_now())
    )


@bp.get("/explain")
@requires(Permission.WRITE_POLICY)
def explain() -> ResponseReturnValue:
    """?agent=7&q=Lopez&gesture=2, or &customer=9 once it is clear who is meant."""
    agent_id, customer_id, gesture_id = id_argument("agent"), id_argument("customer"), id_argument("gesture")
    q = request.args.get("q", "").replace("\0", "").strip()[:100]
    hits = hits_with_customers(find(q)) if q and customer_id is None else []
    if len(hits) == 1:
        customer_id = hits[0].customer.id
    agent = db.session.get(User, agent_id) if agent_id else None
    customer = db.session.get(Customer, customer_id) if customer_id else None
    found = None
    if agent and customer:
        found = explanation_of(agent, customer, utc_now(), gesture_ids=[gesture_id] if gesture_id else None)
    return render_page_or_partial(
        "policies/explain.html",
        "policies/_explanation.html",
        people=givers(),
        gestures=offerings(today()),
        agent_id=agent_id,
        gesture_id=gesture_id,
        customer=customer,
        q=q,
        hits=hits if customer is None else [],
        found=found,
    )
