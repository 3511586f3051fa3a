"""One way for every request of /api/v1: who asks, how often, for what; read, act, commit, answer.

    @operation("POST", "/interactions/<int:interaction_id>/end", Scope.INTERACTIONS_WRITE, {200: InteractionTold})
    def end_interaction(caller: Caller, interaction_id: int) -> Answer: ...

The view's docstring and its models are the document that openapi.json serves, so that neither can be out of date.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial, wraps
from time import time
from typing import Any, NoReturn

from flask import Blueprint, Response, abort, current_app, g, request
from flask_limiter.util import get_remote_address
from limits import parse
from pydantic import BaseModel

from console.api import kept
from console.api.refusing import Refusal, refuse_by
from console.api.scopes import Scope
from console.api.tokens import token_of, why_refused
from console.auth.models import User
from console.auth.permissions import Permission, allowed
from console.db import db, utc_now
from console.web import csrf, limiter

bp = Blueprint("api", __name__, url_prefix="/api/v1")
csrf.exempt(bp)  # a token is sent on purpose; a cookie is never looked at here
refuse_by(bp)

SMALL, LARGE = 64 * 1024, 2 * 1024 * 1024  # bytes of a body


@dataclass(frozen=True)
class Caller:
    """Who asks: a token, and the user it acts for. `key` is the request's Idempotency-Key."""

    token_id: int
    user: User
    now: datetime
    key: str | None = None

    @property
    def id(self) -> int:
        return self.user.id


@dataclass(frozen=True)
class Answer:
    body: BaseModel
    status: int = 200
    location: str = ""


View = Callable[..., Answer]


@dataclass(frozen=True)
class Operation:
    """One method at one address, and everything that its document says."""

    method: str
    rule: str
    view: View
    scope: Scope
    permission: Permission
    answers: Mapping[int, type[BaseModel]]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    problems: tuple[int, ...] = ()  # besides those that every operation may answer
    largest: int = SMALL
    commits_itself: bool = False  # so that no claim may be held meanwhile: the ledger, and what only reads
    needs_key: bool = False
    keeps_answer: bool = True  # not what holds a secret: a retry gets another
    example: Mapping[str, Any] = field(default_factory=dict)  # of a body

    @property
    def name(self) -> str:
        return self.view.__name__

    @property
    def is_repeatable(self) -> bool:
        return self.method == "POST"


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    rule: str,
    scope: Scope,
    answers: Mapping[int, type[BaseModel]],
    *,
    permission: Permission | None = None,
    **more: Any,
) -> Callable[[View], View]:
    """Serve a view at an address, to tokens with `scope` whose user's role has its permission."""

    def register(view: View) -> View:
        one = Operation(method, rule, view, scope, permission or scope.permission, answers, **more)
        OPERATIONS.append(one)

        @wraps(view)
        def handler(**path: int) -> Response:
            return handled(one, path)

        handler.permission, handler.scope = one.permission, scope  # type: ignore[attr-defined]
        bp.add_url_rule(rule, view.__name__, handler, methods=[method])
        return view

    return register


def handled(one: Operation, path: Mapping[str, int]) -> Response:
    caller = let_in(one)
    asked: dict[str, BaseModel] = {}
    if one.query:
        asked["query"] = query_sent(one.query)
    # By hand: Flask-Security may have looked for a token in the body before, and then it is read already. What names no
    # length is cut off at the most there is, so that as much as that is too much.
    if len(request.get_data(cache=True)) >= one.largest:
        abort(413)
    if one.body:
        asked["body"] = body_sent(one.body)
    act = partial(one.view, caller, **path, **asked)
    if caller.key is None or not one.keeps_answer:
        answer = act()
        db.session.commit()
        return told(answer.body.model_dump(mode="json"), answer.status, answer.location)
    return (once_after if one.commits_itself else once)(caller.token_id, caller.key, act, caller.now)


def once(token_id: int, key: str, act: Callable[[], Answer], now: datetime) -> Response:
    """Claim the key, act and keep the answer, all in one transaction."""
    claimed = kept.claim(token_id, key, now)
    if claimed is None:
        return again(token_id, key)
    answer = act()
    body = answer.body.model_dump(mode="json")
    kept.fill(claimed, answer.status, body, answer.location)
    db.session.commit()
    return told(body, answer.status, answer.location)


def once_after(token_id: int, key: str, act: Callable[[], Answer], now: datetime) -> Response:
    """The same for what is harmless to do twice: the answer is kept after it."""
    if kept.answered_before(token_id, key):
        return again(token_id, key)
    answer = act()
    body = answer.body.model_dump(mode="json")
    kept.claim(token_id, key, now, answer.status, body=body, location=answer.location)
    db.session.commit()
    return told(body, answer.status, answer.location)


def again(token_id: int, key: str) -> Response:
    """The same answer once more."""
    found = kept.answered_before(token_id, key)
    db.session.rollback()
    if found is None:  # swept between our look and this one
        raise Refusal(409, "busy", "The same request is being answered. Try again.", headers={"Retry-After": "1"})
    response = told(found.body, found.status, found.location)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def told(body: dict[str, Any], status: int, location: str) -> Response:
    text = current_app.json.dumps(body, sort_keys=False, ensure_ascii=False)
    response = Response(text, status, mimetype="application/json")
    if location:
        response.headers["Location"] = location
    return response


def let_in(one: Operation) -> Caller:
    """The caller, when the token is valid, not too fast, and may do this. Raises Refusal with 401, 429 or 403."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    token = token_of(secret.strip()) if scheme.lower() == "bearer" and secret else None
    now = utc_now()
    count_request(f"token:{token.id}" if token else f"address:{get_remote_address()}")
    if token is None:
        refuse_token("Send a token as “Authorization: Bearer plusone_…”. This one is not known.")
    if why := why_refused(token, now):
        refuse_token(why)
    if one.scope not in token.scopes:
        detail = f"This token was not made for {one.scope.value}. Use one that was."
        raise Refusal(403, "scope", detail, scope=one.scope.value)
    if not allowed(token.user, one.permission):
        raise Refusal(403, "", f"The role of {token.user.name}, whom this token acts for, does not allow this.")
    key = kept.key_sent() if one.is_repeatable else None
    if one.needs_key and key is None:
        raise Refusal.of_field(kept.HEADER, "This must never happen twice by accident: send a key, such as a UUID.")
    kept.note_use(token, now)
    return Caller(token.id, token.user, now, key)


def refuse_token(detail: str) -> NoReturn:
    raise Refusal(401, "", detail, headers={"WWW-Authenticate": 'Bearer realm="Plus One"'})


def count_request(who: str) -> None:
    """Raises Refusal once somebody is faster than the setting allows, in this process."""
    if not limiter.enabled:
        return
    limit = parse(f"{current_app.config['API_REQUESTS']}/minute")
    is_within = limiter.limiter.hit(limit, "api", who)
    reset, left = limiter.limiter.get_window_stats(limit, "api", who)
    seconds = str(max(int(reset - time()) + 1, 1))
    g.speed = {"RateLimit-Limit": str(limit.amount), "RateLimit-Remaining": str(left), "RateLimit-Reset": seconds}
    if not is_within:
        wait = {"Retry-After": seconds}
        raise Refusal(429, "", f"At most {limit.amount:,} requests a minute. Nothing was done.", headers=wait)


@bp.after_request
def tell_speed(response: Response) -> Response:
    response.headers.update(g.get("speed", {}))
    return response


def query_sent(model: type[BaseModel]) -> BaseModel:
    sent: dict[str, str] = {}
    for name, texts in request.args.lists():
        if len(texts) > 1:
            raise Refusal.of_field(name, "Give this once.")
        sent[name] = texts[0]
    return model.model_validate(sent)


def body_sent(model: type[BaseModel]) -> BaseModel:
    """The body by its model. Raises Refusal or ValidationError."""
    if request.mimetype != "application/json":
        raise Refusal(415, "", "Send the body as JSON, with Content-Type: application/json.")
    data = request.get_data(cache=True)
    refuse_repeated_names(data)
    return model.model_validate_json(data)


def refuse_repeated_names(data: bytes) -> None:
    """Readers of JSON differ about which of two values counts, so neither does."""
    try:
        json.loads(data.decode("utf-8"), object_pairs_hook=distinct)
    except UnicodeDecodeError:
        raise Refusal(400, "malformed", "The body is not UTF-8.") from None
    except RecursionError:
        raise Refusal(400, "malformed", "The body is nested too deeply.") from None
    except json.JSONDecodeError as fault:
        raise Refusal(400, "malformed", f"The body is not JSON: {fault}.") from None
    except ValueError:
        raise Refusal(400, "malformed", "The body is not JSON that can be read: a number is too long.") from None


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise Refusal(400, "malformed", f"The body names “{printable(twice[:80])}” twice.")
    return found


def printable(text: str) -> str:
    """Half a surrogate pair, which JSON can name, can be sent to nobody."""
    return text.encode("utf-8", "replace").decode()


PLACEHOLDER = re.compile(r"<(?:\w+:)?(\w+)>")


def template_of(rule: str) -> str:
    """/interactions/{interaction_id} for Flask's /interactions/<int:interaction_id>."""
    return PLACEHOLDER.sub(r"{\1}", rule)
