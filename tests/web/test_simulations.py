"""Policies tried on the past: the ledger comes out as it was, the run is written down, the page says what it found."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from flask import Flask
from sqlalchemy import select

from console.db import db, utc_now
from console.empowerment import replaying, suspending
from console.empowerment.fields import CUSTOMER
from console.empowerment.kinds import Occasion
from console.empowerment.models import PolicyVersion, Simulation, SimulationState, SuspensionKind
from console.empowerment.policies import live_policies, suspended
from console.empowerment.policy import Body, Kind, Limit, Measure, Scope, Who, body_hash, body_json
from console.empowerment.rules import read_rule
from console.empowerment.simulation import Settings
from console.empowerment.simulation_figures import counts
from console.empowerment.simulation_matching import law
from console.empowerment.simulation_queries import load
from console.empowerment.simulation_replay import replay
from console.empowerment.windows import Window
from console.errors import DomainError
from console.gestures import approvals, catalogue, ledger
from console.gestures.approval_models import RequestState
from console.gestures.honouring import ask_to_honour
from console.gestures.ledger import Terms, WrongState
from console.gestures.models import LedgerEntry
from console.gestures.refusals import NoAuthority, NotOffered, OverLimit
from console.interactions.models import Interaction
from tests.conftest import HTMX
from tests.factories import add, make_customer, make_interaction, make_team, make_user
from tests.factories_gestures import make_gesture, make_policy, make_request

ZONE = ZoneInfo("Europe/London")
NOW = datetime(2026, 4, 10, 9, 30, tzinfo=UTC)
START = datetime(2026, 3, 27, 21, 0, tzinfo=UTC)  # the clocks go forward in the night to the 29th


def limit(scope: Scope, measure: Measure, window: Window, cap: int, days: int = 0) -> Limit:
    return Limit(scope, measure, window, cap, days)


def make_rules(session):
    # What the ledger says of the customer has to be exact to the moment: several are given something twice a day.
    gold = read_rule(
        {"all": [{"field": "tier", "op": "in", "value": ["gold"]},
                 {"field": "gesture_cost_12m", "op": "le", "value": 1500},
                 {"field": "gestures_declined_12m", "op": "le", "value": 1},
                 {"field": "reversals_12m", "op": "le", "value": 0}]}, CUSTOMER)  # fmt: skip
    rested = {
        "all": [{"any": [{"field": "last_gesture_at", "op": "is_unknown"},
                         {"field": "last_gesture_at", "op": "ge", "value": 2},
                         {"field": "gestures_90d", "op": "le", "value": 1}]},
                {"field": "gestures_12m", "op": "le", "value": 5}]}  # fmt: skip
    mine = (
        limit(Scope.AGENT, Measure.COST, Window.DAY, 1600),
        limit(Scope.CUSTOMER, Measure.COST, Window.ROLLING, 2000, 3),
        limit(Scope.INTERACTION, Measure.COST, Window.INTERACTION, 3000),
        limit(Scope.POOL, Measure.COST, Window.WEEK, 6000),
    )
    ours = (limit(Scope.TEAM, Measure.COST, Window.WEEK, 5000), limit(Scope.GESTURE, Measure.COUNT, Window.DAY, 3))
    always = (
        limit(Scope.CUSTOMER, Measure.COUNT, Window.ROLLING, 6, 7),
        limit(Scope.HOUSEHOLD, Measure.FACE, Window.MONTH, 9000),
    )
    make_policy(session, priority=200, customers=gold, limits=mine)
    make_policy(session, priority=100, customers=read_rule(rested, CUSTOMER), limits=ours)
    return make_policy(session, kind=Kind.GUARDRAIL, roles=(), limits=always)


def live_a_little(session, seed: int, offers: int) -> int:
    """A random history made through the ledger itself; what it refused is asked of an approver, who says no."""
    chance = random.Random(seed)
    team = make_team(session)
    agents = [make_user(session, team=team), make_user(session, team=team), make_user(session)]
    boss = make_user(session, "supervisor")
    customers = [make_customer(session, tier=tier) for tier in ("gold", "gold", "standard", "silver")]
    rules = make_rules(session)
    versions = [make_gesture(session, f"Costs {cost}", cost, face_minor=cost * 2) for cost in (0, 300, 520, 1000)]
    talks = {
        (agent.id, customer.id): make_interaction(session, customer, agent, started_at=START - timedelta(hours=1)).id
        for agent in agents
        for customer in customers
    }
    session.commit()
    now, refused = START, 0
    for number in range(offers):
        now += timedelta(minutes=chance.choice([0, 1, 14, 15, 55, 240, 700]))
        intervene(number, agents[0].id, rules.policy_id, versions, boss.id, now)
        agent, customer, version = chance.choice(agents), chance.choice(customers), chance.choice(versions)
        terms = Terms(agent.id, customer.id, version.id, Occasion.RECOVERY, talks[agent.id, customer.id])
        try:
            entry = ledger.offer(terms, key=f"simulation-{seed}-{number}", now=now)
        except (OverLimit, NoAuthority, NotOffered):
            refused += 1
            now += timedelta(seconds=1)
            make_request(
                session, terms, rules, cost_minor=version.cost_minor, face_minor=version.face_minor, requested_at=now,
                state=RequestState.REJECTED,
            )  # fmt: skip
            session.commit()
            continue
        except DomainError:
            continue
        now = settle(chance, entry, agent.id, boss.id, now)  # no clock runs backwards
    return refused


def intervene(number: int, agent_id: int, policy_id: int, versions, boss_id: int, now: datetime) -> None:
    """Stop somebody's giving, a gesture, then a guardrail for a while; and count a gesture, three times in all."""
    stops = [(SuspensionKind.AGENT, agent_id), (SuspensionKind.GESTURE, versions[2].gesture_id),
             (SuspensionKind.POLICY, policy_id)]  # fmt: skip
    which, step = divmod(number, 20)
    if which < len(stops) and step == 3:
        suspending.suspend(*stops[which], "Bench", actor_id=boss_id, clock=lambda: now)
    if which < len(stops) and step == 9:
        for one in suspending.in_force():
            suspending.lift(one.suspension, actor_id=boss_id, clock=lambda: now)
    if number in (2, 30, 80):
        catalogue.set_stock(versions[1].gesture_id, {2: 1, 30: 0, 80: None}[number], actor_id=boss_id, now=now)
    db.session.commit()


def settle(chance: random.Random, entry: LedgerEntry, agent_id: int, boss_id: int, now: datetime) -> datetime:
    fate, later = chance.random(), now + timedelta(minutes=chance.choice([1, 10]))
    if fate < 0.55:
        ledger.grant(entry.id, actor_id=agent_id, now=later)
        if fate < 0.1:
            ledger.reverse(entry.id, "Bench", actor_id=boss_id, now=later)
    elif fate < 0.7:
        ledger.decline(entry.id, actor_id=agent_id, now=later)
    elif fate < 0.8:
        ledger.void(entry.id, actor_id=agent_id, now=later)
    return later


@pytest.mark.usefixtures("in_app")
def test_the_live_policies_over_their_own_log_give_the_ledger_to_the_penny(session) -> None:
    refused = live_a_little(session, 1, 90)
    policies = live_policies(NOW)
    past = load(policies, 30, NOW, ZONE, "GBP")
    asks = past.recorded.asks
    on_asks = law(policies, past.recorded.scenes, past.world)
    outcome = replay(past.recorded, on_asks, past.world)
    booked = list(db.session.scalars(select(LedgerEntry)))
    assert refused > 25 and len(booked) > 25
    assert len(asks) == len(booked) + refused
    assert outcome.allowed.sum() == len(booked)
    assert not outcome.allowed[asks.booked_under == 0].any()
    spent = sum(one.cost_minor for one in booked if one.state.value in ("granted", "fulfilled"))
    assert int(asks.cost[outcome.allowed & asks.spent].sum()) == spent
    under = np.array([one.id for one in policies])[outcome.granting]
    assert (under == asks.booked_under)[asks.booked_under > 0].all()
    why = counts(past.recorded, outcome, on_asks)["why"]
    assert {"agent_suspended", "gesture_suspended", "policy_suspended", "gesture:count:stock:0"} <= why.keys()
    assert past.notes["stops_of_agents"] == past.notes["stops_of_policies"] == past.notes["counted"] == 1


@pytest.mark.usefixtures("in_app")
def test_a_promise_that_was_kept_while_its_gesture_was_stopped_is_kept_here_too(session) -> None:
    agent, boss, customer = make_user(session), make_user(session, "supervisor"), make_customer(session)
    make_policy(session)
    version, talk = make_gesture(session), make_interaction(session, customer, agent, started_at=START)
    session.commit()
    terms = Terms(agent.id, customer.id, version.id, Occasion.RECOVERY, talk.id)
    entry_id = ledger.offer(terms, key="promised", now=START).id
    later = START + timedelta(minutes=2)
    suspending.suspend(SuspensionKind.GESTURE, version.gesture_id, "Bench", actor_id=boss.id, clock=lambda: later)
    db.session.commit()
    with pytest.raises(WrongState):
        ledger.grant(entry_id, actor_id=agent.id, now=later)
    withdrawn = db.session.get_one(LedgerEntry, entry_id)
    request = ask_to_honour(withdrawn, suspended(), key="honour", now=later)
    db.session.commit()
    approvals.approve(request.id, approver_id=boss.id, now=later)
    past = load(live_policies(NOW), 30, NOW, ZONE, "GBP")
    asks = past.recorded.asks
    assert replay(past.recorded, law(live_policies(NOW), past.recorded.scenes, past.world), past.world).allowed.all()
    assert len(asks) == 2 and asks.spent.tolist() == [False, True]
    again = law(live_policies(NOW), replace(past.recorded.scenes, era=past.world.eras.places(asks.at)), past.world)
    assert replay(past.recorded, again, past.world).allowed.tolist() == [True, False]


TRIAL = {"days": "90", "dead_ends": "2", "approvals": "6", "fairness": "80"}


def a_draft(session) -> PolicyVersion:
    """A version that is not in force yet, with conversations and gestures of the last days to try it on."""
    team = make_team(session)
    agent = make_user(session, team=team)
    make_user(session, "supervisor")
    customer = make_customer(session, first_name="Omar", last_name="Khan")
    make_gesture(session, "Express delivery", 520)
    live = make_policy(session, limits=(limit(Scope.GESTURE, Measure.COST, Window.EACH, 400),))
    wider = (
        limit(Scope.GESTURE, Measure.COST, Window.EACH, 900),
        limit(Scope.TEAM, Measure.COST, Window.WEEK, 5000),
    )
    content = body_json(Body(currency="GBP", zone="Europe/London", who=Who(roles=("agent",)), limits=wider))
    draft = add(session, PolicyVersion(policy_id=live.policy_id, number=2, body=content, body_hash=body_hash(content)))
    for hours in range(40, 400, 3):
        make_interaction(session, customer, agent, started_at=utc_now() - timedelta(hours=hours), state="closed")
    session.commit()
    return draft


def test_a_simulation_is_run_and_read(app: Flask, session, sign_in) -> None:
    draft = a_draft(session)
    client = sign_in("supervisor")
    assert "Budget a day" in client.get(f"/simulations/versions/{draft.id}").text
    response = client.post(f"/simulations/versions/{draft.id}", data=TRIAL | {"budget": "1", "rate": "50"})
    for thread in list(replaying.THREADS):
        thread.join()
    page = client.get(response.location)
    run = session.scalars(select(Simulation)).one()
    assert (run.state, run.progress, run.body_hash) == (SimulationState.DONE, 100, draft.body_hash)
    assert len(run.result_hash) == 64
    assert "Misses a goal" in page.text and "more than the £1.00 a day that you set" in page.text
    assert "Omar Khan" in page.text and "up to £5.20" in page.text
    file = client.get(f"{response.location}/cases.csv")
    assert file.mimetype == "text/csv" and "Omar Khan" in file.text
    assert int(page.headers["X-Sql-Statements"]) <= 9
    assert run.result["changes"]["gains"]["talks"] == 120
    assert run.result["demands"]["worst"]["live"]["cost"] == 0


@pytest.mark.parametrize("rate", ["00505", "101", "9" * 5000, "-1", "٥"])
def test_a_rate_above_a_hundred_begins_nothing(rate: str, app: Flask, session, sign_in) -> None:
    draft = a_draft(session)
    said = sign_in("supervisor").post(f"/simulations/versions/{draft.id}", data=TRIAL | {"rate": rate, "budget": "£3"})
    assert said.status_code == 422 and "Enter a whole number from 0 to 100" in said.text
    assert 'value="£3"' in said.text
    assert session.scalars(select(Simulation)).all() == []


def test_one_that_died_is_begun_again_and_one_going_on_is_cancelled(app: Flask, session, sign_in) -> None:
    draft = a_draft(session)
    client = sign_in("supervisor")
    ago = utc_now() - timedelta(minutes=5)
    run = add(session, Simulation(policy_version_id=draft.id, body_hash=draft.body_hash, days=30, settings={},
                                  state=SimulationState.RUNNING, progress=40, started_at=ago, seen_at=ago))  # fmt: skip
    session.commit()
    assert "It stopped half way" in client.get(f"/simulations/{run.id}").text
    run.seen_at = utc_now()
    session.commit()
    assert "Deciding every request again" in client.get(f"/simulations/{run.id}", headers=HTMX).text
    client.post(f"/simulations/{run.id}/cancellation")
    assert "It was cancelled" in client.get(f"/simulations/{run.id}").text


def test_nothing_recorded_is_said_and_a_wrong_budget_too(app: Flask, session, sign_in) -> None:
    draft = a_draft(session)
    for talk in session.scalars(select(Interaction)).all():
        session.delete(talk)
    session.commit()
    client = sign_in("supervisor")
    assert client.post(f"/simulations/versions/{draft.id}", data=TRIAL | {"budget": "lots"}).status_code == 422
    assert session.scalars(select(Simulation)).all() == []
    for days, said in ((30, "Try it on 90 days"), (90, "It can be published all the same")):
        response = client.post(f"/simulations/versions/{draft.id}", data=TRIAL | {"days": days})
        for thread in list(replaying.THREADS):
            thread.join()
        assert said in client.get(response.location).text
    assert client.post(f"/policies/{draft.policy_id}/versions/{draft.number}/review").status_code == 303


@pytest.mark.usefixtures("in_app")
def test_before_the_first_gesture_it_says_what_is_missing(session) -> None:
    version = make_policy(session)
    session.commit()
    run = replaying.begin(version, Settings(), 90, actor_id=None, now=utc_now())
    db.session.commit()
    replaying.perform(run.id)
    db.session.expire_all()
    assert (run.state, run.problem) == (SimulationState.FAILED, replaying.NO_GESTURES)


def test_the_command_says_what_the_page_says(app: Flask, session) -> None:
    draft = a_draft(session)
    result = app.test_cli_runner().invoke(args=["policies", "simulate", str(draft.id), "--days", "30"])
    assert result.exit_code == 0, result.output
    assert "A typical day costs" in result.output
    assert Settings().seed == 1
