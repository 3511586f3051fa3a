"""A shop whose agents offer, settle, ask for more and retry, held against the reference at every step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy import select, update

from console.customers.models import Customer
from console.db import db
from console.errors import DomainError
from console.gestures import ledger, sealing
from console.gestures.ledger import Approved, KeyConflict, NoAuthority, NotOffered, OverLimit, Terms, offer
from console.gestures.locking import transaction
from console.gestures.models import LedgerEntry, LedgerEvent
from tests.factories_gestures import make_request
from tests.property.ledger_reference import GOLD, WIDE, is_active
from tests.property.ledger_world import AGENTS, SHARES, SHELF, World, keys, limits_of, ticked

# Bound to the edges of every window, because random moments hardly ever fall on them.
EDGES = "second|hold|hold - 1|rolling|rolling - 1|rolling + 1|midnight|midnight - 1|new york|new york - 1|monday|back"
MOMENTS = [*["stay"] * 60, *EDGES.split("|"), "month"]
TICKS = st.sampled_from(MOMENTS)
# Mostly the same few, or hardly any limit would be reached.
AGENT, CUSTOMER = st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from([0, 0, 1, 1, 2])
GESTURE = st.sampled_from([0, 1, 1, 2, 2, 2, 3, 4, 5, 6])
PICK = st.integers(0, 50)
OTHERS = ["wide", "gold", "guard", "agent", "gesture", "policy", "team", "account", "house", "role", "seal"]
OFFERS = st.lists(st.tuples(TICKS, AGENT, CUSTOMER, GESTURE, st.sampled_from([300, 500, 700])), min_size=2, max_size=8)
ACTS = st.lists(
    st.tuples(TICKS, PICK, st.sampled_from(["grant"] * 4 + ["decline", "void", "reverse", "fulfil"])),
    min_size=1,
    max_size=4,
)


class Shop(World, RuleBasedStateMachine):
    @rule(offers=OFFERS)
    def make_offers(self, offers: list[tuple[str, int, int, int, int]]) -> None:
        for one in offers:
            self.make_offer(*one)

    def make_offer(self, tick: str, a: int, c: int, g: int, cost: int) -> None:
        self.clock = ticked(self.clock, tick)
        chosen = cost if SHELF[g][5] else None
        ask = self.ask(a, c, g, chosen)
        now = self.reference.moment(self.clock, self.subjects(ask))
        outcome, over, policy = self.expected(ask, g, now)
        self.met.update([outcome, *over])
        terms, key = self.terms(ask, g, chosen), f"property-{next(keys):012}"
        before = self.events()
        try:
            entry = offer(terms, key=key, now=self.clock)
        except OverLimit as refusal:
            assert outcome == "over", f"spurious: {refusal}"
            assert self.named(refusal) == over
            assert refusal.may_ask == all(self.is_overridable(one) for one in over)
        except NoAuthority:
            assert outcome == "no authority"
        except NotOffered as problem:
            assert outcome == "no stock", problem
        else:
            assert outcome == "held", f"{outcome}: {over}"
            self.booked(entry, ask, terms, key, now, policy)
            return
        assert self.events() == before

    def events(self) -> int:
        return db.session.query(LedgerEvent).count()

    def named(self, refusal: OverLimit) -> set[Any]:
        names = {version.policy_id: name for name, version in self.policies.items()}
        return {
            (names[one.standing.policy.id], one.limit.scope.value, one.limit.measure.value, one.limit.window.value)
            for one in refusal.failures
        }

    def booked(
        self, entry: LedgerEntry, ask: dict[str, Any], terms: Terms, key: str, now: datetime, policy: str | None
    ) -> None:
        assert entry.booked_at == now, "a subject's time never runs backwards"
        assert (entry.cost_minor, entry.face_minor) == (ask["cost"], ask["face"])
        assert policy is not None
        assert entry.policy_id == self.policies[policy].policy_id
        self.reference.expire(ask, now)
        self.reference.rows.append(
            ask | {"id": entry.id, "key": key, "terms": terms, "booked": now, "state": "held", "policy": policy}
        )
        self.reference.saw(self.subjects(ask), now)

    @rule(tick=TICKS, a=AGENT, c=CUSTOMER, g=GESTURE)
    def approve(self, tick: str, a: int, c: int, g: int) -> None:
        """Everything that may be exceeded is allowed; what may not binds all the same."""
        self.clock = ticked(self.clock, tick)
        chosen = SHELF[g][1] if SHELF[g][5] else None
        ask = self.ask(a, c, g, chosen)
        subjects = [*self.subjects(ask), f"agent {self.supervisor.id}"]
        now = self.reference.moment(self.clock, subjects)
        outcome, over, policy = self.expected(ask, g, now)
        terms, key = self.terms(ask, g, chosen), f"property-{next(keys):012}"
        live = self.policies[policy or "wide"]
        request = make_request(self.session, terms, live)
        self.session.commit()
        version_id = self.version_id(policy, now) or live.id
        spec = {"wide": WIDE, "gold": GOLD}[policy or "wide"]
        share = (self.reference.number(policy or "wide", now) or (0, 1.0))[1]
        allowed = frozenset(one for one in limits_of(spec, share) if one.overridable)
        approved = Approved(request.id, self.supervisor.id, version_id, allowed)
        try:
            with transaction():
                entry = ledger.hold_approved(terms, approved, key=key, now=self.clock)
        except OverLimit:
            assert not all(self.is_overridable(one) for one in over)
        except NotOffered:
            assert outcome in ("no authority", "no stock")
        else:
            assert outcome in ("held", "over")
            assert all(self.is_overridable(one) for one in over), f"approved beyond what nobody may exceed: {over}"
            self.booked(entry, ask, terms, key, now, policy)
            self.reference.saw(subjects, now)

    @precondition(lambda self: self.reference.rows)
    @rule(tick=TICKS, pick=PICK, other=st.booleans())
    def repeat(self, tick: str, pick: int, other: bool) -> None:
        """A retry changes nothing, whenever it comes; the same key on other terms is refused."""
        self.clock = ticked(self.clock, tick)
        row = self.reference.rows[-1 - pick % len(self.reference.rows)]
        before = self.events()
        if other:
            with pytest.raises(KeyConflict):
                offer(replace(row["terms"], reason="Other"), key=row["key"], now=self.clock)
        else:
            assert offer(row["terms"], key=row["key"], now=self.clock).id == row["id"]
        assert self.events() == before

    @precondition(lambda self: self.reference.rows)
    @rule(acts=ACTS)
    def settle_some(self, acts: list[tuple[str, int, str]]) -> None:
        for one in acts:
            self.settle(*one)

    def settle(self, tick: str, pick: int, act: str) -> None:
        self.clock = ticked(self.clock, tick)
        row = self.reference.rows[-1 - pick % len(self.reference.rows)]
        subjects = self.subjects(row)
        now = self.reference.moment(self.clock, subjects)
        sources, target = {
            "grant": (("held",), "granted"),
            "decline": (("held",), "declined"),
            "void": (("held",), "voided"),
            "reverse": (("granted", "fulfilled"), "reversed"),
            "fulfil": (("granted",), "fulfilled"),
        }[act]
        late = act == "grant" and row["state"] == "held" and not is_active(row, now)
        stopped = act == "grant" and row["state"] == "held" and not late and self.is_stopped(row)
        done = act == "grant" and row["state"] == "fulfilled"  # given, and seen to at once
        legal = (row["state"] in (*sources, target) or done) and not late and not stopped
        try:
            if act == "reverse":
                ledger.reverse(row["id"], "A mistake", actor_id=self.supervisor.id, now=self.clock)
            else:
                getattr(ledger, act)(row["id"], actor_id=row["agent"], now=self.clock)
        except DomainError as problem:
            assert not legal, problem
            if late or stopped:
                row["state"] = "expired" if late else "voided"
                self.reference.saw(subjects, now)
        else:
            assert legal
            row["state"] = row["state"] if done else target
            self.reference.saw(subjects, now)

    @rule(
        what=st.sampled_from(OTHERS),
        tick=TICKS,
        pick=PICK,
    )
    def something_else(self, what: str, tick: str, pick: int) -> None:
        """Kill switches and lost roles last until the next time, or nothing would be given any more."""
        self.clock = ticked(self.clock, tick)
        self.restore()
        if what in self.policies:  # a new version, in force at once or in an hour
            later = timedelta(hours=1 if tick == "second" else 0)
            self.put_in_force(what, SHARES[pick % len(SHARES)], self.clock + later)
        elif what in ("agent", "gesture", "policy"):
            self.pull(what, pick)
        elif what in ("team", "account", "house", "role"):
            self.change(what, self.agents[pick % AGENTS], pick)
        self.session.commit()
        if what == "seal":
            sealing.seal(self.clock)

    def teardown(self) -> None:
        """Entries are what their events say, and the seals hold, also when everybody was forgotten."""
        db.session.rollback()
        for row in self.reference.rows:
            steps = db.session.scalars(
                select(LedgerEvent).where(LedgerEvent.entry_id == row["id"]).order_by(LedgerEvent.id)
            ).all()
            assert steps[-1].state == row["state"] == db.session.get_one(LedgerEntry, row["id"]).state
            counted = row["cost"] if row["state"] in ("held", "granted", "fulfilled") else 0
            assert sum(step.delta_minor for step in steps) == counted
            assert [step.at for step in steps] == sorted(step.at for step in steps)
        for customer in self.customers:
            nobody = {"first_name": "", "last_name": "", "street": None, "postcode": None}
            self.session.execute(update(Customer).where(Customer.id == customer.id).values(nobody))
        self.session.commit()
        sealing.seal(self.clock)
        assert sealing.verify().problems == ()
