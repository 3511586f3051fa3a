"""What a token may be used for, and what its user's role must allow for it."""

from __future__ import annotations

from enum import StrEnum

from console.auth.models import User
from console.auth.permissions import Permission, allowed


class Scope(StrEnum):
    INTERACTIONS_READ = "interactions:read"
    INTERACTIONS_WRITE = "interactions:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    EVENTS_READ = "events:read"
    NOTES_READ = "notes:read"
    NOTES_WRITE = "notes:write"
    KNOWLEDGE_SEARCH = "knowledge:search"
    GESTURES_READ = "gestures:read"
    GESTURES_WRITE = "gestures:write"

    @property
    def label(self) -> str:
        return LABELS[self]

    @property
    def permission(self) -> Permission:
        return PERMISSIONS[self]


LABELS = {
    Scope.INTERACTIONS_READ: "See interactions and what is said in them",
    Scope.INTERACTIONS_WRITE: "Open interactions, send what is said, assign, end and wrap up",
    Scope.CUSTOMERS_READ: "Look customers up",
    Scope.CUSTOMERS_WRITE: "Add customers and change their details",
    Scope.EVENTS_READ: "Follow what happens, of one customer and of all",
    Scope.NOTES_READ: "Read notes and promises",
    Scope.NOTES_WRITE: "Write notes and promises",
    Scope.KNOWLEDGE_SEARCH: "Ask the knowledge base, also in a frame of another page",
    Scope.GESTURES_READ: "See which gestures suit, and what became of an offer",
    Scope.GESTURES_WRITE: "Offer, grant and decline gestures, within the user's own limits",
}
PERMISSIONS = {
    Scope.INTERACTIONS_READ: Permission.SEE_CUSTOMER,
    Scope.INTERACTIONS_WRITE: Permission.HANDLE_INTERACTION,
    Scope.CUSTOMERS_READ: Permission.SEE_CUSTOMER,
    Scope.CUSTOMERS_WRITE: Permission.EDIT_CUSTOMER,
    Scope.EVENTS_READ: Permission.SEE_CUSTOMER,
    Scope.NOTES_READ: Permission.SEE_CUSTOMER,
    Scope.NOTES_WRITE: Permission.WRITE_NOTE,
    Scope.KNOWLEDGE_SEARCH: Permission.SEE_KNOWLEDGE,
    Scope.GESTURES_READ: Permission.SEE_GESTURES,
    Scope.GESTURES_WRITE: Permission.OFFER_GESTURE,
}


def beyond(user: User, scopes: list[Scope]) -> list[Scope]:
    """Those that the user's role does not allow."""
    return [scope for scope in scopes if not allowed(user, scope.permission)]
