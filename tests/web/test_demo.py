"""The demo shop: loaded the same every time, on both engines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select

from console.auth.models import Team, User
from console.customers.models import Complaint, Customer, Email, Order, OrderLine, Phone
from console.customers.queries import signals_for
from console.customers.signals import SignalKind
from console.db import Base, db
from console.demo import clearing, law, loading
from console.demo.days import Days
from console.empowerment.models import EmpowermentPolicy, PolicyVersion
from console.errors import DomainError
from console.events import Event
from console.gestures import reviews
from console.gestures.advising import counsel
from console.gestures.approval_models import ApprovalRequest
from console.gestures.explaining import explain
from console.gestures.fulfilment_models import Fulfilment, FulfilmentState
from console.gestures.models import Fulfilling, Gesture, LedgerEntry
from console.gestures.review_models import GestureReview, ReviewKind
from console.interactions.models import Interaction, InteractionState, Utterance
from console.money import Money
from console.web import zone
from knowledge.models import Article, ArticleLink
from notes.beside.models import NoteMention, NoteTemplate
from notes.cards.models import DeliveryCard
from notes.findings.models import NoteFinding
from notes.models import Note, Promise, PromiseState
from notes.promises.away_models import Absence
from tests import postgres
from tests.conftest import make_app
from tests.factories import make_user
from tests.factories_demo import NOW, content, counts

# What may lie ahead of the day of loading, and what is the database's own clock.
AHEAD = {"due_at", "promised_on", "follow_up_on", "verify_by", "recorded_at", "until_on"}


def app_on(engine: str, request: pytest.FixtureRequest, folder: Path, name: str) -> Flask:
    """An app on a database of its own."""
    if engine == "sqlite":
        shutil.copyfile(request.getfixturevalue("sqlite_template"), folder / f"{name}.db")
        return make_app(f"sqlite:///{folder / f'{name}.db'}", EMBEDDING_MODEL="none")
    port = request.getfixturevalue("postgres_port")
    worker = request.getfixturevalue("worker_id")
    url = postgres.create_database(port, f"plusone_{name}_{worker}", "plusone_template")
    return make_app(url, EMBEDDING_MODEL="none")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The whole demo shop, loaded once. For looking only."""
    app = app_on(request.param, request, tmp_path_factory.mktemp("shop"), "shop")
    with app.app_context():
        loading.load(NOW)
        db.session.remove()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def inside(shop: Flask) -> Iterator[None]:
    with shop.app_context():
        yield
        db.session.rollback()
        db.session.remove()


def test_there_is_a_shop(inside: None) -> None:
    assert counts(Customer) == 406
    assert 1_200 < counts(Order) < 2_500
    assert counts(Interaction, Interaction.external_id.is_not(None)) == 40
    assert counts(Utterance) > 400
    assert counts(Article) == 72
    assert counts(Gesture) == 13
    assert counts(User) == 14
    assert counts(Team) == 4
    assert counts(LedgerEntry) > 80
    named = {role for body in db.session.scalars(select(PolicyVersion.body)) for role in body["who"]["roles"]}
    assert named == {"agent", "sales", "supervisor"}
    assert counts(Interaction, Interaction.state == InteractionState.LIVE) == 0
    states = list(db.session.scalars(select(ApprovalRequest.state).order_by(ApprovalRequest.id)))
    assert states == ["approved", "approved", "rejected", "approved", "pending"]


def test_nothing_has_happened_yet_that_lies_ahead(inside: None) -> None:
    late = []
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name in AHEAD or column.name == "expires_at":
                continue
            if column.type.python_type in (datetime, date):
                latest = db.session.scalar(select(func.max(column)))
                limit = NOW if isinstance(latest, datetime) else NOW.date()
                if latest and latest > limit:
                    late.append((f"{table.name}.{column.name}", latest))
    assert late == []


def test_today_looks_alive(inside: None) -> None:
    end_of_day = datetime(2026, 5, 15, tzinfo=UTC)
    waiting = Promise.state.in_((PromiseState.OPEN, PromiseState.BROKEN))
    assert counts(Promise, waiting, Promise.due_at.between(NOW, end_of_day)) >= 4
    assert counts(Promise, Promise.state == PromiseState.BROKEN) in {1, 2, 3}
    assert counts(Complaint, Complaint.settled_at.is_(None)) >= 4
    assert counts(Order, Order.status == "processing") >= 5
    assert counts(Order, Order.placed_at > NOW - timedelta(days=1)) >= 3


def test_what_is_noted_and_packed_has_something_to_look_at(inside: None) -> None:
    states = set(db.session.scalars(select(DeliveryCard.state)))
    assert {"draft", "approved", "written", "packed"} <= states
    tied = db.session.scalars(select(DeliveryCard).where(DeliveryCard.entry_id.is_not(None))).one()
    assert tied.quote in db.session.get_one(Note, tied.note_id).body
    waits = Fulfilment.way == Fulfilling.CARD, Fulfilment.state == FulfilmentState.WAITING
    assert counts(Fulfilment, *waits) >= 2  # hers, and one for an order to come
    assert counts(Promise, Promise.handed_from_id.is_not(None)) == 1
    assert counts(Event, Event.kind == "promise.handed_over") == 1
    assert [counts(NoteMention), counts(NoteFinding), counts(NoteTemplate), counts(Absence)] == [5, 2, 5, 1]


def test_a_supervisor_has_patterns_to_judge_and_a_household_its_limit(inside: None) -> None:
    reviews.look(NOW)
    found = select(GestureReview.kind, GestureReview.arithmetic).where(GestureReview.kind != ReviewKind.SAMPLE)
    told = {kind: (sums["hits"], sums["cases"]) for kind, sums in db.session.execute(found)}
    assert told == {ReviewKind.PAIR: (5, 5), ReviewKind.CUSTOMER: (5, 6)}
    sheila = db.session.scalars(select(Customer).where(Customer.first_name == "Sheila", Customer.street > "")).one()
    maya = db.session.scalars(select(User).where(User.email.like("maya@%"))).one()
    left = {one.words: one.left for one in explain(maya, sheila, NOW).limits}
    assert left["3 gestures to one customer in 90 days"] == "2 gestures left"
    assert left["4 gestures to one household in 90 days"] == "0 gestures left"
    assert counsel(sheila, maya.id, "GBP", NOW).room == Money(0, "GBP")  # whatever the amounts would allow


def test_what_is_in_force_and_what_is_being_written_is_tried_on_the_past(
    inside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, int]] = []

    def begin(version: PolicyVersion, *_: object, **__: object) -> SimpleNamespace:
        tried.append((version.policy_id, version.number))
        return SimpleNamespace(id=0)

    monkeypatch.setattr(law, "replaying", SimpleNamespace(begin=begin, perform=lambda run_id: None))  # writes nothing
    law.try_out(NOW)
    assert sorted((db.session.get_one(EmpowermentPolicy, policy_id).name, number) for policy_id, number in tried) == [
        ("Business gifts", 1),
        ("Extras for our regulars", 1),
        ("Studio, for gold customers", 1),
        ("Three in ninety days", 2),
        ("What agents may give", 2),
        ("What sales staff may give", 1),
        ("What supervisors may give", 1),
    ]


def test_isla_is_told_as_written(inside: None) -> None:
    isla = db.session.scalars(select(Customer).where(Customer.last_name == "Mercer")).one()
    kinds = {signal.kind for signal in signals_for(isla.id, NOW)}
    expected = {SignalKind.OPEN_COMPLAINT, SignalKind.BROKEN_PROMISE, SignalKind.LATE_DELIVERY}
    assert expected | {SignalKind.REPEAT_INTERACTION} <= kinds
    talks = db.session.scalars(select(Interaction).where(Interaction.customer_id == isla.id)).all()
    assert len(talks) == 3
    first = db.session.scalars(
        select(Utterance).join(Interaction, Interaction.id == Utterance.interaction_id)
        .where(Interaction.external_id == "isla-scratched-lamp-3").order_by(Utterance.position)
    ).first()  # fmt: skip
    assert first is not None and first.text == "Good morning, Larch & Lantern, this is Maya."


def test_totals_lines_and_events_agree(inside: None) -> None:
    lines = select(func.sum(OrderLine.price_minor * OrderLine.quantity)).where(OrderLine.order_id == Order.id)
    assert counts(Order, Order.total_minor != lines.scalar_subquery()) == 0
    assert counts(Order) == counts(Event, Event.kind == "order.placed")
    assert counts(Note) == counts(Event, Event.kind == "note.written")
    assert counts(Promise) == counts(Event, Event.kind == "promise.made")
    # A request is between colleagues, and not on the customer's timeline.
    assert counts(Event, Event.customer_id.is_(None)) == counts(Event, Event.kind.startswith("approval."))
    assert counts(ArticleLink) == counts(Event, Event.kind == "article.linked")


def test_every_subject_of_an_event_is_there(inside: None) -> None:
    for (name,) in db.session.execute(select(Event.subject_type).distinct()):
        table = Base.metadata.tables[str(name)]
        lost = select(Event.id).where(Event.subject_type == name, Event.subject_id.not_in(select(table.c.id)))
        assert db.session.scalars(lost.limit(1)).first() is None, name


def test_phones_and_addresses_lead_nowhere(inside: None) -> None:
    drama = ("+441632960", "+447700900", "+441144960", "+441174960", "+442079460")
    assert all(number.startswith(drama) and len(number) == 13 for number in db.session.scalars(select(Phone.number)))
    assert all(address.endswith(".example") for address in db.session.scalars(select(Email.address)))


def test_limits_were_kept_when_gestures_were_given(inside: None) -> None:
    rows = db.session.execute(
        select(LedgerEntry.cost_minor, PolicyVersion.body)
        .join(PolicyVersion, PolicyVersion.id == LedgerEntry.policy_version_id)
        .where(LedgerEntry.approval_id.is_(None))
    )
    for cost, body in rows:
        assert cost <= min(one["cap"] for one in body["limits"] if one["measure"] == "cost")


def test_the_people_of_the_sign_in_list_can_sign_in(shop: Flask) -> None:
    with shop.app_context():
        people = loading.sign_ins()
    assert [role for role, _, _ in people] == ["agent", "sales", "supervisor", "administrator", "delivery"]
    role, address, password = people[0]
    response = shop.test_client().post("/login", data={"email": address, "password": password})
    assert (role, response.status_code) == ("agent", 302)


def test_a_second_load_is_refused(inside: None) -> None:
    with pytest.raises(DomainError, match="there already"):
        loading.load(NOW)
    assert counts(Customer) == 406


def test_a_load_gives_the_same_shop_on_both_engines_and_again(
    request: pytest.FixtureRequest, tmp_path: Path, few_articles: None
) -> None:
    shops = []
    for engine in ("sqlite", "postgresql"):
        app = app_on(engine, request, tmp_path, "twin")
        with app.app_context():
            loading.load(NOW, customers=25)
            shops.append(content(ids=False))
            if engine == "sqlite":
                clearing.clear()
                loading.load(NOW, customers=25)
                shops.append(content(ids=False))
            db.session.remove()
            db.engine.dispose()
    first, *others = shops
    for other in others:
        for name, rows in first.items():
            assert other[name] == rows, name


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 5, 14, 23, 20, tzinfo=UTC),  # twenty past midnight in London
        datetime(2026, 10, 25, 5, 30, tzinfo=UTC),  # early on the Sunday when the clocks go back
    ],
)
def test_the_shop_can_be_loaded_at_any_hour(
    now: datetime, request: pytest.FixtureRequest, tmp_path: Path, few_articles: None
) -> None:
    app = app_on("sqlite", request, tmp_path, "odd")
    with app.app_context():
        loading.load(now, customers=5)
        assert counts(Event, Event.at > now) == 0
        assert counts(Utterance, Utterance.said_at > now) == 0
        assert counts(Note, Note.written_at > now) == 0
        backwards = counts(Interaction, Interaction.ended_at < Interaction.started_at)
        assert backwards == 0
        db.session.remove()
        db.engine.dispose()


def test_a_load_that_fails_leaves_nothing_behind(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the power is gone")

    monkeypatch.setattr(loading, "index_customers", fail)
    with pytest.raises(RuntimeError):
        loading.load(NOW, customers=2)
    assert counts(Customer) == counts(LedgerEntry) == counts(User) == counts(Event) == 0


def test_the_commands_say_what_they_did(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "GENERATED", 3)
    app.config["EMBEDDING_MODEL"] = "none"
    runner = app.test_cli_runner()
    assert "There is no demo shop here" in runner.invoke(args=["demo", "clear"]).output
    loaded = runner.invoke(args=["demo", "load"])
    assert "39 customers" in loaded.output and "maya@larchandlantern.example" in loaded.output
    again = runner.invoke(args=["demo", "load"])
    assert again.exit_code == 1 and "there already" in again.output
    assert "Removed" in runner.invoke(args=["demo", "clear"]).output


def test_a_database_in_use_is_left_alone_at_the_start(small: None) -> None:
    make_user(db.session())
    db.session.commit()
    loading.load_if_empty()
    assert counts(Customer) == 0
    assert loading.sign_ins() == []


def test_days_are_counted_from_the_day_of_loading(inside: None) -> None:
    days = Days(NOW, zone())
    talk = db.session.scalars(select(Interaction).where(Interaction.external_id == "helene-chipped-plates")).one()
    assert talk.started_at == days.at(12, "18:47")
