"""Colleagues named in a note as @name: who is meant, who is told, and when they have seen it.

@ and a first name, a full name or what stands before the @ of somebody's e-mail, in capitals or not, with accents or
without. What more than one colleague is called names nobody: the writer is told, and writes the full name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.orm import joinedload, selectinload

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.customers.names import fold
from console.customers.timeline import Cursor
from console.db import db
from console.errors import DomainError
from console.feed import tell
from notes.beside.models import NoteMention
from notes.models import Note

MOST = 20  # colleagues that one note tells
OFFERED = 8  # colleagues below a text box
JOINERS = ".-@+'’"  # between letters they go on with a word: @maya.kerr is no @maya


@dataclass(frozen=True)
class Person:
    """Whoever can be named: `login` stands before the @ of the e-mail."""

    id: int
    name: str
    login: str
    may_be_told: bool = True

    @property
    def handles(self) -> set[str]:
        return {handle for handle in (fold(self.name.split(" ")[0]), fold(self.name), fold(self.login)) if handle}


@dataclass(frozen=True)
class Naming:
    """An @name in a text, as a slice of it, and everybody who is called so."""

    begins: int
    ends: int
    people: tuple[Person, ...]


@dataclass(frozen=True)
class Mentioned:
    """What came of a note's @names: who is told now, and the names that more than one has."""

    told: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For whoever wrote it; empty when there is nothing to say."""
        said = [f"{listed(self.told)} {'is' if len(self.told) == 1 else 'are'} told."] if self.told else []
        said += [
            f"More than one colleague is called {name}: nobody was told. Write the full name." for name in self.unclear
        ]
        return " ".join(said)


def listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def namings(text: str, people: Iterable[Person]) -> list[Naming]:
    """The @names in a text, in its order; of several that fit at one place, the longest."""
    if "@" not in text:
        return []
    called: dict[str, list[Person]] = defaultdict(list)
    for person in people:
        for handle in person.handles:
            called[handle].append(person)
    lengths = sorted({len(handle) for handle in called}, reverse=True)
    folded, places = folded_with_places(text)
    found: list[Naming] = []
    at = folded.find("@")
    while at >= 0:
        if at == 0 or not (folded[at - 1].isalnum() or folded[at - 1] in f"{JOINERS}_/"):
            end = end_of_name(folded, at + 1, lengths, called)
            if end:
                found.append(Naming(places[at], places[end], tuple(called[folded[at + 1 : end]])))
        at = folded.find("@", at + 1)
    return found


def folded_with_places(text: str) -> tuple[str, list[int]]:
    """The text folded sign by sign, and where in the text each sign of it, and its end, comes from."""
    letters, places = [], []
    for place, sign in enumerate(text):
        bare = fold(sign) if not sign.isspace() else " "
        letters.append(bare)
        places.extend([place] * len(bare))
    return "".join(letters), [*places, len(text)]


def end_of_name(folded: str, begins: int, lengths: Sequence[int], called: Mapping[str, Sequence[Person]]) -> int | None:
    for length in lengths:
        end = begins + length
        if folded[begins:end] in called and len(folded) >= end and is_end(folded, end):
            return end
    return None


def is_end(folded: str, at: int) -> bool:
    """Whether a word ends there. "@maya's" does, "@maya.kerr" and "@maya-lee" do not."""
    after = folded[at : at + 2]
    if not after:
        return True
    if after[0].isalnum() or after[0] == "_":
        return False
    return not (after[0] in ".-@+" and len(after) > 1 and after[1].isalnum())


def pieces(text: str, people: Iterable[Person]) -> list[tuple[str, bool]]:
    """The text cut up for showing: (words, whether they are somebody's @name)."""
    found, at = [], 0
    for naming in namings(text, people):
        found += [(text[at : naming.begins], False), (text[naming.begins : naming.ends], True)]
        at = naming.ends
    return [piece for piece in [*found, (text[at:], False)] if piece[0]]


def note_mentions(note: Note, *, actor_id: int | None, now: datetime) -> Mentioned:
    """Keep whom a note names and tell those it did not name before.

    Raises DomainError for somebody who may not see customers, and for more than MOST. What nobody here wrote tells
    nobody: `actor_id` is None then.
    """
    if "@" not in note.body or actor_id is None:
        return Mentioned()
    found = namings(note.body, active_people())
    known = set(db.session.scalars(select(NoteMention.user_id).where(NoteMention.note_id == note.id)))
    meant = {one.people[0].id: one.people[0] for one in found if len(one.people) == 1}
    fresh = [person for person in meant.values() if person.id not in known | {actor_id}]
    for person in fresh:
        if not person.may_be_told:
            raise DomainError(
                f"{person.name} may not see customers and can be shown no note. Take the @ before the name away."
            )
    if len(known) + len(fresh) > MOST:
        raise DomainError(f"A note tells at most {MOST} colleagues. Take some of the @ names away.")
    for person in fresh:
        db.session.add(NoteMention(note_id=note.id, user_id=person.id, mentioned_at=now))
        tell(f"user:{person.id}", "inbox")
    unclear = dict.fromkeys(note.body[one.begins : one.ends] for one in found if len(one.people) > 1)
    return Mentioned(tuple(person.name for person in fresh), tuple(unclear))


def active_people() -> list[Person]:
    users = db.session.scalars(select(User).where(User.active.is_(True)).options(selectinload(User.roles)))
    return [person_of(user, allowed(user, Permission.SEE_CUSTOMER)) for user in users]


def person_of(user: User, may_be_told: bool = True) -> Person:
    return Person(user.id, " ".join(user.name.split()), user.email.partition("@")[0], may_be_told)


def people_named(note_id: int) -> list[Person]:
    """Whom a note names, for marking them where it is shown."""
    users = select(User).join(NoteMention, NoteMention.user_id == User.id).where(NoteMention.note_id == note_id)
    return [person_of(user) for user in db.session.scalars(users)]


def offered(typed: str) -> list[tuple[Person, str]]:
    """Colleagues whose name, or a word of it, begins so; each with what names them and nobody else."""
    wanted = fold(" ".join(typed.split()))
    everybody = active_people()
    names: dict[str, int] = defaultdict(int)
    for person in everybody:
        names[fold(person.name)] += 1
    fitting = [
        person
        for person in everybody
        if person.may_be_told and (fold(person.name).startswith(wanted) or f" {wanted}" in f" {fold(person.name)}")
    ]
    fitting.sort(key=lambda person: (not fold(person.name).startswith(wanted), fold(person.name), person.id))
    # Two of the very same name are told apart by what they sign in with, up to its @.
    return [(person, person.name if names[fold(person.name)] == 1 else person.login) for person in fitting[:OFFERED]]


def told_to(user_id: int, *, unseen: bool = False, before: Cursor | None = None) -> Select[NoteMention]:
    """Notes that name somebody, newest first, each with the note, its author and its customer. The caller limits it."""
    query = (
        select(NoteMention)
        .where(NoteMention.user_id == user_id)
        .options(joinedload(NoteMention.note).options(joinedload(Note.author), joinedload(Note.customer)))
    )
    if unseen:
        query = query.where(NoteMention.seen_at.is_(None))
    if before is not None:
        query = query.where(tuple_(NoteMention.mentioned_at, NoteMention.id) < (before.at, before.id))
    return query.order_by(NoteMention.mentioned_at.desc(), NoteMention.id.desc())


def unseen_by(user_id: int) -> int:
    waiting = select(func.count(NoteMention.id)).where(NoteMention.user_id == user_id, NoteMention.seen_at.is_(None))
    return db.session.scalar(waiting) or 0


def see(note_id: int, user_id: int, *, now: datetime) -> None:
    """Somebody has the note before them. Reading takes no lock when there is nothing to note down."""
    unseen = NoteMention.note_id == note_id, NoteMention.user_id == user_id, NoteMention.seen_at.is_(None)
    if db.session.scalar(select(NoteMention.id).where(*unseen)):
        db.session.execute(update(NoteMention).where(*unseen).values(seen_at=now))
        tell(f"user:{user_id}", "inbox")
