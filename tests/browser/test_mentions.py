"""Naming a colleague in a note, by the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

Open = Callable[..., Page]


def test_a_colleague_is_chosen_by_keys_and_told_on_their_open_page(open_as: Open) -> None:
    dana = open_as("sales", "/")
    maya = open_as("agent", "/customers/9")
    maya.keyboard.press("n")
    box = maya.get_by_label("Note about")
    expect(box).to_be_focused()
    maya.keyboard.type("She sews, ask @da")
    names = maya.get_by_role("listbox", name="Colleagues")
    expect(names.get_by_role("option", selected=True)).to_have_text("DWDana Whitcombe")
    assert box.get_attribute("aria-activedescendant") == names.get_by_role("option").first.get_attribute("id")
    maya.keyboard.press("Escape")
    expect(names).to_be_hidden()
    expect(box).to_be_focused()
    maya.keyboard.type("n")
    expect(names.get_by_role("option")).to_have_count(2)
    maya.keyboard.press("ArrowDown")
    maya.keyboard.press("ArrowUp")
    maya.keyboard.press("Enter")
    maya.keyboard.type("about velvet")
    expect(box).to_have_value("She sews, ask @Dana Whitcombe about velvet")
    maya.keyboard.press("Control+Enter")
    expect(maya.get_by_text("Dana Whitcombe is told.")).to_be_visible()
    expect(dana.get_by_role("region", name="Mentions")).to_contain_text("She sews, ask @Dana Whitcombe about velvet")
