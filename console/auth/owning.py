"""Words that are somebody's own, or everybody's when they have no owner: snippets, note templates."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import abort
from flask_login import current_user
from sqlalchemy import select

from console.auth.permissions import Permission, allowed
from console.db import Base, db

Row = TypeVar("Row", bound=Base)


def may_change(row: Any) -> bool:
    """One's own, and shared ones whoever may share."""
    is_shared = row.owner_id is None
    return allowed(current_user, Permission.SHARE_SNIPPETS) if is_shared else row.owner_id == current_user.id


def own(model: type[Row], number: int) -> Row:
    """One that the person may change; 404 for somebody else's, 403 for a shared one that only others may change."""
    row: Any = db.session.scalars(select(model).where(model.id == number)).first() or abort(404)
    if row.owner_id is not None and row.owner_id != current_user.id:
        abort(404)
    if not may_change(row):
        abort(403)
    return row  # type: ignore[no-any-return]
