"""Answers in a talk going on come while the customer speaks, and none goes from under the pointer or the focus."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Open = Callable[..., Page]

SAY = """async ([talk, text]) => {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const body = new URLSearchParams({ speaker: "customer", text });
  const headers = { "X-CSRFToken": token };
  const answer = await fetch(`/interactions/${talk}/utterances`, { method: "POST", headers, body });
  return answer.ok;
}"""


def test_fresh_answers_come_by_themselves_and_a_focused_card_stays(open_as: Open) -> None:
    page = open_as("agent", "/customers/3")
    page.get_by_role("button", name="Chat", exact=True).click()
    expect(page.get_by_label("Talk going on")).to_be_visible()
    talk = page.locator("#live").get_attribute("data-interaction")
    elsewhere = open_as("agent", "/knowledge")  # another window of the same agent's

    def say(text: str) -> None:
        assert elsewhere.evaluate(SAY, [talk, text])

    cards = page.get_by_label("Answers that fit").get_by_role("article")
    say("The glass shade of my lamp arrived broken, it is cracked.")
    expect(page.get_by_role("log")).to_contain_text("cracked")
    expect(cards.first).to_be_visible(timeout=20_000)  # the model may still be loading
    expect(page.get_by_label("Answers that fit")).not_to_contain_text("Search by meaning is starting", timeout=20_000)

    title = cards.first.get_by_role("heading").inner_text().split("\n")[0]
    card = cards.filter(has_text=title)

    def choose(item: str, told: str) -> None:
        expect(card.get_by_text(item)).to_be_attached()  # an open menu keeps its card as it is
        card.get_by_role("button", name="More about").click()
        card.get_by_role("button", name=item).click()
        expect(page.get_by_text(told, exact=True)).to_be_visible()

    choose("Pin to this talk", "Pinned to this talk")
    choose("Unpin from this talk", "As before")
    expect(card.get_by_text("Pin to this talk", exact=True)).to_be_attached()
    choose("It is about something else", "Taken away")
    expect(card).to_have_count(0)
    page.get_by_text("1 answer taken away").click()
    page.get_by_role("button", name=f"Bring back “{title}”").click()
    expect(card).to_have_count(1)

    card.get_by_role("button", name="Copy the answer").focus()
    say("Something quite different: do you take part in the cycle to work scheme?")
    say("And how do I change the e-mail address of my account? I forgot my password.")
    expect(page.get_by_role("log")).to_contain_text("password")
    expect(page.locator("[data-help-last]")).not_to_have_attribute("data-help-last", "0")
    expect(card.get_by_role("button", name="Copy the answer")).to_be_focused()
    expect(cards.filter(has_text=title)).to_have_count(1)

    say("I want to cancel my account and never come back.")
    expect(page.get_by_role("list", name="Heard in this talk")).to_contain_text("Wants to leave", timeout=20_000)

    page.get_by_label("Ask the knowledge base").fill("gift card")
    expect(page.locator("[data-help-last]")).to_have_count(0)  # the agent's own search has the place
    page.get_by_label("Ask the knowledge base").fill("")
    expect(page.locator("[data-help-last]")).to_have_count(1)
