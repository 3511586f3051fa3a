"""Every route against every role: it names its permission, and keeps to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from console.api.scopes import Scope
from console.app import DOMAINS
from console.auth.permissions import ROLES, Permission
from tests.conftest import HTMX
from tests.factories import make_user
from tests.factories_api import ApiClient, make_token

SignIn = Callable[..., FlaskClient]

# Not ours to decorate. What they do to somebody signed out is tried below and in test_security.py.
FOREIGN = {
    "static",
    "security.static",
    "security.login",
    "security.logout",
    "security.change_password",
}
# Open to whoever has the address; what they give away is said beside each.
PUBLIC = {
    "api.openapi", "api_pages.docs", "embed.frame",  # nothing of the shop
    "capture.offline", "capture.worker",  # nothing at all: what a phone shows while it has no connection
    "embed.help_for", "embed.use",  # to who sends a token
    "interactions.survey",  # a customer's own talk, by a sealed link
    "calendar.read",  # somebody's promises, by a secret address
}  # fmt: skip
# The one asks for a token in a header, which no other site's form can send; the other's signed address is its token.
NO_COOKIE = {"embed.use", "interactions.survey"}
NOBODY = 987_654_321  # no row has this id, so that a walk changes nothing


def own_rules(app: Flask) -> list[Rule]:
    """Those that people use; tokens have their own, below."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in FOREIGN and not scope_of(app, rule)]


def token_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if scope_of(app, rule)]


def scope_of(app: Flask, rule: Rule) -> Scope | None:
    return getattr(app.view_functions[rule.endpoint], "scope", None)


def permission_of(app: Flask, rule: Rule) -> Permission | None:
    """None for a route that says aloud that it is public."""
    view: Any = app.view_functions[rule.endpoint]
    permission: Permission | None = view.permission
    return permission


def requests_of(app: Flask, rules: list[Rule]) -> Iterator[tuple[Rule, str, str]]:
    """Each rule with each of its methods and an address that fits it."""
    adapter = app.url_map.bind("localhost")
    for rule in rules:
        values = {name: value_for(rule, name) for name in rule.arguments}
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            yield rule, method, adapter.build(rule.endpoint, values, method=method)


def value_for(rule: Rule, name: str) -> object:
    converter = rule._converters[name]
    if items := getattr(converter, "items", None):
        return sorted(items)[0]
    return NOBODY if "Row" in type(converter).__name__ or "Integer" in type(converter).__name__ else "agent"


def test_every_route_names_its_permission(app: Flask) -> None:
    views = app.view_functions
    nameless = [rule.endpoint for rule in own_rules(app) if not hasattr(views[rule.endpoint], "permission")]
    assert nameless == [], "decorate them with @requires(Permission.…) or @public from console.auth.permissions"


def test_a_route_that_names_none_would_be_noticed(app_with: Callable[..., Flask]) -> None:
    app = app_with()
    app.add_url_rule("/back-door", "back_door", lambda: "open")
    with pytest.raises(AssertionError, match="back_door"):
        test_every_route_names_its_permission(app)


def test_the_public_routes_are_the_ones_that_are_listed(app: Flask) -> None:
    assert {rule.endpoint for rule in own_rules(app) if permission_of(app, rule) is None} == PUBLIC


def test_the_foreign_routes_are_the_ones_that_are_listed(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= FOREIGN
    ours = {module.bp.name for module in DOMAINS}
    assert {endpoint.partition(".")[0] for endpoint in app.view_functions} - ours <= {"static", "security"}


def test_somebody_signed_out_is_led_to_the_sign_in_page(app: Flask, client: FlaskClient) -> None:
    walked = 0
    for rule, method, address in requests_of(app, own_rules(app)):
        response = client.open(address, method=method, buffered=True)
        if permission_of(app, rule) is None:
            assert response.status_code not in (401, 403), f"{method} {address}"
            continue
        assert (response.status_code, response.location[:6]) == (302, "/login"), f"{method} {address}"
        assert client.open(address, method=method, headers=HTMX).status_code == 401, f"{method} {address} with htmx"
        walked += 1
    assert walked > 40


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_gets_through_where_it_may_and_nowhere_else(app: Flask, sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    shut, wrong = 0, []
    for rule, method, address in requests_of(app, own_rules(app)):
        response = client.open(address, method=method, buffered=True)
        permission = permission_of(app, rule)
        if permission is None or permission in ROLES[role]:
            led_away = (response.location or "").startswith("/login")
            right = response.status_code < 500 and response.status_code not in (401, 403) and not led_away
        else:
            right = response.status_code == 403 and "Your role does not allow it" in response.text
            shut += 1
        if not right:
            wrong.append(f"{method} {address} answered {response.status_code} ({permission})")
    assert wrong == []
    assert shut > 0


def test_a_user_without_a_role_may_nothing(app: Flask, sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    user.roles = []
    client = sign_in(user)
    for rule, method, address in requests_of(app, own_rules(app)):
        if permission_of(app, rule) is not None:
            assert client.open(address, method=method, buffered=True).status_code == 403, f"{method} {address}"


def test_nothing_changes_without_the_pages_token(app_with: Callable[..., Flask], session: Session) -> None:
    app = app_with(WTF_CSRF_ENABLED=True)
    user = make_user(session, "supervisor")
    user.roles.extend(make_user(session, role).roles[0] for role in ("agent", "administrator"))
    session.commit()
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"], cookie["_fresh"] = user.fs_uniquifier, True
    walked = 0
    for rule, method, address in requests_of(app, [r for r in app.url_map.iter_rules() if not scope_of(app, r)]):
        if method == "GET" or rule.endpoint in NO_COOKIE:
            continue
        for headers in ({}, HTMX, {"X-CSRFToken": "made up"}):
            response = client.open(address, method=method, headers=headers, buffered=True)
            assert response.status_code == 400, f"{rule.endpoint} {headers} answered {response.status_code}"
            assert "This page is out of date" in response.text
        walked += 1
    assert walked > 20


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_token_gets_through_where_scope_and_role_both_allow_it(app: Flask, session: Session, role: str) -> None:
    user = make_user(session, role)
    only = {scope: ApiClient(app, make_token(session, user, [scope])[1], user) for scope in Scope}
    others = {one: ApiClient(app, make_token(session, user, set(Scope) - {one})[1], user) for one in Scope}
    session.commit()
    walked, wrong = 0, []
    for rule, method, address in requests_of(app, token_rules(app)):
        path, needed = address.removeprefix("/api/v1"), scope_of(app, rule) or Scope.EVENTS_READ
        nobody = app.test_client().open(address, method=method)
        if (nobody.status_code, nobody.content_type) != (401, "application/problem+json"):
            wrong.append(f"{method} {address} answered {nobody.status_code} to nobody")
        for api, has_scope in ((only[needed], True), (others[needed], False)):
            response = api.send(method, path, headers={"Idempotency-Key": "k"})
            may = has_scope and permission_of(app, rule) in ROLES[role]
            if may == (response.status_code == 403) or response.status_code in (401, 500):
                wrong.append(f"{method} {address} answered {response.status_code}, scope {has_scope}")
        walked += 1
    assert wrong == []
    assert walked > 20
