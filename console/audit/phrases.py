"""How an event reads in the record: one phrase for each kind, after the name of who did it.

Each holds `{customer}` or `{user}` where that name belongs. Pure: names in, words out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PHRASES = {
    "approval.agreed": "agreed to a request for more, which a second person decides",
    "approval.approved": "approved a request for more than a limit allows",
    "approval.countered": "offered something else for what was asked",
    "approval.lapsed": "left a request for more unanswered until it ran out",
    "approval.rejected": "rejected a request for more than a limit allows",
    "approval.requested": "asked to give more than a limit allows",
    "approval.taken": "took what was offered instead",
    "approval.withdrawn": "took back a request for more",
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
    "gesture.codes_added": "brought in voucher codes for a gesture",
    "gesture.created": "added a gesture to the catalogue",
    "gesture.deactivated": "took a gesture out of the catalogue",
    "gesture.declined": "noted that {customer} declined a gesture",
    "gesture.expired": "let a gesture offered to {customer} expire",
    "gesture.fulfilled": "did what was granted to {customer}",
    "gesture.granted": "granted {customer} a gesture",
    "gesture.offered": "offered {customer} a gesture",
    "gesture.resumed": "let a gesture be given again",
    "gesture.reversed": "took back a gesture granted to {customer}",
    "gesture.suspended": "stopped a gesture",
    "gesture.reviewed": "looked at what was given",
    "gesture.stocked": "said how many there are of a gesture",
    "gesture.voided": "took back an offer to {customer}",
    "help.dismissed": "took an article away from a talk with {customer}",
    "help.pinned": "pinned an article to a talk with {customer}",
    "help.unmarked": "unpinned or brought back an article in a talk with {customer}",
    "survey.answered": "heard from {customer} how a conversation went",
    "talk_signal.changed": "changed what is listened for in talks",
    "talk_signal.dismissed": "waved off a signal in a talk with {customer}",
    "talk_signal.reset": "put back what is listened for in talks",
    "ingestion.finished": "finished bringing in articles",
    "ingestion.started": "began to bring in articles",
    "follow_up.closed": "closed a follow-up with {customer}",
    "follow_up.opened": "has to come back to {customer} after a bad score",
    "interaction.closed": "wrapped up a conversation with {customer}",
    "interaction.confirmed": "confirmed that it is {customer} who is on the line",
    "interaction.ended": "ended a talk with {customer}",
    "interaction.handed_over": "handed over a conversation with {customer}",
    "interaction.moved": "said that it is {customer} who is on the line, and not somebody else",
    "interaction.opened": "opened a conversation with {customer}",
    "interaction.queued": "let {customer} wait for somebody to talk to",
    "interaction.resumed": "went on with a talk with {customer}",
    "interaction.step_done": "did a step of an article while talking with {customer}",
    "interaction.step_undone": "took back a step done while talking with {customer}",
    "interaction.taken": "took a conversation with {customer}",
    "note.amended": "amended a note about {customer}",
    "note.followed_up": "followed up a note about {customer}",
    "note.pinned": "pinned a note about {customer}",
    "note.unpinned": "unpinned a note about {customer}",
    "note.written": "wrote a note about {customer}",
    "snippet.changed": "changed a snippet",
    "snippet.deleted": "deleted a snippet",
    "snippet.written": "wrote a snippet",
    "policy.changed": "changed the draft of a policy",
    "policy.created": "began a policy",
    "policy.drafted": "made a new draft of a policy",
    "policy.published": "published a policy",
    "policy.resumed": "let a policy go on",
    "policy.retired": "ended a policy",
    "policy.sent_back": "sent a policy back to its author",
    "policy.submitted": "sent a policy for review",
    "policy.suspended": "stopped a policy",
    "policy.tried": "tried a policy on the past",
    "policy.withdrawn": "withdrew a draft of a policy",
    "preference.added": "noted a preference of {customer}",
    "preference.confirmed": "confirmed a preference of {customer}",
    "preference.corrected": "corrected a preference of {customer}",
    "preference.removed": "removed a preference of {customer}",
    "products.evaluated": "tried how well the next product can be guessed",
    "promise.kept": "kept a promise to {customer}",
    "promise.made": "promised something to {customer}",
    "promise.released": "released a promise to {customer}",
    "record.exported": "exported the record",
    "segment.archived": "put a segment away",
    "segment.changed": "changed a segment",
    "segment.created": "added a segment",
    "segment.exported": "exported the customers of a segment",
    "segment.restored": "took a segment back into use",
    "staff_link.added": "noted that {customer} belongs to somebody who works here",
    "staff_link.found": "kept a link between {customer} and a colleague whose own they seem to be",
    "staff_link.removed": "noted that {customer} no longer belongs to somebody who works here",
    "team.added": "added a team",
    "team.renamed": "renamed a team",
    "suggestions.set": "changed how gestures are suggested",
    "threshold.changed": "changed from when on answers are shown",
    "token.created": "made a token for another system",
    "token.revoked": "revoked a token of another system",
    "user.added": "added the user {user}",
    "user.changed": "changed the user {user}",
    "user.deactivated": "deactivated the user {user}",
    "user.giving_resumed": "let {user} give gestures again",
    "user.giving_suspended": "stopped {user} from giving gestures",
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
