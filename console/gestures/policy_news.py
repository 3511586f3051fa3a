"""What changed in somebody's policies while they talk with a customer, in plain words, until they have read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flask import session
from sqlalchemy import select

from console.db import db
from console.empowerment.comparing import Change, differences, headline
from console.empowerment.models import PolicyVersion
from console.empowerment.offerings import names
from console.empowerment.policies import live_policies
from console.empowerment.policy import Kind, Policy
from console.empowerment.sentences import Names, plain, sentence, what_words
from console.gestures.authority import Authority
from console.web import clock

READ = "policy_news_read"  # in the session: until when, of each of the latest conversations
KEPT = 8


def policy_news(mine: Authority, interaction_id: int, began: datetime) -> list[str]:
    """A sentence for each change, the latest policy's first: none, and one statement, when nothing changed."""
    since = max(began, read_until(interaction_id) or began)
    before = {one.id: one for one in live_policies(since) if mine.is_about_them(one)}
    after = {one.id: one for one in mine.mine}
    changed = [
        (was, now)
        for was, now in ((before.get(each), after.get(each)) for each in sorted({*before, *after}, reverse=True))
        if (was and was.version_id) != (now and now.version_id)
    ]
    if not changed:
        return []
    called, at = names(), moments([one for pair in changed for one in pair if one])
    return [line for was, now in changed for line in told(was, now, called, at)]


def moments(policies: list[Policy]) -> dict[int, tuple[datetime | None, datetime | None]]:
    """From when and until when each version is in force, by its id."""
    row = PolicyVersion
    ids = [one.version_id for one in policies]
    found = db.session.execute(select(row.id, row.effective_from, row.effective_to).where(row.id.in_(ids)))
    return {id_: (begins, ends) for id_, begins, ends in found}


def told(
    was: Policy | None, now: Policy | None, called: Names, at: dict[int, tuple[datetime | None, datetime | None]]
) -> Iterator[str]:
    if now is None:
        if was is not None:
            ended = at[was.version_id][1]
            over = f"{since(ended)}, “{was.name}” is not in force" if ended else f"“{was.name}” is no longer for you"
            yield f"{over}. It said: {plain(sentence(was.kind, was.body, called))}"
        return
    begins = since(at[now.version_id][0])
    if was is None:
        yield f"{begins}, “{now.name}” is in force: {plain(sentence(now.kind, now.body, called))}"
        return
    for change in differences(now.kind, was.body, now.body, called):
        yield f"{begins}, {in_words(change, now, called)}."


def since(moment: datetime | None) -> str:
    return f"Since {clock(moment)}" if moment else "From now on"


def in_words(change: Change, policy: Policy, called: Names) -> str:
    """you may give add-ons up to £20 each (before: £15 each)"""
    if change.label == "Limit" and policy.kind is Kind.GRANT and change.after:
        before = f"before: {change.before}" if change.before else "a new limit"
        return f"you may give {what_words(policy.body.gestures, called)} up to {change.after} ({before})"
    return f"“{policy.name}” has other terms. {headline(change)}"


def read_until(interaction_id: int) -> datetime | None:
    read = session.get(READ)
    text = read.get(str(interaction_id)) if isinstance(read, dict) else None
    return datetime.fromisoformat(text) if isinstance(text, str) else None


def have_read(interaction_id: int, until: datetime) -> None:
    """What is known of by `until` (aware) is not told again in this conversation."""
    read = session.get(READ)
    kept = list(read.items())[-KEPT + 1 :] if isinstance(read, dict) else []
    session[READ] = {key: value for key, value in kept if key != str(interaction_id)} | {
        str(interaction_id): until.isoformat()
    }
