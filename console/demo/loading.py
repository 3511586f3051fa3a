"""Loads the demo shop: a believable shop with two years of history, the same on every load.

Chance is seeded, and days are counted back from the day of loading. Nothing happened after `now`; only what is
promised lies ahead. The ledger commits as it goes, so a load that fails half-way is cleared again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import click
from sqlalchemy import exists, func, select

from console.auth.models import User
from console.customers.models import Customer
from console.customers.tokens import index_customers
from console.db import db, utc_now
from console.demo import everyday, house, law, parcels, profiles, stories
from console.demo.asking import ask, really_ask
from console.demo.clearing import clear
from console.demo.days import Days
from console.demo.diary import Diary
from console.demo.giving import give
from console.demo.house import sign_ins as sign_ins
from console.demo.orders import Counter, Purchase, tier_for, write_orders
from console.demo.people import Person, everybody
from console.demo.reading import articles
from console.demo.segments import segments
from console.demo.talks import Staff, Talk, Vow, begin, end, link
from console.errors import DomainError
from console.gestures import reviews
from console.gestures.next_evaluating import evaluate, keep
from console.web import zone
from knowledge.embedding import EncoderState, embed_missing, encoder, passages_left
from knowledge.ingestion import take_in
from knowledge.models import Article

GENERATED = 370  # customers beside those of the stories
GUESSED = 90  # days of orders by which next products are judged
ARTICLES = "demo"  # the source that the articles name
Step = Callable[[str, int], object]  # what is being done, and how many parts of 100 are done by it


@dataclass(frozen=True)
class Loaded:
    """What a load put there."""

    customers: int
    orders: int
    talks: int
    gestures: int
    articles: int
    events: int


def nothing(*_: object) -> None:
    """For those who want no progress."""


def is_loaded() -> bool:
    return bool(db.session.scalar(select(exists().where(Customer.is_demo))))


def load(now: datetime | None = None, *, customers: int | None = None, progress: Step = nothing) -> Loaded:
    """Load the demo shop and commit. Raises DomainError when it is there already.

    `now` is aware; `customers` is how many are made up beside those of the stories.
    """
    if is_loaded():
        raise DomainError("The demo shop is there already. To load it afresh, run “flask demo clear” first.")
    days = Days(now or utc_now(), zone())
    try:
        return open_the_shop(days, GENERATED if customers is None else customers, progress)
    except BaseException:
        db.session.rollback()
        clear()
        raise


def open_the_shop(days: Days, customers: int, progress: Step) -> Loaded:
    diary = Diary()
    progress("Hiring fourteen people", 5)
    staff = house.staff(days)
    law.policies(staff, days)
    segments(staff["amara"], days)
    house.snippets(staff, days)
    counter = Counter(days, house.products())
    catalogue = house.catalogue(staff["amara"], days.at(240, "10:30"))
    db.session.commit()
    progress("Meeting the customers", 5)
    people = everybody(days, customers, diary)
    house.customers_of_their_own(staff, people, days)
    progress("Taking two years of orders", 20)
    told = stories.purchases([person for person in people if person.tale], counter, days)
    history = trade(people, told, counter, days, diary)
    progress("Listening to conversations", 10)
    talks, vows = conversations(people, told, history, staff, days)
    begin(talks)
    progress("Giving gestures through the ledger", 25)
    given = give(talks, catalogue, staff, days)
    progress("Writing notes and promises down", 10)
    end(talks, vows, days, diary)
    events = diary.write()
    facts = stories.facts(
        [person for person in people if person.tale], {talk.key: talk for talk in talks if talk.key}, days
    )
    facts.add(profiles.everyday([person for person in people if not person.tale], history, staff, days))
    profiles.write_facts(facts, diary)
    progress("Filing the knowledge base", 10)
    library = file_articles(days)
    link(talks, library, diary)
    ask(talks, library, staff, days)
    parcels.open_the_bench(people, told, history, staff, days, diary)
    events += diary.write()
    progress("Learning everybody's name", 10)
    index_customers([person.customer.id for person in people])
    db.session.commit()
    progress("Done", 5)
    return Loaded(len(people), sum(map(len, history.values())), len(talks), given, len(library), events)


def trade(
    people: list[Person], told: dict[str, Purchase], counter: Counter, days: Days, diary: Diary
) -> dict[int, list[Purchase]]:
    """Everybody's orders, by customer id and oldest first, written down and told."""
    history: dict[int, list[Purchase]] = {person.customer.id: [] for person in people}
    for bought in told.values():
        history[bought.person.customer.id].append(bought)
    for person in people:
        if not person.tale:
            bought_here = history[person.customer.id] = counter.history_of(person)
            person.customer.tier = tier_for(bought_here, days)
    write_orders([bought for purchases in history.values() for bought in purchases], days, diary)
    return history


def conversations(
    people: list[Person], told: dict[str, Purchase], history: dict[int, list[Purchase]], staff: Staff, days: Days
) -> tuple[list[Talk], list[Vow]]:
    """All conversations in the order of time, and what was promised in them."""
    characters = [person for person in people if person.tale]
    written = stories.talks(characters, told, staff, days)
    chatter = everyday.Chatter(staff, days)
    talks = [*written.values(), *stories.habits(characters, told, staff, days)]
    for person in people:
        if not person.tale:
            talks += chatter.talks(person, history[person.customer.id])
    talks.sort(key=lambda talk: talk.started_at)
    return talks, [*stories.vows(characters, written, staff, days), *chatter.vows(talks)]


def file_articles(days: Days) -> dict[str, Article]:
    """Take the knowledge base in; returns the articles by external id."""
    take_in(articles(days), source=ARTICLES, now=days.now, is_demo=True)
    rows = db.session.scalars(select(Article).where(Article.source == ARTICLES, Article.is_demo))
    return {row.external_id: row for row in rows}


def guess_next_products(now: datetime) -> None:
    """Try the suggestion of a next product on the shop's own orders, as its supervisor would."""
    try:
        found = evaluate(GUESSED, now)
    except ValueError:
        return  # too few people for that
    keep(found, actor_id=supervisor_id(), now=now)
    db.session.commit()
    click.echo(
        "The next product is guessed well enough to be shown." if found.wins else "The next product is not shown."
    )


def supervisor_id() -> int | None:
    return db.session.scalar(select(User.id).where(User.email == house.address("amara")))


def embed_aloud() -> None:
    """Prepare the articles for search by meaning, where there is a model, with a progress bar."""
    model = encoder()
    click.echo("Loading the embedding model …")
    if model.state is EncoderState.OFF or not model.load():
        click.echo("There is none: search goes by keywords alone.")
        return
    with click.progressbar(length=passages_left(model.name), label="Reading the articles for their meaning") as bar:
        embed_missing(model, db.session.commit, bar.update)
    really_ask()
    click.echo("Exporting the model for the server's workers …")
    model.export()


def load_if_empty() -> None:
    """Load when nobody and nothing is there yet, and say what is being done. For `make run`."""
    somebody = db.session.scalar(select(func.count()).select_from(select(User.id).limit(1).subquery()))
    if not somebody and not db.session.scalar(select(exists(select(Customer.id)))):
        load_aloud()


def load_aloud() -> None:
    """Load with a progress bar. Raises DomainError when the demo shop is there already."""
    if is_loaded():
        raise DomainError("The demo shop is there already. To load it afresh, run “flask demo clear” first.")
    click.echo("Loading Larch & Lantern, the demo shop …")
    with click.progressbar(length=100, item_show_func=lambda words: words) as bar:
        done = load(progress=lambda words, parts: bar.update(parts, words))
    people, shelf = f"{done.customers:,} customers, {done.orders:,} orders", f"{done.articles:,} articles"
    click.echo(f"{people}, {done.talks:,} conversations, {done.gestures:,} gestures, {shelf}, {done.events:,} events.")
    click.echo("Trying the policies on the last 90 days …")
    law.try_out(utc_now())
    reviews.look(utc_now(), supervisor_id())
    db.session.commit()
    click.echo("Trying to guess the next product of each customer …")
    guess_next_products(utc_now())
    embed_aloud()
