"""What knowledge owners find on their home: to check again, expired, and nobody's."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from tests.factories_knowledge import make_article, today

SignIn = Callable[..., Any]


def test_owners_see_at_home_what_to_check_again(session: Session, sign_in: SignIn) -> None:
    owner, other = sign_in("supervisor"), sign_in("agent")
    make_article(session, "Late one", owner_id=owner.user.id, verify_by=today() - timedelta(days=5))
    make_article(session, "Soon one", owner_id=owner.user.id, verify_by=today() + timedelta(days=14))
    make_article(session, "Far one", owner_id=owner.user.id, verify_by=today() + timedelta(days=15))
    make_article(session, "Ending", owner_id=owner.user.id, expires_on=today() + timedelta(days=2))
    session.commit()
    page = owner.get("/").text
    assert "To check again" in page
    assert [title in page for title in ("Late one", "Soon one", "Ending", "Far one")] == [True, True, True, False]
    link = re.search(r'href="([^"]+)">All articles that are due', page)
    assert link is not None
    listed = owner.get(html.unescape(link[1])).text
    assert [title in listed for title in ("Late one", "Soon one", "Ending", "Far one")] == [True, True, True, False]
    assert "To check again" not in other.get("/").text


def test_what_expires_first_and_what_is_nobodys_stand_with_their_own_day_at_home(
    session: Session, sign_in: SignIn
) -> None:
    owner, day_after = sign_in("supervisor"), today() + timedelta(days=1)
    far = {"owner_id": owner.user.id, "verify_by": today() + timedelta(days=90)}
    make_article(session, "Still to come", owner_id=owner.user.id, verify_by=day_after)
    make_article(session, "Gone today", **far, expires_on=today())
    make_article(session, "Unowned", verify_by=today() - timedelta(days=9))
    session.commit()
    rows = re.findall(r'<li class="pref">.*?</li>', owner.get("/").text, re.S)
    told = [re.sub(r"<[^>]+>", " ", row) for row in rows]
    for words, row in zip(
        ("Gone today  expired ", "Still to come  check by ", "Unowned  was to be checked"), told, strict=True
    ):
        assert words in row
    assert "nobody's" in told[2] or "nobody&#39;s" in told[2]
    assert "Unowned" not in sign_in("agent").get("/").text


def test_who_may_edit_is_led_from_what_has_expired_to_its_day(session: Session, sign_in: SignIn) -> None:
    slug = make_article(session, "Sale", expires_on=today()).slug
    session.commit()
    link = f"/knowledge/articles/{slug}/editor#expires_on"
    assert link in sign_in("supervisor").get(f"/knowledge/articles/{slug}").text
    assert link not in sign_in("agent").get(f"/knowledge/articles/{slug}").text
