"""An e-mail file read: who wrote to whom, when, the words and the files. Knows nothing of customers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime

from charset_normalizer import from_bytes

from console.card_numbers import holds_card_number
from console.contacts import parse_email
from notes.beside.attachments import File
from notes.beside.file_kinds import HIDDEN
from notes.mail.text import note_of, text_of_html
from notes.screening import LONGEST_NOTE

LARGEST = 25_000_000  # bytes; what most mail servers take
LONGEST_KEY = 120  # characters of a note's external id
LONGEST_SUBJECT = 300
MOST_FILES = 30  # that are looked at
MOST_TEXT = 400_000  # characters of one part that are looked at
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)  # dates before are mistakes of a clock
# What mail programs write above a forwarded mail.
WRITER = re.compile(r"^[>\s*]*(?:From|Von|De|Van|Od|Da|Från|Fra)[*\s]*:(.*)$", re.MULTILINE | re.IGNORECASE)
READER = re.compile(r"^[>\s*]*(?:To|Cc|An|À|Para|Aan|Do|A|Till|Til)[*\s]*:(.*)$", re.MULTILINE | re.IGNORECASE)
ADDRESS = re.compile(r"[\w.+'’-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
FAULTS = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    AssertionError,
    OverflowError,
    MessageError,
)


class Unreadable(ValueError):
    """No e-mail; the message says why, as the rest of a sentence that begins with the file's name."""


@dataclass(frozen=True)
class Mail:
    """Addresses are in lower case; `groups` are those besides the sender's, the likeliest customer's first."""

    key: str  # its Message-ID, or a hash of everything
    sender: str
    groups: tuple[tuple[str, ...], ...]
    sent_at: datetime | None
    subject: str
    body: str  # as a note
    files: tuple[File, ...]
    has_card_number: bool  # also in what does not fit into the note


def read_mail(data: bytes) -> Mail:
    """Raises Unreadable."""
    if not data.strip():
        raise Unreadable("is empty.")
    if len(data) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST // 1_000_000} MB. Save the e-mail without its attachments.")
    try:
        return mail_in(data)
    except FAULTS as fault:
        if isinstance(fault, Unreadable):
            raise
        raise Unreadable("is damaged and cannot be read as an e-mail. Save it from the mail program again.") from None


def mail_in(data: bytes) -> Mail:
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(data)
    senders = addresses(message, "from")
    if not senders:
        raise Unreadable("is no e-mail: it names no sender. Save it from the mail program as .eml.")
    text, inner = words_of(message)
    forwarded = [*inner, *named_in(WRITER, text)]
    others = [forwarded, addresses(message, "to"), addresses(message, "cc"), named_in(READER, text)]
    subject = header(message, "subject")[:LONGEST_SUBJECT]
    return Mail(
        key=key_of(message, data),
        sender=senders[0],
        groups=tuple(tuple(dict.fromkeys(group)) for group in others if group),
        sent_at=sent_at(message),
        subject=subject,
        body=note_of(subject, text),
        files=tuple(files_of(message)),
        has_card_number=holds_card_number(f"{subject}\n{text}"[: LONGEST_NOTE + 100]),
    )


def key_of(message: EmailMessage, data: bytes) -> str:
    key = "".join(header(message, "message-id").split())
    if 3 < len(key) <= LONGEST_KEY:
        return key
    return f"sha256:{hashlib.sha256(key.encode() if key else data).hexdigest()}"


def raw(message: EmailMessage, name: str) -> list[str]:
    """A header's values as they were sent: reading them the clever way fails for malformed ones."""
    return [readable(str(value)) for key, value in message.raw_items() if key.lower() == name]


def header(message: EmailMessage, name: str) -> str:
    """One line of words."""
    try:
        value = str(message[name] or "")
    except FAULTS:
        value = " ".join(raw(message, name)[:1])
    return " ".join(HIDDEN.sub(" ", readable(value)).split())


def addresses(message: EmailMessage, name: str) -> list[str]:
    return list(valid(address for _, address in getaddresses(raw(message, name)[:20])[:200]))


def named_in(pattern: re.Pattern[str], text: str) -> list[str]:
    """Addresses in lines that look like the head of a mail."""
    lines = [found[1][:2_000] for found, _ in zip(pattern.finditer(text), range(20), strict=False)]
    return list(valid(address for line in lines for address in ADDRESS.findall(line)))


def valid(found: Iterable[str]) -> Iterator[str]:
    for address in found:
        try:
            yield parse_email(address)
        except ValueError:
            continue


def sent_at(message: EmailMessage) -> datetime | None:
    for value in raw(message, "date")[:1]:
        try:
            moment = parsedate_to_datetime(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except FAULTS:
            return None
        return moment if moment >= OLDEST else None
    return None


def words_of(message: EmailMessage) -> tuple[str, list[str]]:
    """What it says, with what mails attached to it say; and who wrote those."""
    texts, writers = [text_of(message)], []
    for part in parts_of(message):
        inner = part.get_payload(0) if part.get_content_type() == "message/rfc822" and part.is_multipart() else None
        if isinstance(inner, EmailMessage):
            writers += addresses(inner, "from")
            heads = [
                f"{name}: {words}" for name in ("From", "Date", "Subject") if (words := header(inner, name.lower()))
            ]
            texts.append("\n".join(["---------- Forwarded message ----------", *heads, "", text_of(inner)]))
    return "\n\n".join(text for text in texts if text), writers


def text_of(message: EmailMessage) -> str:
    """The plain words, or those of the HTML when there are no plain ones."""
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        if isinstance(part, EmailMessage):
            words = decoded(part)[:MOST_TEXT]
            if kind == "html":
                words = text_of_html(words)
            if words.strip():
                return words.replace("\r\n", "\n").strip()
    return ""


def decoded(part: EmailMessage) -> str:
    content = payload(part)
    charset = part.get_content_charset()
    if charset and charset not in {"us-ascii", "unknown-8bit"}:
        try:
            return readable(content.decode(charset))
        except (LookupError, UnicodeError, ValueError):
            pass  # it names an encoding that does not exist, or is not the one it is in
    try:
        return readable(content.decode())
    except UnicodeDecodeError:
        best = from_bytes(content[:50_000]).best()
        return readable(content.decode(best.encoding if best else "latin-1", "replace"))


def payload(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def readable(text: str) -> str:
    """Bytes that were smuggled through a text would break the database."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def parts_of(message: EmailMessage) -> list[EmailMessage]:
    if not message.is_multipart():
        return [] if message.get_content_maintype() == "text" else [message]
    return [part for part in message.iter_attachments() if isinstance(part, EmailMessage)][:MOST_FILES]


def files_of(message: EmailMessage) -> Iterator[File]:
    for part in parts_of(message):
        if part.get_content_type() != "message/rfc822":
            content = payload(part)
            if content or part.get_filename():
                yield File(readable(part.get_filename() or f"file.{part.get_content_subtype()}"), content)
