"""Requests for more than one's limit, asked and answered as on the screens; one of them still waits."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select, update

from console.db import db
from console.demo.days import Days
from console.demo.live import going_on, terms_of
from console.demo.talks import Staff, Talk
from console.errors import DomainError
from console.gestures import approvals, asking, ledger
from console.gestures.approval_models import ApprovalRequest
from console.gestures.models import GestureVersion, LedgerEntry

# Days ago, what is asked for, why, and the answer: a reason is a no. Asked in the first conversation since then.
WISHES = (
    (26, "credit-25", "Wrong for the third time. £10 looks small beside that.", ""),
    (18, "assembly", "The boxes stand in the hall since Friday, and nobody there can lift them.", ""),
    (11, "credit-25", "One day late, and very cross about it.", "Say sorry first. £5 fits a day."),
    (5, "assembly", "She waited in for two vans that never came.", ""),
)
WAITING = ("assembly", "He took a second day off work for the van. May the crew build it for him?")
ANSWERED = timedelta(minutes=4)  # after the question, when every supervisor may answer
OPEN_FOR = timedelta(hours=8)  # longer than a request lives, so that there is one to look at
ROLES = {"agent", "sales"}


class Wishes:
    """What is still to be asked for, in the order of time; the ledger's clocks never run backwards."""

    def __init__(self, catalogue: dict[str, GestureVersion], staff: Staff, days: Days) -> None:
        self.catalogue, self.staff, self.days = catalogue, staff, days
        self.left = list(WISHES)

    def due(self, talk: Talk) -> bool:
        """Whether something would be asked for in a conversation in which nothing was given."""
        recent = talk.ended_at > self.days.at(WISHES[0][0], "08:00")
        return recent and not talk.gift and talk.agent.role_names <= ROLES

    def ask(self, talk: Talk) -> None:
        """The next one, if it is its time, and answer it."""
        if not self.left or talk.ended_at < self.days.at(self.left[0][0], "08:00"):
            return
        _, code, reason, answer = self.left[0]
        if request := self.asked(code, reason, talk, talk.ended_at):
            self.left.pop(0)
            with suppress(DomainError):  # somebody's own policies may know no such approver
                self.answer(request, answer)

    def ask_now(self, talks: Iterable[Talk]) -> None:
        """The one that waits, in the latest conversation in which it can be asked."""
        asked_at = self.days.now - ANSWERED
        for talk in sorted(filter(self.due, talks), key=lambda one: one.ended_at, reverse=True):
            with going_on(talk):
                request = self.asked(*WAITING, talk, asked_at)
            if request is not None:
                row = update(ApprovalRequest).where(ApprovalRequest.id == request.id)
                db.session.execute(row.values(expires_at=self.days.now + OPEN_FOR, escalates_at=asked_at))
                db.session.commit()
                return

    def asked(self, code: str, reason: str, talk: Talk, at: datetime) -> ApprovalRequest | None:
        version = self.catalogue.get(code)
        if version is None:
            return None
        terms = terms_of(talk, version, reason)
        try:
            request = asking.ask(terms, key=str(uuid5(NAMESPACE_URL, f"demo:{talk.interaction.id}")), now=at)
        except DomainError:
            db.session.rollback()
            return None
        db.session.commit()
        return request

    def answer(self, request: ApprovalRequest, why_not: str) -> None:
        at, requester = request.requested_at + ANSWERED, request.requester_id
        if why_not:
            approvals.reject(request.id, why_not, approver_id=self.staff["amara"].id, now=at)
            db.session.commit()
            return
        approvals.approve(request.id, approver_id=self.staff["colin"].id, now=at)
        held = db.session.scalars(select(LedgerEntry.id).where(LedgerEntry.approval_id == request.id)).one()
        ledger.grant(held, actor_id=requester, now=at + timedelta(minutes=1))
