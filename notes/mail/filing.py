"""E-mails kept as notes: whose they are, who wrote them, and what became of each file.

The same e-mail twice is one note, by its Message-ID. Nothing is guessed: a mail that fits nobody, or several, is
rejected with the reason until a person says whom it is about.
"""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from console.auth.models import User
from console.customers.models import Email
from console.db import db
from console.errors import DomainError
from notes.beside.attachments import attach
from notes.findings.pointing_out import remarks_about
from notes.following import after_saving
from notes.mail.reading import LARGEST, Mail, Unreadable, read_mail
from notes.models import Note, NoteKind
from notes.writing import Draft, write_note

SOURCE = "email"
CANDIDATES = 20
ENDINGS = {".eml", ".mbox"}


class WhoIsIt(DomainError):
    """Nobody, or more than one customer, has the addresses of a mail; `candidates` are the latter's ids."""

    def __init__(self, sentence: str, candidates: list[int]) -> None:
        super().__init__(sentence)
        self.candidates = candidates


class Outcome(StrEnum):
    INSERTED = "inserted"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass
class Line:
    """What became of one mail. `remarks`: why it was rejected, or which of its files were not kept."""

    name: str
    outcome: Outcome
    note_id: int | None = None
    remarks: list[str] = field(default_factory=list)
    sensitive: list[str] = field(default_factory=list)  # topics that its words touch, for somebody to look at again
    asks: bool = False  # it would be kept if somebody said whom it is about


@dataclass
class Report:
    lines: list[Line] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(line.outcome is outcome for line in self.lines)

    def texts(self) -> Iterator[str]:
        """The report as it is printed."""
        yield "mail: " + ", ".join(f"{self.count(outcome):,} {outcome}" for outcome in Outcome)
        for line in self.lines:
            if line.outcome is Outcome.REJECTED:
                yield f"{line.name}: {' '.join(line.remarks)}"
            elif line.remarks:
                yield f"{line.name}: kept without some of its files. {' '.join(line.remarks)}"
            if line.sensitive:
                yield f"{line.name}: kept; look at it again, it touches {', '.join(line.sensitive)}."


def take_in(name: str, data: bytes, *, actor_id: int | None, now: datetime, customer_id: int | None = None) -> Line:
    """Keep one mail and commit. Whatever is wrong with it stands in the line; then nothing of it is kept."""
    try:
        line = keep(name, read_mail(data), actor_id=actor_id, now=now, customer_id=customer_id)
        db.session.commit()
    except Unreadable as reason:
        return Line(name, Outcome.REJECTED, remarks=[f"The file {reason}"])
    except DomainError as reason:
        db.session.rollback()
        return Line(name, Outcome.REJECTED, remarks=[str(reason)], asks=isinstance(reason, WhoIsIt))
    return line


def keep(name: str, mail: Mail, *, actor_id: int | None, now: datetime, customer_id: int | None = None) -> Line:
    """A note of a mail, about `customer_id` or whomever its addresses name. The caller commits.

    `actor_id` is who brought it in. Raises WhoIsIt, and DomainError for words that are never kept.
    """
    if (known := kept_as(mail.key)) is not None:
        return Line(name, Outcome.UNCHANGED, known)
    if mail.has_card_number:
        raise DomainError("It seems to hold a card number, which is never stored. Write a note without it instead.")
    colleagues = colleagues_in(mail)
    about = customer_id or customer_of(mail, colleagues)
    author_id = colleagues.get(mail.sender)
    body = mail.body or ("An e-mail without words." if mail.files else "")
    if not body:
        raise DomainError("There are no words in it, and no files.")
    sent_at = min(mail.sent_at or now, now)
    try:
        note = write_note(
            about, author_id, Draft(body, NoteKind.EMAIL), now=now, written_at=sent_at, message_id=mail.key
        )
    except IntegrityError:  # somebody else brought it in at this moment
        return Line(name, Outcome.UNCHANGED, kept_as(mail.key))
    after_saving(note, actor_id=author_id, now=now)
    refused = attach(note, mail.files, actor_id=author_id or actor_id, now=now)
    topics = list(dict.fromkeys(remark.topic for remark in remarks_about(body)))
    return Line(name, Outcome.INSERTED, note.id, refused, topics)


def kept_as(key: str) -> int | None:
    return db.session.scalar(select(Note.id).where(Note.source == SOURCE, Note.external_id == key))


def colleagues_in(mail: Mail) -> dict[str, int]:
    """The users among all who stand in a mail, by address."""
    named = {mail.sender, *(address for group in mail.groups for address in group)}
    address = func.lower(User.email)
    return {row[0]: row[1] for row in db.session.execute(select(address, User.id).where(address.in_(named)))}


def customer_of(mail: Mail, colleagues: dict[str, int]) -> int:
    """The sender; when that is a colleague, whose mail was forwarded, else to whom it went. Raises WhoIsIt."""
    groups = [*mail.groups, (mail.sender,)] if mail.sender in colleagues else [(mail.sender,)]
    for group in groups:
        asked = [one for one in group if one not in colleagues or group == (mail.sender,)]
        found = select(Email.customer_id).where(Email.address.in_(asked)).distinct().order_by(Email.customer_id)
        ids = list(db.session.scalars(found.limit(CANDIDATES)))
        if len(ids) == 1:
            return ids[0]
        if ids:
            raise WhoIsIt(f"{len(ids)} customers have the addresses in it. Choose whom it is about.", ids)
    if mail.sender in colleagues:
        raise WhoIsIt("A colleague sent it, and no customer has an address in it. Choose whom it is about.", [])
    raise WhoIsIt(f"No customer has the sender's address, {mail.sender[:80]}. Choose whom it is about.", [])


def mails_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every mail in a file, or in all .eml and .mbox files of a folder and the folders in it."""
    if path.is_dir():
        for file in sorted(one for one in path.rglob("*") if one.suffix.lower() in ENDINGS and one.is_file()):
            yield from mails_in(file)
    elif path.suffix.lower() == ".mbox":
        box = mailbox.mbox(path, create=False)
        try:
            for number, key in enumerate(box.keys(), start=1):
                yield f"{path.name} {number}", box.get_bytes(key)
        finally:
            box.close()
    else:
        with path.open("rb") as content:
            yield path.name, content.read(LARGEST + 1)
