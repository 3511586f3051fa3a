"""How an event reads in the record: one phrase for each kind, after the name of who did it.

Each holds `{customer}` or `{user}` where that name belongs. Pure: names in, words out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PHRASES = {
    "article.archived": "archived an article",
    "article.created": "wrote an article",
    "article.dismissed": "said that an article does not fit a question",
    "article.edit_suggested": "suggested a better wording for an article",
    "article.edited": "changed an article",
    "article.fits_after_all": "took back that an article does not fit a question",
    "article.flag_answered": "answered a report about an article",
    "article.flagged": "reported an article",
    "article.linked": "used an article for {customer}",
    "article.pinned": "pinned an article",
    "article.published": "published an article",
    "article.rated": "said whether an article was helpful",
    "article.renamed": "gave an article another address",
    "article.restored": "restored an earlier revision of an article",
    "article.suggestion_accepted": "took over a suggestion for an article",
    "article.suggestion_declined": "declined a suggestion for an article",
    "article.told_apart": "said that two articles are no duplicates",
    "article.unlinked": "took back that an article was used for {customer}",
    "article.unpinned": "unpinned an article",
    "article.verified": "verified an article",
    "article.withdrawn": "made an article a draft again",
    "boundary.added": "noted a boundary of {customer}",
    "boundary.confirmed": "confirmed a boundary of {customer}",
    "boundary.corrected": "corrected a boundary of {customer}",
    "boundary.removed": "removed a boundary of {customer}",
    "complaint.opened": "opened a complaint of {customer}",
    "complaint.settled": "settled a complaint of {customer}",
    "contact.all_shown": "opened all contact details of {customer}",
    "contact.email_shown": "showed an e-mail address of {customer}",
    "contact.phone_shown": "showed a phone number of {customer}",
    "customer.changed": "changed the details of {customer}",
    "customer.created": "added {customer}",
    "file.imported": "imported a file",
    "gap.assigned": "gave a knowledge gap to somebody",
    "gap.ignored": "put a knowledge gap aside",
    "gap.merged": "made one knowledge gap of two",
    "gap.renamed": "worded a knowledge gap anew",
    "gap.reopened": "opened a knowledge gap again",
    "gap.solved": "solved a knowledge gap",
    "gesture.activated": "put a gesture into the catalogue",
    "gesture.changed": "changed a gesture of the catalogue",
    "gesture.created": "added a gesture to the catalogue",
    "gesture.deactivated": "took a gesture out of the catalogue",
    "gesture.declined": "noted that {customer} declined a gesture",
    "gesture.expired": "let a gesture offered to {customer} expire",
    "gesture.fulfilled": "did what was granted to {customer}",
    "gesture.granted": "granted {customer} a gesture",
    "gesture.offered": "offered {customer} a gesture",
    "gesture.reversed": "took back a gesture granted to {customer}",
    "gesture.voided": "took back an offer to {customer}",
    "ingestion.finished": "finished bringing in articles",
    "ingestion.started": "began to bring in articles",
    "interaction.closed": "wrapped up a conversation with {customer}",
    "interaction.opened": "opened a conversation with {customer}",
    "limits.changed": "changed the limits",
    "note.amended": "amended a note about {customer}",
    "note.followed_up": "followed up a note about {customer}",
    "note.pinned": "pinned a note about {customer}",
    "note.unpinned": "unpinned a note about {customer}",
    "note.written": "wrote a note about {customer}",
    "preference.added": "noted a preference of {customer}",
    "preference.confirmed": "confirmed a preference of {customer}",
    "preference.corrected": "corrected a preference of {customer}",
    "preference.removed": "removed a preference of {customer}",
    "promise.kept": "kept a promise to {customer}",
    "promise.made": "promised something to {customer}",
    "promise.released": "released a promise to {customer}",
    "record.exported": "exported the record",
    "team.added": "added a team",
    "team.renamed": "renamed a team",
    "threshold.changed": "changed from when on answers are shown",
    "user.added": "added the user {user}",
    "user.changed": "changed the user {user}",
    "user.deactivated": "deactivated the user {user}",
    "user.password_changed": "changed their own password",
    "user.password_reset": "set a new password for {user}",
    "user.reactivated": "let {user} sign in again",
    "user.signed_in": "signed in",
}


@dataclass(frozen=True)
class Part:
    """A stretch of a sentence; a customer's or a user's name is one by itself."""

    text: str
    names: Literal["", "customer", "user"] = ""


def sentence(kind: str, customer: str | None, user: str | None) -> list[Part]:
    """What was done, in parts: "showed a phone number of ", "Isla Mercer". A name that is missing is said so."""
    phrase = PHRASES.get(kind) or spelled_out(kind, customer)
    names = {"customer": customer or "a customer", "user": user or "a user"}
    for placeholder in ("customer", "user"):
        before, found, after = phrase.partition(f"{{{placeholder}}}")
        if found:
            parts = [Part(before), Part(names[placeholder], placeholder), Part(after)]
            return [part for part in parts if part.text]
    return [Part(phrase)]


def spelled_out(kind: str, customer: str | None) -> str:
    """A kind that has no phrase yet, such as "order.delivered": "order delivered, {customer}"."""
    words = kind.replace(".", " ").replace("_", " ")
    return f"{words}, {{customer}}" if customer else words
