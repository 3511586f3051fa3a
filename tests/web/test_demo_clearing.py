"""The demo shop is taken away without a trace; what real rows need of it stays, and is named."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from console.auth.models import User
from console.customers.models import Account, Complaint, Customer, Order, OrderLine, Product
from console.db import Base, db
from console.demo import clearing, loading
from console.demo.house import PASSWORD
from console.empowerment.kinds import Occasion
from console.empowerment.models import EmpowermentPolicy
from console.errors import DomainError
from console.events import Event, Topic, record_event
from console.gestures.ledger import Terms, grant, offer
from console.gestures.models import Gesture, GestureVersion
from console.interactions.models import Interaction, InteractionState
from knowledge.models import Article, ArticleLink, AskedIn, AskedQuestion, KnowledgeGap
from notes.models import Note
from tests.factories import add, make_customer, make_interaction, make_order, make_user
from tests.factories_demo import NOW, content, counts
from tests.factories_gestures import caps, make_policy
from tests.listening import statements


def real_shop() -> dict[str, int]:
    """A shop that was there before: people, limits, a customer with an order, a note and a gesture."""
    session = db.session()
    agent, customer = make_user(session), make_customer(session, "Ada", "Byron", ("ada@real.example",))
    make_order(session, customer)
    talk = make_interaction(session, customer, agent)
    make_policy(session, limits=caps(900, 900, 900, 900, 30), name="What agents may give")
    gesture = add(session, Gesture(code="card", kind="handwritten_card"))
    sheet = {"cost_minor": 90, "face_minor": 100, "perceived_minor": 100, "tax_minor": 90}
    version = GestureVersion(
        gesture_id=gesture.id, version=1, name="Card", currency="GBP", occasions=["delight"], **sheet
    )
    add(session, version)
    note = add(session, Note(customer_id=customer.id, author_id=agent.id, body="Likes blue."))
    record_event("note.written", Topic.NOTE, subject=note, customer_id=customer.id, actor_id=agent.id)
    session.commit()
    terms = Terms(agent.id, customer.id, version.id, Occasion.DELIGHT, talk.id)
    entry = offer(terms, key="real", now=NOW)
    grant(entry.id, actor_id=agent.id, now=NOW)
    return {"agent": agent.id, "customer": customer.id, "talk": talk.id}


def test_clearing_leaves_a_used_database_exactly_as_it_was(small: None) -> None:
    real_shop()
    before = content(ids=True)
    loading.load(NOW, customers=12)
    assert counts(Customer) == 49
    assert counts(EmpowermentPolicy, EmpowermentPolicy.name == "What agents may give") == 1  # somebody wrote it
    done = clearing.clear()
    assert done.kept == []
    assert done.rows["customers"] == 48
    after = content(ids=True)
    for name, rows in before.items():
        assert after[name] == rows, name


def test_what_others_refer_to_stays_and_is_named(small: None) -> None:
    real = real_shop()
    loading.load(NOW, customers=3)
    session = db.session()
    maya = session.scalars(select(User).where(User.email.like("maya@%"))).one()
    article = session.scalars(select(Article).where(Article.external_id == "returns-policy")).one()
    lamp = session.scalars(select(Product).where(Product.sku == "LI-BEAC")).one()
    house = session.scalars(select(Account).where(Account.name == "Saltmarsh House")).one()
    customer = session.get_one(Customer, real["customer"])
    customer.account_id = house.id
    order = session.scalars(select(Order).where(Order.customer_id == customer.id)).one()
    line = {"name": "Lamp", "quantity": 1, "price_minor": 1, "price_currency": "GBP"}
    add(session, OrderLine(order_id=order.id, external_id="2", product_id=lamp.id, **line))
    add(session, Interaction(customer_id=customer.id, agent_id=maya.id, channel="phone", state=InteractionState.CLOSED))
    add(session, ArticleLink(article_id=article.id, interaction_id=real["talk"], user_id=real["agent"]))
    record_event("user.signed_in", Topic.ACCESS, actor_id=maya.id)
    session.commit()
    kept = content(ids=True)
    done = clearing.clear()
    assert {(row.table, row.name) for row in done.kept} >= {
        ("users", "Maya Kerr"),
        ("articles", article.title),
        ("products", "Beacon table lamp"),
        ("accounts", "Saltmarsh House"),
    }
    assert all("stay" in str(row) for row in done.kept)
    maya = session.scalars(
        select(User).where(User.email.like("maya@%")).execution_options(populate_existing=True)
    ).one()
    assert (maya.active, maya.password) == (False, None)
    after = content(ids=True)
    for name in ("orders", "order_lines", "interactions", "article_links", "ledger_entries", "ledger_events", "notes"):
        mine = [row for row in after[name] if row in kept[name]]
        assert mine == after[name] and mine, name
    assert after["passages"], "an article that stays keeps its passages"
    assert not loading.is_loaded()
    loading.load(NOW, customers=3)  # and the shop can be loaded again
    assert loading.sign_ins()[0][2] == PASSWORD


def test_a_customer_stays_whole_when_somebody_elses_row_needs_an_order_of_theirs(small: None) -> None:
    real = real_shop()
    loading.load(NOW, customers=1)
    order = db.session.scalars(
        select(Order).join(Customer, Customer.id == Order.customer_id).where(Customer.last_name == "Mercer").limit(1)
    ).one()
    add(db.session(), Complaint(customer_id=real["customer"], order_id=order.id, text="Mixed up", opened_at=NOW))
    db.session.commit()
    done = clearing.clear()
    assert {"orders", "customers"} <= {row.table for row in done.kept}
    assert counts(Customer, Customer.is_demo) == 1
    assert counts(Order, Order.customer_id == order.customer_id) == 4
    assert counts(Event, Event.customer_id == order.customer_id) > 20
    with pytest.raises(DomainError):
        loading.load(NOW)


def test_a_knowledge_gap_stays_with_the_real_question_that_joined_it(small: None) -> None:
    real = real_shop()
    loading.load(NOW, customers=3)
    gap = db.session.scalars(select(KnowledgeGap).order_by(KnowledgeGap.asked.desc()).limit(1)).one()
    best = db.session.scalars(select(Article.id).limit(1)).one()
    mine = AskedQuestion(text="Wrapped?", asked_in=AskedIn.SEARCH, user_id=real["agent"], gap_id=gap.id)
    mine.best_article_id = best
    add(db.session(), mine)
    db.session.commit()
    kept, question = gap.id, mine.id
    clearing.clear()
    assert db.session.scalars(select(KnowledgeGap.id)).all() == [kept]
    left = db.session.execute(select(AskedQuestion.id, AskedQuestion.gap_id, AskedQuestion.best_article_id)).all()
    assert [tuple(row) for row in left] == [(question, kept, None)], "an article goes though it was a best answer"


def test_every_table_is_spoken_for_when_the_shop_is_cleared() -> None:
    owned = {name for name, _, _ in clearing.belongings()}
    assert set(Base.metadata.tables) == owned | set(clearing.marked()) | clearing.APART


def test_clearing_takes_no_more_statements_for_more_customers(small: None) -> None:
    def asked(customers: int) -> int:
        loading.load(NOW, customers=customers)
        with statements() as seen:
            clearing.clear()
        return len(seen)

    few = asked(2)
    assert asked(20) <= few + 10


def test_the_guards_still_refuse_to_delete_real_history(small: None) -> None:
    real_shop()
    loading.load(NOW, customers=1)
    clearing.clear()
    with pytest.raises(Exception, match="never deleted"):
        db.session.execute(text("DELETE FROM events"))
    db.session.rollback()
