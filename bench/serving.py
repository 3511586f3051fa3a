"""The shipped server on a free loopback port for the length of a block, and clients that are signed in."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

from tests.postgres import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 90  # seconds until the server must answer
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@dataclass(frozen=True)
class Running:
    """A server: its address, and its first process when it was started here."""

    url: str
    pid: int | None = None

    def cpu_seconds(self) -> float | None:
        """What the workers have used of the processors since they began; None where that cannot be read."""
        if self.pid is None:
            return None
        ticks = 0
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended meanwhile
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK") if ticks else None

    def settle(self) -> None:
        """Wait until the workers rest: after their start they load the embedding model, for some seconds."""
        until = time.monotonic() + PATIENCE
        used = self.cpu_seconds()
        while used is not None and time.monotonic() < until:
            time.sleep(2)
            before, used = used, self.cpu_seconds()
            if used is not None and used - before < 0.05:
                return


@contextmanager
def server(database: str, **settings: str) -> Iterator[Running]:
    """Gunicorn as gunicorn.conf.py has it, over `database`; always stopped."""
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="plusone-bench-") as folder:
        given = {"DATABASE_URL": database, "BIND": address}
        log = Path(folder, "log")
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "console.app:create_app()"],
                cwd=ROOT,
                env=os.environ | given | settings,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for(address, process, log)
            running = Running(f"http://{address}", process.pid)
            running.settle()
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises RuntimeError with the server's own words when it does not answer in time."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with Client(f"http://{address}") as client:
                client.get("/login")
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-4000:]}")


class Client:
    """One kept-alive connection with its cookies, as a browser has."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=60)
        self.cookies: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.connection.close()

    def get(self, path: str, *, partial: bool = False) -> tuple[http.client.HTTPResponse, str]:
        return self._ask("GET", path, {"HX-Request": "true"} if partial else {})

    def post(self, path: str, form: dict[str, str]) -> tuple[http.client.HTTPResponse, str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, headers, urlencode(form))

    def sign_in(self, email: str, password: str) -> None:
        """Through the form, as a person does. Raises RuntimeError when the sign-in is refused."""
        _, page = self.get("/login")
        found = TOKEN.search(page)
        form = {"email": email, "password": password, "csrf_token": found[1] if found else ""}
        response, _ = self.post("/login", form)
        if response.status not in (302, 303):
            raise RuntimeError(f"{email} cannot sign in ({response.status}); say --email and --password")

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[http.client.HTTPResponse, str]:
        sent = headers | {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        try:
            self.connection.request(method, path, body, sent)
            response = self.connection.getresponse()
        except (http.client.BadStatusLine, BrokenPipeError, ConnectionResetError):  # a worker was replaced
            self.connection.close()
            self.connection.request(method, path, body, sent)
            response = self.connection.getresponse()
        text = response.read().decode()
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response, text
