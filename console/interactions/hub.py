"""One hub for each worker process: it learns of new feed rows and hands each to the open pages that follow its topic.

A second thread does what has to ask or write to the database (presence, whether somebody may still look), so that a
busy database delays no message. Both begin with the first page that is opened, after the fork, and rest while there is
none.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, Full, Queue

from flask import Flask
from sqlalchemy import delete, func
from sqlalchemy import select as select_rows
from sqlalchemy.exc import OperationalError

from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.db import db, utc_now
from console.feed import FeedEntry
from console.interactions.presence import Keeper, Pair
from console.interactions.sources import Source, Told, source_for

log = logging.getLogger(__name__)

LONGEST_QUEUE = 100  # messages that wait for one slow page; beyond it the page is told to load everything again
PATIENCE = 5.0  # seconds until the database must be heard
POLLED = 10.0  # seconds that a page which polls counts as open after it asked
LEAVES_WITHIN = 2.0  # seconds in which an ended page must have gone; otherwise it reads nothing any more
BEHIND_FOR = 20.0  # seconds that a page may read nothing
STEP = 1.0  # seconds between two looks at who is there
RIGHTS = 15.0  # seconds between two looks at who may still follow
TIDY = 3600.0  # seconds between two removals of old feed rows
KEPT = timedelta(days=1)


class NoRoom(Exception):
    """This worker follows for as many pages as it may, is about to stop, or does not hear the database."""


@dataclass(eq=False)
class Follower:
    """One open page: what it follows, for whom, and what waits to be sent to it."""

    topics: frozenset[str]
    user_id: int
    sign_in: str  # the user's fs_uniquifier when the page was opened
    needs: Permission = Permission.SEE_CUSTOMER  # without it the page follows no more
    customer_id: int | None = None
    socket: socket.socket | None = None  # to see that the page has gone
    messages: Queue[Told | None] = field(default_factory=lambda: Queue(LONGEST_QUEUE))
    behind_since: float | None = None  # messages were left out
    over_since: float | None = None

    def give(self, told: Told) -> None:
        try:
            self.messages.put_nowait(told)
        except Full:
            self.behind_since = self.behind_since or time.monotonic()

    def end(self) -> None:
        if self.over_since:
            return
        self.over_since = time.monotonic()
        with suppress(Full):  # whoever is that far behind wakes up anyway
            self.messages.put_nowait(None)

    def wait(self, seconds: float) -> Told | None:
        """The next message, or none after so long or at the end. Once some were left out, "reload" in place of all."""
        told = None
        try:
            told = self.messages.get(timeout=seconds)
            while self.behind_since and told:
                told = self.messages.get_nowait() or told
        except Empty:
            if not self.behind_since or not told:
                return None
            self.behind_since = None
            return told.as_reload()
        return told


class Hub:
    """The followers of one worker process, at most `room` of them."""

    def __init__(self, app: Flask, room: int) -> None:
        self.app = app
        self.room = room
        self.is_stopping: Callable[[], bool] = lambda: False  # the server sets it
        self._followers: set[Follower] = set()
        self._by_topic: defaultdict[str, set[Follower]] = defaultdict(set)
        self._polled: dict[Pair, float] = {}  # until when a page that polls counts as open
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._hears = threading.Event()

    def join(self, follower: Follower) -> None:
        """From here on no message of its topics is missed. Raises NoRoom."""
        with self._changed:
            if len(self._followers) >= self.room or self.is_stopping() or self._closing.is_set():
                raise NoRoom
            self._followers.add(follower)
            for topic in follower.topics:
                self._by_topic[topic].add(follower)
            self._wake()
        if not self._hears.wait(PATIENCE):
            self.leave(follower)
            raise NoRoom

    def leave(self, follower: Follower) -> None:
        with self._changed:
            self._followers.discard(follower)
            for topic in follower.topics & self._by_topic.keys():
                self._by_topic[topic].discard(follower)
                if not self._by_topic[topic]:
                    del self._by_topic[topic]

    def polled(self, pair: Pair) -> None:
        """A page that cannot have a stream asks again and again, and counts as open until it stops."""
        with self._changed:
            self._polled[pair] = time.monotonic() + POLLED
            self._wake()

    def deliver(self, told: Told) -> None:
        with self._changed:
            followers = list(self._by_topic.get(told.topic, ()))
        for follower in followers:
            follower.give(told)
            if told.kind == "signed_out":  # who is still signed in, in another browser, is back at once
                follower.end()

    def followers(self) -> list[Follower]:
        with self._changed:
            return list(self._followers)

    def close(self) -> None:
        """End all streams and both threads."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        for follower in self.followers():
            follower.end()
        for thread in self._threads:
            thread.join()

    def _wake(self) -> None:
        if not self._threads:
            works = {"live-feed": self._listen, "live-keeper": self._keep}
            self._threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in works.items()]
            for thread in self._threads:
                thread.start()
        self._changed.notify_all()

    def _listen(self) -> None:
        source: Source | None = None
        while True:
            with self._changed:
                while not self._followers and not self._closing.is_set():
                    source = None  # the next follower begins at what is newest then
                    self._hears.clear()
                    self._changed.wait()
            if self._closing.is_set():
                return
            source = source or source_for(self.app)
            try:
                self._hear(source)
            except Exception:  # goes on where it was, once the database answers
                log.warning("live pages do not hear the database", exc_info=True)
                self._end_if_stopping()
                time.sleep(STEP)

    def _hear(self, source: Source) -> None:
        looked = time.monotonic()
        with source:
            self._hears.set()
            while self._followers and not self._closing.is_set():
                for told in source.wait():
                    self.deliver(told)
                self._end_if_stopping()
                if time.monotonic() - looked > STEP:
                    looked = time.monotonic()
                    let_go(self.followers())

    def _end_if_stopping(self) -> None:
        if self.is_stopping():
            for follower in self.followers():
                follower.end()

    def _keep(self) -> None:
        keeper = Keeper()
        rights_due = tidy_due = 0.0
        while not self._closing.wait(STEP):
            with self._changed:
                while not (self._followers or self._polled or self._closing.is_set()) and keeper.is_idle:
                    self._changed.wait()
            if self.is_stopping():
                return  # its pages are open elsewhere in a moment
            now = time.monotonic()
            self._do(lambda: keeper.keep(self._pairs(), utc_now()))
            if now >= rights_due:
                rights_due = now + RIGHTS
                self._do(self._check_rights)
            if now >= tidy_due:
                tidy_due = now + TIDY
                self._do(tidy)

    def _do(self, work: Callable[[], object]) -> None:
        with self.app.app_context():
            try:
                work()
                db.session.commit()
            except OperationalError:  # the database is taken just now: next time
                db.session.rollback()
            except Exception:
                db.session.rollback()
                log.exception("who looks at what could not be kept")

    def _pairs(self) -> set[Pair]:
        now = time.monotonic()
        with self._changed:
            self._polled = {pair: until for pair, until in self._polled.items() if until > now}
            looking = {(one.user_id, one.customer_id) for one in self._followers if one.customer_id is not None}
            return looking | self._polled.keys()

    def _check_rights(self) -> None:
        """End the streams of whoever was switched off, has another password or lost the permission."""
        followers = self.followers()
        ids = {follower.user_id for follower in followers}
        users = db.session.scalars(select_rows(User).where(User.id.in_(ids))).unique() if ids else ()
        here = {user.id: user for user in users if user.active}
        for follower in followers:
            user = here.get(follower.user_id)
            if not user or user.fs_uniquifier != follower.sign_in or not allowed(user, follower.needs):
                follower.end()


def let_go(followers: list[Follower]) -> None:
    """End the streams of pages that are closed; break the connections of those that read nothing any more."""
    for follower in gone(followers):
        follower.end()
    now = time.monotonic()
    for follower in followers:
        if follower.behind_since and now - follower.behind_since > BEHIND_FOR:
            follower.end()
        if follower.socket and follower.over_since and now - follower.over_since > LEAVES_WITHIN:
            with suppress(OSError):
                follower.socket.shutdown(socket.SHUT_RDWR)


def gone(followers: Iterable[Follower]) -> Iterator[Follower]:
    """Those whose browser has closed the connection: there is nothing to read on it but its end."""
    poll = select.poll()
    by_number: dict[int, Follower] = {}
    for follower in followers:
        if follower.socket is not None and (number := follower.socket.fileno()) >= 0:
            by_number[number] = follower
            poll.register(number, select.POLLIN)
    for number, _ in poll.poll(0):
        follower = by_number[number]
        try:
            assert follower.socket is not None  # noqa: S101  for mypy
            if not follower.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                yield follower
        except BlockingIOError:
            continue
        except OSError:
            yield follower


def tidy() -> None:
    """Remove old feed rows. The newest stays: SQLite would give its id again."""
    old = FeedEntry.at < utc_now() - KEPT
    newest = select_rows(func.max(FeedEntry.id)).scalar_subquery()
    db.session.execute(delete(FeedEntry).where(old, FeedEntry.id < newest))
