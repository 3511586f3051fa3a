"""How fast pages are over HTTP: python -m bench.pages [--database URL] [--url http://…] --json

Starts the shipped server over the database (otherwise DATABASE_URL, as the console reads it), or drives the one at
--url that serves it, signs in through the form, and prints a line for each page and concurrency. Beside every page
the sign-in page, which is nearly nothing but the framework, is timed in the same minute: on a machine that others
use too, `times_sign_in` says more than milliseconds do.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from sqlalchemy import create_engine

from bench.asking import Page, Sample, pages, sample
from bench.serving import Client, Running, server
from bench.staff import AGENT, PASSWORD, SUPERVISOR
from console.config import ROOT, Settings, database_url

BASELINE = Page("sign-in page", ["/login"], who="")
WARM_UP = 12  # requests of each page that are not timed: every worker has compiled its templates then
FEWEST = 20  # requests, however slow


def main() -> None:
    options = arguments()
    database = database_url(options.database, ROOT) if options.database else Settings.from_environment().DATABASE_URL
    drawn = sample(create_engine(database), random.Random(options.seed))
    with contextlib.ExitStack() as stack:
        running = Running(options.url) if options.url else stack.enter_context(server(database))
        cookies = signed_in(running.url, {"agent": options.email, "supervisor": options.supervisor}, options.password)
        second = second_pages(running.url, cookies["agent"], drawn)
        for page in [BASELINE, *pages(drawn, second)]:
            if page.who not in cookies or not page.paths or options.only not in page.name:
                continue
            for concurrency in options.concurrency:
                baseline = drive(running, BASELINE, {}, concurrency, max(options.seconds / 5, 0.5))
                found = drive(running, page, cookies[page.who], concurrency, options.seconds)
                report(found.line() | {"concurrency": concurrency}, page, drawn, baseline, options.json)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--database", metavar="URL", help="whose rows are asked for; filled by bench.generate")
    parser.add_argument("--url", help="a server that runs over that database; otherwise one is started")
    parser.add_argument("--email", default=AGENT, help="an agent's sign-in")
    parser.add_argument("--supervisor", default=SUPERVISOR, help="a supervisor's sign-in, for the supervisor's home")
    parser.add_argument("--password", default=PASSWORD)
    parser.add_argument("--seconds", type=float, default=5, help="for each page and concurrency")
    parser.add_argument("--concurrency", type=lambda text: [int(one) for one in text.split(",")], default=[1, 8])
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object for each line")
    return parser.parse_args()


def signed_in(url: str, emails: dict[str, str], password: str) -> dict[str, dict[str, str]]:
    """The cookies of everybody by role; "" is nobody. Who cannot sign in is said and left out, but for the agent."""
    cookies: dict[str, dict[str, str]] = {"": {}}
    for role, email in emails.items():
        with Client(url) as client:
            try:
                client.sign_in(email, password)
            except RuntimeError as refusal:
                if role == "agent":
                    sys.exit(str(refusal))
                print(f"Left out the {role}'s pages: {refusal}", file=sys.stderr)
            else:
                cookies[role] = client.cookies
    return cookies


def second_pages(url: str, cookies: dict[str, str], drawn: Sample) -> list[str]:
    """The addresses behind "Show older" of the customers that have such a button."""
    found = []
    with Client(url) as client:
        client.cookies = cookies
        for number in [drawn.fattest, *drawn.busy[:60]]:
            _, text = client.get(f"/customers/{number}/timeline", partial=True)
            if match := re.search(r'hx-get="([^"]*before=[^"]*)"', text):
                found.append(match[1].replace("&amp;", "&"))
    return found


@dataclass
class Timing:
    """What some seconds of one page came to."""

    seconds: float = 0.0
    cpu_seconds: float | None = None  # of the web workers
    milliseconds: list[float] = field(default_factory=list)
    statements: int = 0  # the most behind one request
    failures: list[str] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        cuts = quantiles(self.milliseconds, n=20, method="inclusive")
        cpu = None if self.cpu_seconds is None else round(self.cpu_seconds * 1000 / len(self.milliseconds), 1)
        return {
            "requests": len(self.milliseconds),
            "p50_ms": round(cuts[9], 1),
            "p95_ms": round(cuts[18], 1),
            "requests_per_second": round(len(self.milliseconds) / self.seconds, 1),
            "statements": self.statements,
            "cpu_ms": cpu,
        }


def drive(server: Running, page: Page, cookies: dict[str, str], concurrency: int, seconds: float) -> Timing:
    """Ask for the page from `concurrency` connections at once. Exits when an answer is not 200."""
    timing = Timing()
    ready = threading.Barrier(concurrency + 1)
    threads = [
        threading.Thread(target=ask_on, args=(server.url, page, cookies, seconds, place, concurrency, ready, timing))
        for place in range(concurrency)
    ]
    for thread in threads:
        thread.start()
    ready.wait()
    started, used = time.perf_counter(), server.cpu_seconds()
    for thread in threads:
        thread.join()
    timing.seconds = time.perf_counter() - started
    if used is not None and (now := server.cpu_seconds()) is not None:
        timing.cpu_seconds = now - used
    if timing.failures:
        sys.exit(f"{page.name}: {timing.failures[0]}")
    return timing


def ask_on(
    url: str,
    page: Page,
    cookies: dict[str, str],
    seconds: float,
    place: int,
    concurrency: int,
    ready: threading.Barrier,
    timing: Timing,
) -> None:
    mine: list[float] = []
    with Client(url) as client:
        client.cookies = dict(cookies)
        paths = endless(page.paths, place)
        try:
            for _ in range(max(WARM_UP // concurrency, 2)):
                client.get(next(paths), partial=page.partial)
        except OSError as error:
            timing.failures.append(str(error))
        ready.wait()
        until = time.perf_counter() + seconds
        while not timing.failures and (time.perf_counter() < until or len(mine) * concurrency < FEWEST):
            path = next(paths)
            before = time.perf_counter()
            response, text = client.get(path, partial=page.partial)
            mine.append((time.perf_counter() - before) * 1000)
            if response.status != 200:
                timing.failures.append(f"{path} answered {response.status}: {text[:300]}")
            timing.statements = max(timing.statements, int(response.headers.get("X-Sql-Statements", 0)))
    timing.milliseconds += mine


def endless(paths: Sequence[str], place: int) -> Iterator[str]:
    at = place * 7919
    while True:
        yield paths[at % len(paths)]
        at += 1


def report(found: dict[str, Any], page: Page, drawn: Sample, baseline: Timing, as_json: bool) -> None:
    sign_in = baseline.line()["p50_ms"]
    line = {"page": page.name, "engine": drawn.engine, "customers": drawn.customers, "events": drawn.events} | found
    line |= {"sign_in_p50_ms": sign_in, "times_sign_in": round(found["p50_ms"] / sign_in, 1)}
    print(json.dumps(line) if as_json else "  ".join(f"{name} {value}" for name, value in line.items()), flush=True)


if __name__ == "__main__":
    main()
