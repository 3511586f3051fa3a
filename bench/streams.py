"""A thousand open pages, as their browsers behave: one process follows a stream for each and writes down what comes."""

from __future__ import annotations

import multiprocessing
import re
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

MESSAGE = re.compile(rb"id: (\d+)\ndata: [^\n]*\n\n")
AT_ONCE = 40  # streams that begin at a time
AGAIN = 0.3  # seconds until a page that was sent away asks again


@dataclass(frozen=True)
class Arrival:
    page: int
    id: int
    at: float  # time.time() when it was read


@dataclass
class Window:
    """One page: what it follows, and its connection while it has one."""

    number: int
    query: str
    cookie: str
    socket: socket.socket | None = None
    begun: bool = False
    rest: bytes = b""
    last: int = 0
    due: float = 0.0


@dataclass
class Browser:
    address: tuple[str, int]
    windows: list[Window]
    sockets: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    arrivals: list[Arrival] = field(default_factory=list)
    refused: int = 0
    ended: int = 0

    def step(self) -> None:
        opening = sum(1 for one in self.windows if one.socket and not one.begun)
        for one in self.windows:
            if one.socket is None and opening < AT_ONCE and one.due < time.monotonic():
                self.open(one)
                opening += 1
        for key, _ in self.sockets.select(0.05):
            self.read(key.data)

    def open(self, one: Window) -> None:
        one.socket = socket.create_connection(self.address, 30)
        one.begun, one.rest = False, b""
        after = f"&after={one.last}" if one.last else ""
        one.socket.sendall(
            f"GET /stream?{one.query}{after} HTTP/1.1\r\nHost: {self.address[0]}\r\n"
            f"Accept: text/event-stream\r\nCookie: session={one.cookie}\r\n\r\n".encode()
        )
        one.socket.setblocking(False)
        self.sockets.register(one.socket, selectors.EVENT_READ, one)

    def read(self, one: Window) -> None:
        assert one.socket is not None
        try:
            read = one.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            read = b""
        now = time.time()
        one.rest += read
        if not read or (not one.begun and one.rest.startswith(b"HTTP/1.1 5")):
            self.ended += one.begun
            self.refused += not one.begun
            self.close(one)
            return
        one.begun = one.begun or b"event: beat" in one.rest
        end = 0
        for found in MESSAGE.finditer(one.rest):
            end = found.end()
            one.last = max(one.last, int(found[1]))
            self.arrivals.append(Arrival(one.number, int(found[1]), now))
        one.rest = one.rest[end:][-4096:]

    def close(self, one: Window) -> None:
        if one.socket:
            self.sockets.unregister(one.socket)
            one.socket.close()
        one.socket, one.begun, one.due = None, False, time.monotonic() + AGAIN


def follow(url: str, pages: list[tuple[str, str]], orders: Connection) -> None:
    """What the process does until it is told to stop."""
    parts = urlsplit(url)
    windows = [Window(number, query, cookie) for number, (query, cookie) in enumerate(pages)]
    browser = Browser((parts.hostname or "127.0.0.1", parts.port or 80), windows)
    is_told = False
    while not orders.poll():
        browser.step()
        if not is_told and all(one.begun for one in windows):
            orders.send(browser.refused)
            is_told = True
    orders.recv()
    orders.send((browser.arrivals, browser.ended))
    for one in windows:
        browser.close(one)


@dataclass
class Followers:
    """The open pages; `arrivals` and `ended` (streams that broke) are known after the block."""

    refused: int  # tries that found no room, until all were open
    arrivals: list[Arrival] = field(default_factory=list)
    ended: int = 0


@contextmanager
def open_pages(url: str, pages: list[tuple[str, str]], patience: float = 180) -> Iterator[Followers]:
    """A stream for each (query, session cookie). Raises TimeoutError when not all of them can be had."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=follow, args=(url, pages, there), daemon=True)
    process.start()
    try:
        if not here.poll(patience):
            raise TimeoutError(f"not all of {len(pages)} streams could be opened")
        followers = Followers(refused=here.recv())
        yield followers
        here.send("stop")
        followers.arrivals, followers.ended = here.recv()
    finally:
        process.join(10)
        process.kill()
