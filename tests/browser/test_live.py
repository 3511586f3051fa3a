"""Two windows of one shop: what happens in one is seen in the other, without a reload."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from console.db import db, utc_now
from console.interactions.models import Interaction, Speaker
from console.interactions.turns import Turn, take_in
from tests.browser.conftest import Shop

Open = Callable[..., Page]


def test_a_colleague_who_comes_and_goes_is_seen_without_a_reload(open_as: Open) -> None:
    maya = open_as("agent", "/customers/1")
    dana = open_as("sales", "/customers/1")
    expect(maya.get_by_text("Also looking:")).to_be_visible(timeout=10_000)
    dana.close()
    expect(maya.get_by_text("Also looking:")).to_be_hidden(timeout=10_000)


def test_a_page_without_a_stream_asks_and_says_so(open_as: Open) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=503, headers={"Retry-After": "10"})

    maya = open_as("agent", "/")
    maya.context.route("**/stream*", refuse)
    maya.goto(maya.url.rstrip("/") + "/customers/1")
    expect(maya.get_by_text("Live updates are slow")).to_be_visible(timeout=15_000)
    dana = open_as("sales", "/customers/1")
    expect(maya.get_by_text("Also looking:")).to_be_visible(timeout=15_000)
    expect(dana.get_by_text("Live updates are slow")).to_be_hidden()


def test_what_is_written_down_in_one_window_appears_in_another_and_is_counted_on_a_phones_tab(
    open_as: Open, shop: Shop
) -> None:
    desk = open_as("agent", "/customers/9")
    desk.keyboard.press("t")  # start a call
    expect(desk.get_by_label("What is said")).to_be_visible()
    other = open_as("agent", "/customers/9", width=390)
    other.evaluate("window.isTheSamePage = true")
    other.get_by_role("tab", name="Help").click()
    expect(other.get_by_label("What was said")).to_be_hidden()
    desk.get_by_label("What is said").fill("The blue one has a crack in its foot")
    desk.keyboard.press("Alt+Enter")
    expect(other.get_by_role("tab", name="Conversation 1 new")).to_be_visible()
    other.keyboard.press("ArrowLeft")
    expect(other.get_by_label("What was said")).to_contain_text("The blue one has a crack in its foot")
    expect(other.get_by_role("tab", name="Conversation", exact=True)).to_be_focused()
    assert other.evaluate("window.isTheSamePage") is True
    with shop.app.app_context():  # a telephone that sends what was said all at once
        talk = db.session.scalars(select(Interaction).order_by(Interaction.id.desc())).first()
        assert talk is not None
        take_in(talk, [Turn(Speaker.CUSTOMER, f"Turn {n} of many") for n in range(130)], utc_now())
        db.session.commit()
    expect(desk.get_by_label("What was said")).to_contain_text("Turn 129 of many")

    held: list[Route] = []
    desk.route("**/utterances", lambda route: held.append(route), times=1)
    desk.get_by_label("What is said").fill("It is chipped")
    with desk.expect_request("**/utterances"):
        desk.keyboard.press("Alt+Enter")
    desk.keyboard.type(" and the box is wet")  # the turn is still on its way
    held[0].continue_()
    expect(desk.get_by_label("What was said")).to_contain_text("It is chipped")
    expect(desk.get_by_label("What is said")).to_have_value(" and the box is wet")
    desk.goto(f"{shop.address}/")  # to look something up; what was not sent waits
    desk.goto(f"{shop.address}/customers/9")
    expect(desk.get_by_label("What is said")).to_have_value(" and the box is wet")
    other.get_by_label("What is said").fill("Half a senten")
    desk.keyboard.press("Escape")
    desk.get_by_role("button", name="Wrap up").click()
    expect(other.get_by_text("talk over, to be wrapped up")).to_be_visible()
    expect(other.get_by_label("What is said")).to_have_value("Half a senten")
    talks = open_as("agent", "/customers/1", width=390)
    expect(talks.get_by_label("Open interactions").get_by_role("link").first).to_be_visible()
