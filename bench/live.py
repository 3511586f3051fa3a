"""What open pages cost, and how soon they hear: python -m bench.live --json [--engine postgresql]

Starts the shipped server over a throw-away database. In turn, several times over, pages are timed alone, while agents
type, and while they type and a thousand pages are followed live, each of the agents' talks by twenty. Pages are asked
for one at a time; agents, pages and streams share the machine with the server: ratios say more than milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any
from urllib.parse import quote

import flask_migrate
from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from sqlalchemy import select

from bench.asking import Page
from bench.generate import fill, today
from bench.pages import Timing, drive
from bench.serving import Client, Running, server
from bench.streams import Arrival, Followers, open_pages
from console.app import create_app
from console.auth.models import User
from console.config import Settings
from console.customers.models import Customer
from console.db import db, utc_now
from console.feed import FeedEntry
from console.interactions.models import Channel, Interaction, InteractionState
from tests import postgres

SECRET = "for this bench and nothing else"  # noqa: S105
WORDS = (
    "It came with a scratch on the shade",
    "I would rather keep it",
    "It was promised for Friday",
    "Thank you, yes",
)
CUSTOMERS, EVENTS = 2_000, 20_000


@dataclass
class Talk:
    """An agent who types, and with whom."""

    interaction_id: int
    customer_id: int
    cookie: str
    token: str


@dataclass
class Typing:
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def main() -> None:
    options = arguments()
    with ExitStack() as stack:
        url = stack.enter_context(database(options.engine))
        app = create_app(Settings.from_environment(os.environ | {"DATABASE_URL": url, "SECRET_KEY": SECRET}))
        talks, pages = prepared(app, options.agents)
        running = stack.enter_context(server(url, SECRET_KEY=SECRET, EMBEDDING_MODEL="none"))
        print(json.dumps({"streams": 0, "workers": memory(running)}), flush=True)
        timings: dict[tuple[str, str], Timing] = {}
        heard: list[dict[str, Any]] = []
        for _ in range(options.rounds):
            time_pages(running, pages, talks[0], options.seconds, "alone", timings)
            with typing(running.url, talks, options.every):
                time_pages(running, pages, talks[0], options.seconds, "typing", timings)
            heard.append(streamed(running, app, talks, pages, options, timings))
        for page in pages:
            report_page(page.name, options.engine, timings)
        for line in heard:
            print(json.dumps({"engine": options.engine} | line), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--every", type=float, default=4, help="seconds between two turns that an agent writes down")
    parser.add_argument("--seconds", type=float, default=6, help="for each page in each state and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="as always: one JSON object for each line")
    return parser.parse_args()


@contextmanager
def database(engine: str) -> Iterator[str]:
    """An empty one, as durable as in production; yields its address."""
    if engine == "postgresql":
        with postgres.throw_away(durable=True) as port:
            yield postgres.create_database(port, "live")
        return
    folder = tempfile.mkdtemp(prefix="plusone-live-")
    try:
        yield f"sqlite:///{folder}/plusone.db"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepared(app: Flask, agents: int) -> tuple[list[Talk], list[Page]]:
    with app.app_context():
        flask_migrate.upgrade()
        fill(CUSTOMERS, EVENTS, 1, "bench-only-password", today())
        db.session.execute(db.text("PRAGMA synchronous = NORMAL")) if db.engine.dialect.name == "sqlite" else None
        users = db.session.scalars(select(User).order_by(User.id)).unique().all()
        able = [user for user in users if user.role_names & {"agent", "sales", "supervisor"}]
        customers = db.session.scalars(select(Customer).order_by(Customer.id)).all()
        begun = utc_now()
        rows = [
            Interaction(customer_id=customers[number].id, agent_id=able[number % len(able)].id, channel=Channel.CHAT,
                        state=InteractionState.LIVE, started_at=begun)
            for number in range(agents)
        ]  # fmt: skip
        db.session.add_all(rows)
        db.session.commit()
        names = [f"{one.first_name} {one.last_name}" for one in customers[100:300]]
        db.session.remove()
        db.engine.dispose()
    # Outside of an app context: the form's token would be kept in it for the next person.
    talks = [
        Talk(row.id, row.customer_id, *signed_in(app, able[number % len(able)])) for number, row in enumerate(rows)
    ]
    return talks, [
        Page("sign-in page", ["/login"], who=""),
        Page("customer", [f"/customers/{number}" for number in range(200, 500)]),
        Page("type-ahead", [f"/customers/typeahead?q={quote(name)}" for name in names], partial=True),
    ]


def signed_in(app: Flask, user: User) -> tuple[str, str]:
    """A session cookie of that person's, and the token of their forms."""
    with app.test_request_context():
        session["_user_id"], session["_fresh"] = user.fs_uniquifier, True
        token = generate_csrf()
        signer: Any = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        return signer.dumps(dict(session)), token


def time_pages(
    running: Running,
    pages: list[Page],
    reader: Talk,
    seconds: float,
    state: str,
    timings: dict[tuple[str, str], Timing],
) -> None:
    for page in pages:
        cookies = {"session": reader.cookie} if page.who else {}
        found = drive(running, page, cookies, 1, seconds)
        timings.setdefault((page.name, state), Timing()).milliseconds += found.milliseconds


@contextmanager
def typing(url: str, talks: list[Talk], every: float) -> Iterator[Typing]:
    """Every agent writes down a turn each few seconds, by the real form."""
    is_over = threading.Event()
    typed = Typing()
    threads = [threading.Thread(target=type_on, args=(url, talk, every, is_over, typed)) for talk in talks]
    for thread in threads:
        thread.start()
    try:
        yield typed
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if typed.failures:
        sys.exit(f"typing failed: {typed.failures[0]}")


def type_on(url: str, talk: Talk, every: float, is_over: threading.Event, typed: Typing) -> None:
    random = Random(talk.interaction_id)
    with Client(url) as client:
        client.cookies = {"session": talk.cookie}
        while not is_over.wait(random.uniform(0.5, 1.5) * every):
            form = {
                "csrf_token": talk.token,
                "speaker": random.choice(("customer", "agent")),
                "text": random.choice(WORDS),
            }
            before = time.perf_counter()
            try:
                response, text = client.post(f"/interactions/{talk.interaction_id}/utterances", form)
            except OSError as problem:
                typed.failures.append(str(problem))
                return
            typed.seconds.append(time.perf_counter() - before)
            if response.status != 303:
                typed.failures.append(f"{response.status}: {text[:300]}")
                return


def streamed(
    running: Running, app: Flask, talks: list[Talk], pages: list[Page], options: argparse.Namespace,
    timings: dict[tuple[str, str], Timing],
) -> dict[str, Any]:  # fmt: skip
    """Time the pages while agents type and pages are followed; says how soon those heard, and what they missed."""
    queries = [
        (f"interaction={talk.interaction_id}&customer={talk.customer_id}", talk.cookie)
        for talk in (talks[number % len(talks)] for number in range(options.streams))
    ]
    before = time.perf_counter()
    with open_pages(running.url, queries) as followers:
        opened = time.perf_counter() - before
        time.sleep(3)  # who looks is written down
        began = utc_now()
        with typing(running.url, talks, options.every) as typed:
            time_pages(running, pages, talks[0], options.seconds, "typing and streams", timings)
        ended = utc_now()
        time.sleep(2)  # the last ones arrive
        held = memory(running)
    with app.app_context():
        rows = db.session.execute(
            select(FeedEntry.id, FeedEntry.at, FeedEntry.topic).where(FeedEntry.at.between(began, ended))
        ).all()
        db.session.remove()
    told = {row.id: (row.at.timestamp(), row.topic) for row in rows if row.topic.startswith("interaction:")}
    return {"streams": options.streams, "opened_in_s": round(opened, 1), "workers": held} | heard_of(
        told, followers, queries, typed
    )


def heard_of(
    told: dict[int, tuple[float, str]], followers: Followers, queries: list[tuple[str, str]], typed: Typing
) -> dict[str, Any]:
    first: dict[tuple[int, int], Arrival] = {}
    for arrival in followers.arrivals:
        if arrival.id in told:
            first.setdefault((arrival.page, arrival.id), arrival)
    of_page = {number: re.split("[=&]", query)[1] for number, (query, _) in enumerate(queries)}
    pages_of: dict[str, list[int]] = {}
    for number, interaction in of_page.items():
        pages_of.setdefault(f"interaction:{interaction}", []).append(number)
    wanted = {(page, one) for one, (_, topic) in told.items() for page in pages_of.get(topic, ())}
    waits = [(arrival.at - told[arrival.id][0]) * 1000 for arrival in first.values()]
    cuts = quantiles(waits, n=20, method="inclusive")
    posts = quantiles([one * 1000 for one in typed.seconds], n=20, method="inclusive")
    return {
        "turns": len(typed.seconds), "turn_p50_ms": round(posts[9]), "turn_p95_ms": round(posts[18]),
        "messages": len(wanted), "lost": len(wanted - first.keys()), "broken_streams": followers.ended,
        "heard_p50_ms": round(cuts[9]), "heard_p95_ms": round(cuts[18]), "refused_while_opening": followers.refused,
    }  # fmt: skip


def memory(running: Running) -> list[dict[str, int]]:
    """Of each worker: megabytes that are its own or shared in proportion, threads, open streams' connections."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == running.pid:
                kilobytes = re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)
                threads = len(list((process / "task").iterdir()))
                found.append({"megabytes": int(kilobytes[1]) // 1024 if kilobytes else 0, "threads": threads})
        except OSError:  # it has ended meanwhile
            continue
    return found


def report_page(name: str, engine: str, timings: dict[tuple[str, str], Timing]) -> None:
    line: dict[str, Any] = {"page": name, "engine": engine}
    cuts: Callable[[str], list[float]] = lambda state: quantiles(timings[name, state].milliseconds, n=20)  # noqa: E731
    for state in ("alone", "typing", "typing and streams"):
        label = state.replace(" ", "_")
        line |= {f"{label}_p50_ms": round(cuts(state)[9], 1), f"{label}_p95_ms": round(cuts(state)[18], 1)}
    for number, what in ((9, "p50"), (18, "p95")):
        line[f"times_typing_{what}"] = round(cuts("typing and streams")[number] / cuts("typing")[number], 2)
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
