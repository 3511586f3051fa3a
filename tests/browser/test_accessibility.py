"""axe finds nothing on any screen, light on a desk and dark on a phone; and nothing is wider than its window."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

Open = Callable[..., Page]
SCREENS = [
    ("agent", "/"),
    ("supervisor", "/"),
    ("administrator", "/"),
    ("agent", "/customers"),
    ("agent", "/customers/1"),
    ("agent", "/customers/1/timeline"),
    ("agent", "/customers/1/orders"),
    ("agent", "/customers/1/edit"),
    ("agent", "/customers/new"),
    ("agent", "/customers/search?q=ann"),
    ("agent", "/customers/search?q=zzzzzzzz"),
    ("agent", "/knowledge"),
    ("agent", "/knowledge?q=damaged+lamp+keep"),
    ("agent", "/knowledge/articles/delivery-charges-and-times"),
    ("agent", "/notes"),
    ("sales", "/notes/new"),
    ("sales", "/notes/new?customer_id=1"),
    ("agent", "/notes/mail"),
    ("sales", "/mentions"),
    ("supervisor", "/promises?whose=all"),
    ("agent", "/promises/1"),
    ("agent", "/gestures"),
    ("supervisor", "/gestures"),
    ("agent", "/gestures/ledger"),
    ("agent", "/fulfilments"),
    ("supervisor", "/gestures/effects"),
    ("supervisor", "/gestures/reviews"),
    ("supervisor", "/gestures/settings"),
    ("supervisor", "/gestures/1"),
    ("supervisor", "/approvals"),
    ("supervisor", "/simulations/1"),
    ("agent", "/policies/mine"),
    ("supervisor", "/policies"),
    ("supervisor", "/policies/1"),
    ("supervisor", "/policies/7"),
    ("supervisor", "/policies/new"),
    ("supervisor", "/policies/explain?agent=1&customer=5"),
    ("supervisor", "/policies/suspensions"),
    ("agent", "/segments"),
    ("agent", "/segments/1"),
    ("supervisor", "/segments/1/editor"),
    ("delivery", "/packing"),
    ("delivery", "/packing/done"),
    ("administrator", "/users"),
    ("administrator", "/audit"),
    ("administrator", "/api-tokens/new"),
    ("agent", "/api/docs"),
    ("agent", "/no/such/page"),
]


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["desk", "phone"])
@pytest.mark.parametrize(("role", "path"), SCREENS)
def test_a_screen_has_no_violation(open_as: Open, role: str, path: str, width: int, dark: bool) -> None:
    page = open_as(role, path, width=width, dark=dark, axe=True)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


def test_the_sign_in_page_has_no_violation(browser: Browser, server: str) -> None:
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(f"{server}/login")
    result = Axe().run(page)
    context.close()
    assert result.violations_count == 0, result.generate_report()
