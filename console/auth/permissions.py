"""What each role may do: one table, and the decorator by which every route names its permission."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum, auto
from functools import wraps
from typing import Any

from flask import abort, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_security.decorators import default_unauthn_handler

from console.auth.models import User

View = Callable[..., ResponseReturnValue]


class Permission(StrEnum):
    COME_IN = auto()  # one's own first page, and hearing that an open page changed
    SEE_CUSTOMER = auto()
    EDIT_CUSTOMER = auto()  # create; preferences and boundaries
    SHOW_CONTACT_DETAILS = auto()  # unmasked; each asking is recorded
    HANDLE_INTERACTION = auto()
    SHARE_SNIPPETS = auto()  # words for everybody to insert
    SEE_KNOWLEDGE = auto()
    PROPOSE_ARTICLE = auto()  # write one as a draft, which a knowledge owner publishes
    EDIT_KNOWLEDGE = auto()
    WRITE_NOTE = auto()
    AMEND_ANY_NOTE = auto()  # others' too; their authors always may
    FIND_IN_ALL_NOTES = auto()  # words of all customers at once; one customer's, whoever sees the customer
    WRITE_CARD = auto()  # draft, edit and approve the card for a delivery
    PACK_CARD = auto()  # the queue of cards: written, packed, skipped
    SEE_GESTURES = auto()
    OFFER_GESTURE = auto()
    REVERSE_GESTURE = auto()
    EDIT_CATALOGUE = auto()
    FULFIL_GESTURE = auto()  # tick off what was granted and still has to be done
    APPROVE_GESTURE = auto()  # what goes over somebody's limits
    REVIEW_GESTURES = auto()  # judge flags and samples of what was given
    LINK_STAFF = auto()  # say that a customer works here, or lives with somebody who does
    SEE_POLICIES = auto()
    WRITE_POLICY = auto()  # drafts of policies, and segments
    PUBLISH_POLICY = auto()  # somebody else's draft
    SUSPEND = auto()  # the kill switches
    EDIT_SIGNALS = auto()  # what is listened for in talks
    SEE_TEAM = auto()
    SEE_AUDIT = auto()
    MANAGE_USERS = auto()
    MANAGE_API = auto()  # tokens of other systems


P = Permission
EVERYONE = {P.COME_IN, P.SEE_CUSTOMER, P.SEE_KNOWLEDGE, P.SEE_GESTURES, P.SEE_POLICIES}
FRONTLINE = EVERYONE | {
    P.EDIT_CUSTOMER,
    P.SHOW_CONTACT_DETAILS,
    P.HANDLE_INTERACTION,
    P.PROPOSE_ARTICLE,
    P.WRITE_NOTE,
    P.WRITE_CARD,
    P.PACK_CARD,
    P.OFFER_GESTURE,
    P.FULFIL_GESTURE,
}
POLICY_MAKER = {P.WRITE_POLICY, P.PUBLISH_POLICY, P.SUSPEND}
ROLES: dict[str, frozenset[Permission]] = {
    "agent": frozenset(FRONTLINE),
    "sales": frozenset(FRONTLINE | {P.FIND_IN_ALL_NOTES}),
    "supervisor": frozenset(
        FRONTLINE
        | POLICY_MAKER
        | {
            P.AMEND_ANY_NOTE,
            P.FIND_IN_ALL_NOTES,
            P.SHARE_SNIPPETS,
            P.EDIT_KNOWLEDGE,
            P.REVERSE_GESTURE,
            P.EDIT_CATALOGUE,
            P.APPROVE_GESTURE,
            P.REVIEW_GESTURES,
            P.LINK_STAFF,
            P.EDIT_SIGNALS,
            P.SEE_TEAM,
            P.SEE_AUDIT,
        }
    ),
    "administrator": frozenset(
        EVERYONE
        | POLICY_MAKER
        | {P.PROPOSE_ARTICLE, P.EDIT_KNOWLEDGE, P.SEE_AUDIT, P.MANAGE_USERS, P.MANAGE_API, P.LINK_STAFF}
    ),
    "delivery": frozenset({P.COME_IN, P.PACK_CARD}),  # sees the cards and what has to be known to pack them
}


def allowed(user: User, permission: Permission) -> bool:
    return any(permission in ROLES.get(name, ()) for name in user.role_names)


def may(name: str) -> bool:
    """For templates: may("WRITE_POLICY"). A name that does not exist raises KeyError."""
    permission = Permission[name]
    return current_user.is_authenticated and allowed(current_user, permission)


def requires(permission: Permission) -> Callable[[View], View]:
    """Let in only those whose role holds `permission`: sign-in first, then a plain 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            if not current_user.is_authenticated:
                if "HX-Request" in request.headers:
                    return "", 401, {"HX-Refresh": "true"}  # the reload leads to the sign-in page and back
                return default_unauthn_handler(mechanisms=["session"])  # type: ignore[no-any-return, no-untyped-call]
            if not allowed(current_user, permission):
                abort(403)
            return view(*args, **kwargs)

        checked.permission = permission  # type: ignore[attr-defined]
        return checked

    return decorate


def public(view: View) -> View:
    """Say aloud that a route needs no sign-in."""
    view.permission = None  # type: ignore[attr-defined]
    return view
