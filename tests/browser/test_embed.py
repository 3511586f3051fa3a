"""The help pane in a real frame of another site: both sides check whom they talk to, and the token leaves no trace."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from console.api.scopes import Scope
from console.api.tokens import create_token, revoke_token
from console.auth.embedding import embed_token
from console.auth.models import User
from console.db import db, utc_now
from tests.browser.conftest import DESK, Shop

PAGE = """<!doctype html><title>Desk</title><textarea id="reply" aria-label="Reply"></textarea>
<iframe id="frame" width="400" height="700" title="Help" src="{address}/embed#token={token}"></iframe>
<script>
  window.got = [];
  addEventListener("message", (event) => {{
    if (event.origin !== "{address}" || event.source !== frame.contentWindow) return;
    got.push(event.data.type);
    window.told = event.data;
    if (event.data.type === "plusone:insert") reply.value += event.data.text;
    if (event.data.type === "plusone:height") frame.height = event.data.height;
  }});
</script>"""
ASKED = {"type": "plusone:context", "text": "How long is a gift card valid?"}


def test_a_frame_answers_its_own_desk_and_no_other(shop: Shop, browser: Browser) -> None:
    with shop.app.app_context():
        maya = db.session.scalars(select(User).where(User.email == shop.sign_ins[0][1])).one()
        row, _ = create_token("Desk", maya, [Scope.KNOWLEDGE_SEARCH], expires_at=None, actor_id=None, now=utc_now())
        other, _ = create_token(
            "Soon over", maya, [Scope.KNOWLEDGE_SEARCH], expires_at=None, actor_id=None, now=utc_now()
        )
        db.session.commit()
        token, over = embed_token(maya.id, DESK, row.id), embed_token(maya.id, DESK, other.id)
        revoke_token(other, actor_id=None, now=utc_now())
        db.session.commit()
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + str(request.headers.get("referer"))))
    desk = PAGE.format(address=shop.address, token=token)
    page.route("http://*.example/**", lambda route: route.fulfill(body=desk, content_type="text/html"))
    page.goto(f"{DESK}/")
    page.wait_for_function("got.includes('plusone:ready') && got.includes('plusone:height')")
    page.wait_for_function("frame.clientHeight < 300")  # no higher than what it shows
    frame = page.frame_locator("#frame")
    page.evaluate("message => frame.contentWindow.postMessage(message, '*')", ASKED)
    frame.get_by_role("button", name="Insert").first.click()
    expect(page.get_by_label("Reply")).to_have_value("Valid 5 years from purchase.")
    # The pointer still rests on the answers; that holds them still only while the desk asks nothing else.
    page.evaluate("message => frame.contentWindow.postMessage(message, '*')", ASKED | {"text": "Where is my refund?"})
    expect(frame.get_by_role("heading", name="Fits “Where is my refund?”")).to_be_visible()
    assert page.frames[1].url == f"{shop.address}/embed"
    assert not [one for one in asked if token in one]

    unasked = page.frames[1].evaluate("document.getElementById('answers').textContent")
    page.evaluate("() => document.body.append(Object.assign(document.createElement('iframe'), { name: 'other' }))")
    sent = "message => parent.frame.contentWindow.postMessage({ ...message, text: 'lamp flickers' }, '*')"
    page.frame(name="other").evaluate(sent, ASKED)  # type: ignore[union-attr]
    page.wait_for_timeout(600)
    assert page.frames[1].evaluate("document.getElementById('answers').textContent") == unasked

    much = ASKED | {"text": "ランプが傷ついて届きました。" * 200}  # nine bytes each in an address
    with page.expect_request(lambda request: len(request.url) > 3_000) as long:
        page.evaluate("message => frame.contentWindow.postMessage(message, '*')", much)
    assert len(long.value.url) < 8_000  # gunicorn takes no more of an address
    again = "token => { frame.src = frame.src.split('#')[0] + '#token=' + token }"
    page.evaluate(again, over)
    page.wait_for_function("told.type === 'plusone:expired'")
    page.evaluate(again, token)
    page.wait_for_function("told.type !== 'plusone:expired'")
    expect(frame.get_by_role("alert")).to_be_hidden()

    framed_elsewhere(page)
    context.close()


def framed_elsewhere(page: Page) -> None:
    page.goto("http://elsewhere.example/")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("got") == []
    assert page.frames[1].url.startswith("chrome-error://")
