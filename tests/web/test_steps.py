"""An article's steps as a checklist that is kept with the talk; and its answer put into the reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.feed import FeedEntry
from console.interactions.live_models import StepDone
from console.interactions.models import Interaction, InteractionState
from knowledge.models import Article, ArticleLink
from tests.conftest import HTMX
from tests.factories import make_customer, make_interaction
from tests.factories_knowledge import make_article

SignIn = Callable[..., Any]  # a FlaskClient with its user
BODY = "The lamp flickers when the dimmer is old.\n\n1. Turn it off\n2. Change the dimmer <b>now</b>\n3. Turn it on"


def talk_with_steps(session: Session, client: Any, **given: object) -> tuple[Interaction, Article, str]:
    article = make_article(session, title="A lamp flickers", body=BODY, **given)
    talk = make_interaction(session, make_customer(session), client.user)
    session.commit()
    return talk, article, f"/interactions/{talk.id}/steps"


def press(client: Any, url: str, article: Article, number: int, **given: int) -> str:
    sent = {"article": article.id, "revision": 1, "number": number, "done": 1} | given
    page: str = client.post(url, data=sent, headers=HTMX).text
    return page


def test_a_step_is_ticked_unticked_and_seen_by_whoever_goes_on(sign_in: SignIn, session: Session) -> None:
    client, colleague = sign_in("agent"), sign_in("agent")
    talk, article, url = talk_with_steps(session, client)
    assert 'id="checklists"' in client.get(url, headers=HTMX).text
    assert "Turn it off" not in client.get(url).text
    assert "0 of 3" in client.get(f"{url}?article={article.id}").text
    press(client, url, article, 2)
    page = press(client, url, article, 2)
    assert "1 of 3" in page
    assert page.count('aria-checked="true"') == 1
    seen = colleague.get(url)
    assert "Change the dimmer" in seen.text
    assert client.user.name in seen.text
    assert int(seen.headers["X-Sql-Statements"]) <= 10
    assert colleague.post(url, data={"article": article.id, "number": 1}).status_code == 404
    assert "data-key=" not in colleague.get(url, headers=HTMX).text
    assert [row.kind for row in session.scalars(select(FeedEntry))] == ["steps"]
    assert 'aria-checked="true"' not in press(client, url, article, 2, done=0)
    assert session.scalars(select(StepDone)).all() == []
    talk.state = InteractionState.CLOSED
    session.commit()
    assert "wrapped up meanwhile" in press(client, url, article, 1)


def test_a_changed_article_says_so_and_what_was_done_keeps_its_words(sign_in: SignIn, session: Session) -> None:
    client = sign_in("agent")
    _, article, url = talk_with_steps(session, client)
    press(client, url, article, 1)
    press(client, url, article, 3)
    article.body, article.revision = "1. Pull the plug\n2. Change the dimmer", 2
    session.commit()
    page = press(client, url, article, 2)
    assert "Nothing was ticked" in page
    assert "The article was changed since" in page
    assert "Turn it off" in page
    assert "Now: Pull the plug" in page
    assert "Now: no longer among the steps" in page
    assert "3 of 3" in press(client, url, article, 2, revision=2)


def test_an_answer_that_may_be_told_is_inserted_and_linked_without_taking_the_cursor(
    sign_in: SignIn, session: Session
) -> None:
    client = sign_in("agent")
    talk, article, _ = talk_with_steps(session, client, audience="customer")
    make_article(session, title="Flickers, for us", body="The lamp flickers: never mention the recall of the dimmer.")
    session.commit()
    panel = client.get(f"/knowledge/panel?q=lamp+flickers+dimmer&interaction_id={talk.id}", headers=HTMX).text
    assert panel.count('data-insert="#say-text"') == 1
    assert "The lamp flickers when the dimmer is old." in panel
    assert "For agents only" in panel
    assert panel.count("to-steps") == 1
    sent = {"interaction_id": talk.id, "used": 1, "keyed": 1, "position": 1, "inserted": 1}
    answer = client.post(f"/knowledge/articles/{article.slug}/links", data=sent, headers=HTMX)
    assert 'aria-pressed="true"' in answer.text
    assert "autofocus" not in answer.text
    assert session.scalars(select(ArticleLink.interaction_id)).all() == [talk.id]
