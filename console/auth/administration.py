"""What an administrator does with users and teams."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from flask import current_app
from flask_security.mail_util import EmailValidateException, MailUtil
from flask_security.password_util import PasswordUtil
from flask_security.utils import hash_password
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from console.auth.models import Role, Team, User, user_roles
from console.auth.permissions import ROLES
from console.db import db
from console.errors import DomainError
from console.events import Topic, record_event

ADMINISTRATOR = "administrator"
DESCRIPTIONS = {
    "agent": "Talks with customers, writes notes, gives gestures inside the limits",
    "sales": "Looks after customers, writes notes, gives gestures inside the limits",
    "supervisor": "Sets limits, keeps the catalogue and the knowledge, reads the record",
    ADMINISTRATOR: "Looks after users and settings, reads the record",
    "delivery": "Writes and packs the cards that go with parcels, sees nothing else",
}
LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is mistaken for something else when read aloud


@dataclass(frozen=True)
class Private:
    """Where somebody can be reached outside work. Known so that nobody gives anything to themselves."""

    private_email: str | None  # lower case
    private_phone: str | None  # E.164
    private_street: str | None
    private_postcode: str | None


def ensure_roles() -> dict[str, Role]:
    """The roles by name; those that are missing are made."""
    known = {role.name: role for role in db.session.scalars(select(Role))}
    for name in ROLES:
        if name not in known:
            known[name] = Role(name=name, description=DESCRIPTIONS[name])
            db.session.add(known[name])
    db.session.flush()
    return {name: known[name] for name in ROLES}


def generated_password() -> str:
    """Sixteen legible characters in groups of four: 79 bits."""
    return "-".join("".join(secrets.choice(LEGIBLE) for _ in range(4)) for _ in range(4))


def address_of(text: str) -> str:
    """An e-mail address as it is kept. Raises DomainError for one that could not sign in."""
    try:
        return str(MailUtil(current_app).normalize(text.strip())).lower()
    except EmailValidateException:
        raise DomainError("This is not an e-mail address. It should look like maya.kerr@shop.example.") from None


def hashed(password: str) -> str:
    """A password as it is kept. Raises DomainError for one that is too short."""
    faults, normal = PasswordUtil(current_app).validate(password, False)
    if faults:
        shortest = current_app.config["SECURITY_PASSWORD_LENGTH_MIN"]
        raise DomainError(f"Use a password of at least {shortest} characters.")
    return str(hash_password(normal))


def add_user(
    email: str,
    name: str,
    role_names: Iterable[str],
    team: Team | None,
    password: str,
    *,
    actor_id: int | None,
    private: Private | None = None,
) -> User:
    """Let somebody sign in. Raises DomainError for an address that is taken, or that could not sign in."""
    address = address_of(email)
    if db.session.scalars(select(User.id).where(func.lower(User.email) == address)).first():
        raise DomainError(f"Somebody with the address {address} is here already.")
    roles = ensure_roles()
    user = User(
        email=address,
        name=name,
        password=hashed(password),
        roles=[roles[role_name] for role_name in sorted(set(role_names))],
        team=team,
        **(asdict(private) if private else {}),
    )
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        raise DomainError(f"Somebody with the address {address} is here already.") from None
    record_event("user.added", Topic.ACCESS, subject=user, actor_id=actor_id, data={"roles": sorted(user.role_names)})
    return user


def change_user(
    user: User,
    name: str,
    role_names: Iterable[str],
    team: Team | None,
    *,
    actor_id: int | None,
    private: Private | None = None,
) -> None:
    """Another name, other roles, another team. Raises DomainError when no administrator would be left."""
    wanted, before = set(role_names), user.role_names
    if user.id == actor_id and ADMINISTRATOR in before and ADMINISTRATOR not in wanted:
        raise DomainError("You cannot take the administrator's role from yourself. Ask another administrator.")
    lock_administrators()
    roles = ensure_roles()
    user.name, user.team = name, team
    if wanted != before:
        user.roles = [roles[role_name] for role_name in sorted(wanted)]
    db.session.flush()
    refuse_without_administrator()
    facts = {"roles": sorted(wanted), "were": sorted(before), "team": team.id if team else None}
    if private:
        changed = [field for field, value in asdict(private).items() if getattr(user, field) != value]
        for field in changed:
            setattr(user, field, getattr(private, field))
        facts["private"] = changed
    record_event("user.changed", Topic.ACCESS, subject=user, actor_id=actor_id, data=facts)


def deactivate(user: User, *, actor_id: int | None) -> None:
    """Keep somebody out and sign them out everywhere. Raises DomainError for oneself or the last administrator."""
    if user.id == actor_id:
        raise DomainError("You cannot deactivate yourself. Ask another administrator.")
    lock_administrators()
    user.active = False
    sign_out_everywhere(user)
    db.session.flush()
    refuse_without_administrator()
    record_event("user.deactivated", Topic.ACCESS, subject=user, actor_id=actor_id)


def reactivate(user: User, *, actor_id: int | None) -> None:
    user.active = True
    record_event("user.reactivated", Topic.ACCESS, subject=user, actor_id=actor_id)


def reset_password(user: User, password: str, *, actor_id: int | None) -> None:
    """Give somebody a new password and sign them out everywhere. Raises DomainError for one that is too short."""
    user.password = hashed(password)
    sign_out_everywhere(user)
    record_event("user.password_reset", Topic.ACCESS, subject=user, actor_id=actor_id)


def add_team(name: str, *, actor_id: int | None) -> Team:
    """Raises DomainError for a name that is taken."""
    team = Team(name=name)
    db.session.add(team)
    flush_team(name)
    record_event("team.added", Topic.ACCESS, subject=team, actor_id=actor_id)
    return team


def rename_team(team: Team, name: str, *, actor_id: int | None) -> None:
    """Raises DomainError for a name that is taken."""
    team.name = name
    flush_team(name)
    record_event("team.renamed", Topic.ACCESS, subject=team, actor_id=actor_id)


def flush_team(name: str) -> None:
    try:
        db.session.flush()
    except IntegrityError:
        raise DomainError(f"There is a team called {name} already.") from None


def sign_out_everywhere(user: User) -> None:
    user.fs_uniquifier = secrets.token_hex(32)


def lock_administrators() -> None:
    """One change at a time, so that two administrators cannot remove each other at the same moment.

    SQLite has no row locks; there the count after the write, under the write lock, is enough.
    """
    db.session.execute(select(Role.id).where(Role.name == ADMINISTRATOR).with_for_update(key_share=True))


def refuse_without_administrator() -> None:
    left = (
        select(func.count(User.id))
        .join(user_roles, user_roles.c.user_id == User.id)
        .join(Role, Role.id == user_roles.c.role_id)
        .where(Role.name == ADMINISTRATOR, User.active.is_(True))
    )
    if not db.session.scalar(left):
        raise DomainError("This is the last active administrator. Make somebody else administrator first.")
