"""A day at the shop, as people go through it: found by role and label, by keyboard where there is one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import select

from console.db import db
from notes import capture_views
from notes.beside.models import NoteAttachment
from tests.browser.conftest import Shop

Open = Callable[..., Page]


def find(page: Page, words: str) -> None:
    box = page.get_by_role("combobox", name="Who is on the line?").first
    box.click()
    with page.expect_response(lambda answer: "typeahead" in answer.url and words.split()[-1] in answer.url):
        box.press_sequentially(words, delay=15)
    expect(page.get_by_role("option").first).to_be_visible()


def test_an_agent_finds_helps_gives_and_writes_it_down(open_as: Open) -> None:
    page = open_as("agent")
    find(page, "isla merser")  # with a typo
    expect(page.get_by_role("option", name="Isla Mercer")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Isla Mercer", level=1)).to_be_visible()
    expect(page.get_by_label("Who is on the line", exact=True)).to_contain_text("Open complaint")

    page.keyboard.press("t")  # start a call
    expect(page.get_by_label("Talk going on")).to_be_visible()
    page.get_by_label("What is said").fill("The lamp has a scratch but I would rather keep it than send it back")
    page.keyboard.press("Alt+Enter")
    expect(page.get_by_label("What helps now")).to_contain_text("keep", use_inner_text=True, ignore_case=True)
    expect(page.locator("#passages mark").first).to_be_visible()

    page.get_by_role("button", name="Offer").first.click()
    expect(page.get_by_role("button", name="Yes").first).to_be_visible()
    page.get_by_role("button", name="Yes").first.click()
    expect(page.get_by_label("Timeline")).to_contain_text("given")

    page.get_by_label("Note about Isla Mercer").fill("Keeps the lamp, glad about the gesture.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Timeline")).to_contain_text("Keeps the lamp")

    page.keyboard.press("Escape")  # leaves the note, so that w is a key again
    page.keyboard.press("w")
    page.get_by_label("Reason").fill("Scratched lamp")
    page.get_by_label("Wrap-up code").select_option("damaged")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status").first).to_contain_text("Wrapped up the talk with Isla Mercer")


def test_sales_staff_record_a_note_on_a_phone(open_as: Open) -> None:
    page = open_as("sales", "/notes/new", width=390)
    page.get_by_role("combobox").or_(page.get_by_role("searchbox")).last.fill("rosalind")
    page.get_by_role("link", name="Rosalind").first.click()
    page.get_by_label("Note").first.fill("Loves the new Quince candle, her niece visits on Friday.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved to Rosalind")
    page = open_as("agent")
    find(page, "rosalind")
    page.get_by_role("option").first.click()
    expect(page.get_by_label("Timeline")).to_contain_text("Loves the new Quince candle")


def test_a_draft_survives_a_page_that_dies(open_as: Open) -> None:
    page = open_as("agent", "/customers/2")
    note = page.get_by_role("textbox", name="Note about")
    note.fill("Half a thought that must not be lost")
    page.reload(wait_until="networkidle")
    expect(page.get_by_role("textbox", name="Note about")).to_have_value("Half a thought that must not be lost")


def test_a_supervisor_stops_a_policy_and_the_agents_screen_knows_at_once(open_as: Open) -> None:
    agent = open_as("agent", "/customers/1")
    agent.keyboard.press("t")  # start a call
    expect(agent.get_by_label("Talk going on")).to_be_visible()
    offer = agent.get_by_role("button", name="Offer").first
    expect(offer).to_be_visible()  # the page is there before the change
    supervisor = open_as("supervisor", "/policies")
    supervisor.get_by_role("link", name="What agents may give").click()
    supervisor.get_by_role("button", name="More about this policy").click()
    supervisor.get_by_role("button", name="Stop it at once").click()
    supervisor.get_by_label("Why").fill("Trying it out")
    supervisor.get_by_role("button", name="Stop it", exact=True).click()
    expect(supervisor.get_by_role("main")).to_contain_text("Stopped: What agents may give")
    told = "“What agents may give” is stopped, so nothing can be given just now"  # by itself, without a press
    expect(agent.get_by_role("region", name="Plus one")).to_contain_text(told)
    expect(offer).not_to_be_visible()
    supervisor.get_by_role("button", name="Let it go on").click()
    expect(supervisor.get_by_role("main")).not_to_contain_text("Stopped:")
    expect(offer).to_be_visible()


def test_a_policy_is_written_by_keyboard_tried_and_published_by_somebody_else(open_as: Open) -> None:
    page = open_as("supervisor", "/policies")
    keys = page.keyboard
    keys.press("n")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    keys.type("Add-ons by keyboard")
    page.get_by_role("checkbox", name="Sales staff").press("Space")
    page.get_by_role("checkbox", name="Add-on", exact=True).press("Space")
    page.get_by_role("group", name="Limit 1").get_by_label("Up to").press_sequentially("15")
    page.get_by_role("group", name="Limit 2").get_by_label("Up to").press_sequentially("60")
    page.get_by_role("button", name="Add a condition").first.press("Enter")
    expect(page.get_by_label("What condition 1 asks about")).to_be_focused()
    keys.type("loyalty", delay=450)  # slower than anything else here waits
    page.get_by_role("checkbox", name="gold", exact=True).press("Space")
    expect(page.get_by_role("status", name="What it says")).to_contain_text(
        "Sales staff may offer add-ons up to £15 each and £60 a day to gold customers."
    )
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="Add-ons by keyboard")).to_be_visible()
    address = page.url
    keys.press("t")
    expect(page.get_by_role("main")).to_contain_text("A typical day costs", timeout=60_000)
    page.goto(address)
    keys.press("r")
    expect(page.get_by_role("main")).to_contain_text("In review")
    other = open_as("administrator", address[address.index("/policies") :])
    other.keyboard.press("p")
    other.get_by_role("dialog").get_by_role("button", name="Publish").press("Enter")
    expect(other.get_by_role("main")).to_contain_text("In force")


def test_a_misspelt_last_word_is_mended_once_it_is_entered_or_pasted(open_as: Open) -> None:
    page = open_as("agent", "/knowledge")
    box = page.get_by_role("combobox", name="Ask the knowledge base")
    with page.expect_response(lambda answer: "q=guarentee" in answer.url and "/titles" not in answer.url) as typed:
        box.press_sequentially("guarentee", delay=15)
    assert "whole" not in typed.value.url
    with page.expect_response(lambda answer: "whole=1" in answer.url):
        page.keyboard.press("Enter")
    expect(page.locator("#results")).to_contain_text("uarantee", timeout=20_000)
    with page.expect_response(lambda answer: "q=guarantee" in answer.url and "/titles" not in answer.url) as more:
        box.fill("guarantee")
    assert "whole" not in more.value.url
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for path in ("/knowledge", "/customers/3"):
        page.goto(page.url.partition("/knowledge")[0] + path, wait_until="networkidle")
        page.evaluate("navigator.clipboard.writeText('guarentee')")
        page.get_by_label("Ask the knowledge base", exact=True).focus()
        with page.expect_response(lambda answer: "q=guarentee" in answer.url and "/titles" not in answer.url) as pasted:
            page.keyboard.press("Control+v")
        assert "whole=1" in pasted.value.url


def test_the_menu_of_a_card_is_whole_again_after_a_report(open_as: Open) -> None:
    page = open_as("agent", "/knowledge?q=damaged+lamp")
    card = page.locator("#results").get_by_role("article").first
    card.get_by_role("button", name="More about").click()
    report = card.get_by_text("Something is wrong with it")
    report.click()
    expect(card.get_by_role("button", name="Tell")).to_be_visible()
    expect(card.get_by_role("button", name="Keep at hand")).to_be_hidden()
    report.click()
    expect(card.get_by_role("button", name="Keep at hand")).to_be_visible()
    report.click()
    card.get_by_label("What should it say").fill("The fuse is 5 A.")
    card.get_by_role("button", name="Tell").click()
    expect(card.get_by_text("Thank you")).to_be_visible()
    for item in ("Helpful", "Does not fit this question", "Keep at hand"):
        expect(card.get_by_role("button", name=item, exact=True)).to_be_visible()
    expect(card.get_by_role("link", name="Suggest a better wording")).to_be_visible()


def test_the_number_beside_a_slider_and_its_ready_made_values_follow_it(open_as: Open) -> None:
    page = open_as("supervisor", "/knowledge/threshold")
    slider = page.get_by_label("Try another value")
    usual = page.get_by_label("Ready-made values").locator("[aria-current]")
    expect(usual).to_have_count(1)
    value = int(slider.input_value())
    expect(page.locator("output")).to_have_text(f"{value} %")
    slider.press("ArrowRight")
    expect(page.locator("output")).to_have_text(f"{value + 1} %")
    expect(usual).to_have_count(0)
    slider.press("ArrowLeft")
    expect(usual).to_have_count(1)


def test_everything_is_reached_by_keyboard(open_as: Open) -> None:
    page = open_as("agent", "/customers/1")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("gift cards")
    expect(page.get_by_role("dialog").get_by_role("option").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")


def test_the_keyboard_is_where_one_left_it(open_as: Open) -> None:
    page = open_as("agent", "/customers/3")
    page.keyboard.press("b")
    expect(page.get_by_label("No gifts")).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show the whole phone").first.press("Enter")
    expect(page.locator("dd:focus")).to_contain_text("+44")
    page.get_by_role("link", name="Talks").press("Enter")
    expect(page.get_by_role("link", name="Talks")).to_be_focused()


def test_the_hits_of_other_words_cannot_be_chosen(open_as: Open) -> None:
    page = open_as("agent")
    find(page, "gareth")
    page.route("**/typeahead*", lambda route: None)  # the answer to what follows never comes
    page.keyboard.press("Control+a")
    page.keyboard.type("isla merser")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text("Isla Mercer")
    expect(page.get_by_role("main")).not_to_contain_text("Gareth")


def test_an_administrator_adds_a_user_with_one_role(open_as: Open) -> None:
    page = open_as("administrator")
    page.keyboard.press("Control+k")
    page.keyboard.type("users and")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Add a user").press("Enter")
    page.get_by_label("Name", exact=True).fill("Kit Keys")
    page.get_by_label("E-mail", exact=True).fill("kit@shop.example")
    page.get_by_label("Sales").press("Space")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Kit Keys may sign in")


def test_a_note_written_without_a_connection_is_there_once_when_it_is_back(open_as: Open, shop: Shop) -> None:
    page = open_as("sales", "/notes/new", width=390)
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.goto(page.url)
    page.get_by_label("About whom?").fill("nell")
    page.keyboard.press("Enter")
    page.keyboard.type("Pays with 4111 1111 1111 1111.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("This looks like a card number")).to_be_visible()
    assert "4111 1111 1111 1111" not in page.evaluate("JSON.stringify(localStorage)")
    page.get_by_role("textbox", name="Note", exact=True).fill("Asked for the oak handles in brass.")
    page.get_by_text("Promise, follow-up, files").click()
    page.get_by_label("Files").set_input_files(
        {"name": "handle.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n"}
    )
    page.get_by_role("button", name="Save").click()
    page.reload()
    waiting = page.get_by_role("region", name="Waiting on this device")
    expect(waiting).to_contain_text("Nell Abara")
    expect(waiting).to_contain_text("1 file")
    page.context.set_offline(False)
    expect(waiting).to_be_hidden()
    page.get_by_role("link", name="Nell Abara").click()  # of the page that came back
    expect(page.get_by_role("listitem").filter(has_text="oak handles in brass")).to_have_count(1)
    with shop.app.app_context():
        assert db.session.scalars(select(NoteAttachment.name)).all().count("handle.png") == 1


# The newest worker, once it has come to something: which it is, what is kept, and who answers for the page.
SETTLED = """async () => {
  const place = await navigator.serviceWorker.ready;
  await place.update();
  const fresh = place.installing ?? place.waiting ?? place.active;
  while (!["activated", "redundant"].includes(fresh.state)) await new Promise((go) => fresh.addEventListener("statechange", go, { once: true }));
  return [fresh.state, (await caches.keys()).join(), navigator.serviceWorker.controller?.state];
}"""  # noqa: E501


def test_a_new_version_takes_over_on_a_device_whole_or_not_at_all(
    open_as: Open, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = shop.app.view_functions
    page_of_now = pages["capture.offline"]

    def deploy(version: str, page: Callable[[], object]) -> None:
        monkeypatch.setattr(capture_views, "version", lambda static_url: version)
        monkeypatch.setitem(pages, "capture.offline", page)

    def settled() -> list[str]:
        return list(page.wait_for_function(SETTLED).json_value())

    def offline_page_says(words: str) -> None:
        page.context.set_offline(True)
        page.goto(address)
        expect(page.get_by_role("heading", name=words, exact=True)).to_be_visible()
        page.context.set_offline(False)
        page.get_by_role("combobox", name="Customer").wait_for()  # the empty page becomes the real one by itself

    deploy("one", page_of_now)
    page = open_as("sales", "/notes/new", width=390)
    address = page.url
    assert settled() == ["activated", "capture-one", "activated"]
    deploy("two", lambda: ("", 502))  # a part of it cannot be fetched: the version that works stays
    page.reload()
    assert settled()[0] == "redundant"
    offline_page_says("New note")
    deploy("two", lambda: str(page_of_now()).replace(">New note<", ">New note in two<"))
    page.reload()
    assert settled() == ["activated", "capture-two", "activated"]
    offline_page_says("New note in two")


def test_a_busy_ledger_is_asked_again_under_the_same_key_before_anybody_is_told(open_as: Open) -> None:
    page, sent = open_as("agent", "/customers/1"), list[str | None]()

    def busy(route: Route) -> None:
        if route.request.method != "POST":
            return route.fallback()
        sent.append(route.request.post_data)
        told = "<div data-error><b>Just a moment</b><p>The ledger is busy.</p></div>"
        return route.fulfill(status=503, headers={"Retry-After": "0.01"}, body=told)

    page.route("**/customers/1/gestures", busy)
    page.get_by_role("button", name="Offer").first.click()
    expect(page.get_by_label("Messages")).to_contain_text("The ledger is busy")
    assert (len(sent), len(set(sent))) == (4, 1)


def test_small_talk_finds_nothing_and_a_question_does(open_as: Open) -> None:
    page = open_as("agent", "/knowledge")
    box = page.get_by_label("Ask the knowledge base")
    for said in ("tell me a joke", "ok great", "how do I cook risotto", "what's the weather in Paris"):
        box.fill(said)
        expect(page.get_by_role("main")).to_contain_text("Nothing fits well enough")
        box.fill("my lamp flickers")
        expect(page.get_by_role("main")).not_to_contain_text("Nothing fits well enough")
