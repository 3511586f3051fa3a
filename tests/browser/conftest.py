"""A real server with the demo shop and the real model, and Debian's Chromium in front of it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from console.db import db
from console.demo import loading
from tests.conftest import make_app

DESK = "http://desk.example"  # another desk's page, which holds a frame of ours
CHROMIUM = shutil.which("chromium")
SKIP = pytest.mark.skip(reason="needs Chromium: apt-get install chromium")
expect.set_options(timeout=15_000)  # milliseconds: two workers share two cores with the servers they look at


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(SKIP)


@dataclass(frozen=True)
class Shop:
    address: str
    sign_ins: list[tuple[str, str, str]]  # role, e-mail, password
    app: Flask


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    # The desk's page is made up, so that to Chromium it is a public one which looks into the house.
    quiet.append("--disable-features=LocalNetworkAccessChecks")
    return {"executable_path": CHROMIUM, "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", *quiet]}


@pytest.fixture(scope="session")
def shop(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A console with the demo shop, as `make run` serves it."""
    path = tmp_path_factory.mktemp("browser") / "plusone.db"
    shutil.copyfile(sqlite_template, path)
    app = make_app(f"sqlite:///{path}", WTF_CSRF_ENABLED=True, EMBEDDING_MODEL="", EMBED_ANCESTORS=(DESK,))
    with app.app_context():
        loading.load(customers=60)
        loading.embed_aloud()
        sign_ins = loading.sign_ins()
    http = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield Shop(f"http://127.0.0.1:{http.server_port}", sign_ins, app)
    http.shutdown()
    thread.join()
    http.server_close()
    for one in threading.enumerate():  # a model that is still at work when Python ends aborts the process
        if one.name in ("listening", "findings", "embedding-model"):
            one.join(timeout=60)
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def server(shop: Shop) -> str:
    """Its address."""
    return shop.address


@pytest.fixture(scope="session")
def states(shop: Shop, browser: Browser) -> dict[str, Any]:
    """Each role's cookies, from signing in once by the real form."""
    found = {}
    for role, email, password in shop.sign_ins:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{shop.address}/login")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/login" not in url)  # the delivery staff go on to their queue
        found[role] = context.storage_state()
        context.close()
    return found


@pytest.fixture
def open_as(server: str, browser: Browser, states: dict[str, Any]) -> Iterator[Callable[..., Page]]:
    """open_as("agent", "/path", width=390, dark=True): a page of that person's, all requests answered."""
    contexts = []

    def opened(role: str, path: str = "/", *, width: int = 1440, dark: bool = False, axe: bool = False) -> Page:
        context = browser.new_context(
            storage_state=states[role],
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            bypass_csp=axe,  # axe injects a script; the policy itself is tested elsewhere
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{server}{path}", wait_until="networkidle")
        return page

    yield opened
    for context in contexts:
        context.close()
