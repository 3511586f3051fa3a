from __future__ import annotations

from pathlib import Path

import pytest

from console import config
from console.config import ROOT, BadSetting, Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "postgresql://"),
        ("DATABASE_URL", "postgresql://user@host/"),
        ("SECRET_KEY", "x"),
        ("EMBEDDING_MODEL", "/no/such/folder"),
        ("DATA_DIR", "/dev/null/here"),
        ("DEFAULT_CURRENCY", "XYZ"),
        ("DEFAULT_REGION", "Britain"),
        ("TIME_ZONE", "Mars/Base"),
        ("TIME_ZONE", "../etc/passwd"),
        ("LOCALE", "xx_YY_ZZ"),
        ("SESSION_HOURS", "0"),
        ("SESSION_HOURS", "many"),
        ("SIGN_IN_ATTEMPTS", "-3"),
        ("SECURE_COOKIES", "yes"),
        ("TRUSTED_PROXIES", "99"),
        ("BIND", "8000"),
        ("BIND", "127.0.0.1:99999"),
        ("WORKERS", "0"),
        ("THREADS", "²"),
    ],
)
def test_a_bad_value_is_refused_with_the_settings_name(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=name):
        Settings.from_environment({"DATA_DIR": str(tmp_path)} | {name: value})


@pytest.mark.parametrize("given", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d"])
def test_every_way_to_write_a_postgres_address_finds_the_driver(given: str, tmp_path: Path) -> None:
    settings = Settings.from_environment({"DATA_DIR": str(tmp_path), "DATABASE_URL": given})
    assert settings.DATABASE_URL == "postgresql+psycopg://u@h/d"


def test_sqlite_is_kept_off_disks_that_machines_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, mounts = tmp_path / "our shop", tmp_path / "mounts"
    escaped = str(shared).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nfiler:/vol {escaped} nfs4 rw 0 0\n")
    monkeypatch.setattr(config, "MOUNTS", mounts)
    for given in ({"DATA_DIR": str(shared)}, {"DATABASE_URL": f"sqlite:///{shared}/x/shop.db"}):
        with pytest.raises(BadSetting, match=r"share \(nfs4\).* PostgreSQL"):
            Settings.from_environment({"DATA_DIR": str(tmp_path)} | given)
    there = {"DATA_DIR": str(shared), "DATABASE_URL": "postgresql://u@h/d"}
    assert shared == Settings.from_environment(there).DATA_DIR


def test_the_secret_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    first = Settings.from_environment({"DATA_DIR": str(tmp_path)}).SECRET_KEY
    assert first == Settings.from_environment({"DATA_DIR": str(tmp_path)}).SECRET_KEY
    assert len(first) > 40
    assert (tmp_path / "secret-key").stat().st_mode & 0o077 == 0


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in Settings.__dataclass_fields__ if f"`{name}`" not in readme] == []
