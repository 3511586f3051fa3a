"""Settings, read from the environment once, at start. A bad value is refused with the setting's name."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.core import Locale, UnknownLocaleError
from babel.numbers import is_currency
from phonenumbers import SUPPORTED_REGIONS

ROOT = Path(__file__).resolve().parent.parent
ORIGIN = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")
MOUNTS = Path("/proc/self/mounts")  # of Linux; elsewhere nobody is asked
SHARED_DISKS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gfs2", "ocfs2", "beegfs", "glusterfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone"}
)
AT_ONCE = 16  # requests that one process works on; more wait, as they would for each other and the database


class BadSetting(ValueError):
    """An environment variable holds something that cannot be used; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Every setting, its default and what it does. README.md lists the same names."""

    DATABASE_URL: str  # sqlite:///… or postgresql://…
    DATA_DIR: Path  # where SQLite, the secret key and reports of imports are kept
    SECRET_KEY: str  # signs sessions; made once and kept in DATA_DIR when not given
    DEFAULT_CURRENCY: str  # ISO 4217, for limits and for imported amounts that name none
    DEFAULT_REGION: str  # ISO 3166, reads phone numbers written without a country code
    TIME_ZONE: str  # IANA; where a day begins for limits and for the times on screen
    LOCALE: str  # how dates and amounts are written, such as en_GB
    EMBEDDING_MODEL: str  # a folder or a name; empty: the packaged MiniLM; "none": keyword search only
    SESSION_HOURS: int  # how long a sign-in lasts without "remember me"
    SIGN_IN_ATTEMPTS: int  # per address, process and quarter of an hour
    API_REQUESTS: int  # per token, process and minute
    SECURE_COOKIES: bool  # on behind HTTPS
    TRUSTED_PROXIES: int  # how many reverse proxies stand in front and set X-Forwarded-For
    EMBED_ANCESTORS: tuple[str, ...]  # origins whose pages may hold the help pane in a frame; empty: none
    FULFILMENT_WEBHOOK_URL: str  # http(s) address of the system that does what gestures promise; empty: none
    FULFILMENT_WEBHOOK_SECRET: str  # signs what is sent there; empty: SECRET_KEY does
    BIND: str  # address and port that the server listens on
    WORKERS: int  # server processes
    THREADS: int  # of one process: most hold a page's stream, the others answer requests

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read all settings. Raises BadSetting for the first one that cannot be used."""
        data_dir = Path(environ.get("DATA_DIR") or ROOT / "var").expanduser().resolve()
        return cls(
            DATABASE_URL=database_url(environ.get("DATABASE_URL", ""), data_dir),
            DATA_DIR=data_dir,
            SECRET_KEY=secret_key(environ.get("SECRET_KEY"), data_dir),
            DEFAULT_CURRENCY=one_of(environ, "DEFAULT_CURRENCY", "GBP", is_currency, "an ISO 4217 code, such as EUR"),
            DEFAULT_REGION=one_of(
                environ, "DEFAULT_REGION", "GB", SUPPORTED_REGIONS.__contains__, "an ISO 3166 code, such as DE"
            ),
            TIME_ZONE=one_of(
                environ, "TIME_ZONE", "Europe/London", is_time_zone, "an IANA name, such as Europe/Berlin"
            ),
            LOCALE=one_of(environ, "LOCALE", "en_GB", is_locale, "a locale, such as en_GB"),
            EMBEDDING_MODEL=embedding_model(environ.get("EMBEDDING_MODEL", "")),
            SESSION_HOURS=whole_number(environ, "SESSION_HOURS", 12, 1, 24 * 31),
            SIGN_IN_ATTEMPTS=whole_number(environ, "SIGN_IN_ATTEMPTS", 10, 1, 10_000),
            API_REQUESTS=whole_number(environ, "API_REQUESTS", 600, 1, 1_000_000),
            SECURE_COOKIES=one_of(environ, "SECURE_COOKIES", "0", {"0", "1"}.__contains__, "0 or 1") == "1",
            TRUSTED_PROXIES=whole_number(environ, "TRUSTED_PROXIES", 0, 0, 10),
            EMBED_ANCESTORS=origins(environ.get("EMBED_ANCESTORS", "")),
            FULFILMENT_WEBHOOK_URL=webhook(environ.get("FULFILMENT_WEBHOOK_URL", "")),
            FULFILMENT_WEBHOOK_SECRET=environ.get("FULFILMENT_WEBHOOK_SECRET", ""),
            BIND=one_of(environ, "BIND", "127.0.0.1:8000", is_address, "an address and a port, such as 0.0.0.0:8000"),
            WORKERS=whole_number(environ, "WORKERS", 2, 1, 64),
            THREADS=whole_number(environ, "THREADS", 600, 2, 5000),
        )

    @property
    def streams(self) -> int:
        """How many pages one process may follow with a stream each; some threads stay free for requests."""
        return self.THREADS - min(self.THREADS // 2, 50)

    def engine_options(self) -> dict[str, Any]:
        """A connection for every request, and one more for those that look at the index beside their own."""
        return {
            "pool_size": AT_ONCE,
            "max_overflow": AT_ONCE,
            "pool_timeout": 10,
            "pool_pre_ping": "postgresql" in self.DATABASE_URL,
        }

    def for_flask(self) -> dict[str, Any]:
        """The same settings under Flask's and its extensions' names, besides their own."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "SQLALCHEMY_DATABASE_URI": self.DATABASE_URL,
            "PERMANENT_SESSION_LIFETIME": timedelta(hours=self.SESSION_HOURS),
            "SESSION_COOKIE_SECURE": self.SECURE_COOKIES,
            "REMEMBER_COOKIE_SECURE": self.SECURE_COOKIES,
            "SECURITY_PASSWORD_SALT": self.SECRET_KEY,  # asked for by Flask-Security, unused with argon2
            "SQLALCHEMY_ENGINE_OPTIONS": self.engine_options(),
        }


def database_url(text: str, data_dir: Path) -> str:
    if not text:
        refuse_shared_disk("DATA_DIR", data_dir)
        return f"sqlite:///{data_dir / 'plusone.db'}"
    scheme, separator, rest = text.partition("://")
    if separator and scheme == "sqlite":
        refuse_shared_disk("DATABASE_URL", Path(rest.removeprefix("/")).resolve())
        return text
    if separator and scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        if not rest.rpartition("/")[2]:
            raise BadSetting("DATABASE_URL must name a database: postgresql://user:password@host/database")
        return f"postgresql+psycopg://{rest}"
    raise BadSetting(f"DATABASE_URL must begin with sqlite:// or postgresql://, not {scheme!r}")


def refuse_shared_disk(name: str, place: Path) -> None:
    """SQLite's locks hold between the processes of one machine only, and the limits hold by them."""
    disks = [line.split(" ")[1:3] for line in MOUNTS.read_text().splitlines()] if MOUNTS.exists() else []
    kinds = {at.replace("\\040", " "): kind for at, kind in disks}  # the later mount hides the earlier
    kind = next((kinds[str(one)] for one in (place, *place.parents) if str(one) in kinds), "")
    if kind in SHARED_DISKS:
        raise BadSetting(
            f"{name} puts SQLite on a disk that other machines share ({kind}), where its locks do not hold."
            " Choose a folder on a disk of this machine's own, or let DATABASE_URL name a PostgreSQL."
        )


def secret_key(text: str | None, data_dir: Path) -> str:
    if text is None:
        try:
            return kept_secret(data_dir / "secret-key")
        except OSError as problem:
            raise BadSetting(f"DATA_DIR {str(data_dir)!r} cannot be written to: {problem.strerror}") from problem
    if len(text) < 16:
        raise BadSetting("SECRET_KEY must have at least 16 characters; leave it out and one is made")
    return text


def origins(text: str) -> tuple[str, ...]:
    """Origins, with blanks or commas between them: a scheme, a host, perhaps a port, and nothing else."""
    found = dict.fromkeys(one.rstrip("/").lower() for one in text.replace(",", " ").split())
    for one in found:
        if not ORIGIN.fullmatch(one):
            raise BadSetting(f"EMBED_ANCESTORS holds {one!r}, but each must be an origin, such as https://desk.example")
    return tuple(found)


def webhook(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise BadSetting(f"FULFILMENT_WEBHOOK_URL is {text!r}, but must begin with https:// or http://")
    return text


def embedding_model(text: str) -> str:
    if os.sep in text and text.startswith((os.sep, ".")) and not Path(text).is_dir():
        raise BadSetting(f"EMBEDDING_MODEL {text!r} is not a folder")
    return text


def kept_secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and moved, so that two workers starting together end up with one key.
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()


def one_of(environ: Mapping[str, str], name: str, default: str, allowed: Any, wanted: str) -> str:
    value = environ.get(name) or default
    if not allowed(value):
        raise BadSetting(f"{name} is {value!r}, but must be {wanted}")
    return value


def whole_number(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not low <= int(text) <= high:
        raise BadSetting(f"{name} is {text!r}, but must be a whole number from {low} to {high}")
    return int(text)


def is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65536


def is_locale(name: str) -> bool:
    try:
        Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return False
    return True
