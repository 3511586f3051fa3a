"""Users and teams: who may sign in, and how an administrator changes it; the same from the command line."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from console.auth import cli
from console.auth.administration import deactivate, ensure_roles, generated_password
from console.auth.models import Role, Team, User
from console.auth.permissions import ROLES
from console.db import db
from console.errors import DomainError
from console.events import Event
from tests.factories import add, make_team, make_user

SignIn = Callable[..., FlaskClient]
PASSWORD = "a long enough one"


def fresh(session: Session, user: User) -> User:
    session.rollback()
    session.expire_all()
    return session.get_one(User, user.id)


def kinds(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Event.kind).order_by(Event.id)))


def may_sign_in(app: Flask, email: str, password: str) -> bool:
    client = app.test_client()
    client.post("/login", data={"email": email, "password": password})
    return client.get("/change").status_code == 200


def new_user(**given: object) -> dict[str, object]:
    return {"name": "Ruth Ames", "email": "ruth@shop.example", "roles": ["agent"], "team_id": "0"} | given


def test_a_new_user_gets_a_made_up_password_shown_once(app: Flask, sign_in: SignIn, session: Session) -> None:
    team = make_team(session, "Studio")
    client = sign_in("administrator")
    response = client.post(
        "/users", data=new_user(email=" Ruth@Shop.Example ", roles=["agent", "sales"], team_id=team.id)
    )
    assert response.status_code == 201
    password = re.search(r'<code id="password">([a-z2-9-]{19})</code>', response.text)
    assert password is not None
    user = session.scalars(select(User).where(User.email == "ruth@shop.example")).unique().one()
    assert (user.role_names, user.team_id) == (frozenset({"agent", "sales"}), team.id)
    assert user.password is not None
    assert user.password.startswith("$argon2")
    assert may_sign_in(app, "ruth@shop.example", password[1])
    assert password[1] not in client.get("/users").text
    events = session.scalars(select(Event).order_by(Event.id)).all()
    assert [event.kind for event in events] == ["user.added", "user.signed_in"]
    assert password[1] not in str([event.data for event in events])


def test_a_password_may_be_chosen_for_somebody(app: Flask, sign_in: SignIn) -> None:
    response = sign_in("administrator").post("/users", data=new_user(password=PASSWORD))
    assert response.status_code == 303
    assert may_sign_in(app, "ruth@shop.example", PASSWORD)
    assert not may_sign_in(app, "ruth@shop.example", "something else")


REFUSED_USERS: list[tuple[dict[str, object], str]] = [
    ({"name": "  "}, "Enter the name."),
    ({"name": "x" * 121}, "at most 120 characters"),
    ({"email": ""}, "Enter the e-mail address."),
    ({"email": "ruth"}, "This is not an e-mail address."),
    ({"email": "ruth@shop..example"}, "This is not an e-mail address."),
    ({"email": "TAKEN@shop.example"}, "is here already"),
    ({"roles": []}, "Choose at least one role."),
    ({"roles": ["emperor"]}, "Choose among the roles in the list."),
    ({"team_id": "77"}, "Choose one of the teams in the list."),
    ({"team_id": "x"}, "Choose one of the teams in the list."),
    ({"password": "short"}, "at least 10 characters"),
]


def test_a_user_that_cannot_be_added_is_told_and_the_form_kept(
    sign_in: SignIn, session: Session, subtests: pytest.Subtests
) -> None:
    make_user(session, email="taken@shop.example")
    client = sign_in("administrator")
    before = len(session.scalars(select(User.id)).all())
    for sent, sentence in REFUSED_USERS:
        with subtests.test(sent=sent):
            response = client.post("/users", data=new_user(**sent))
            assert response.status_code == 422
            assert sentence in response.text
            assert str(sent.get("name", "Ruth Ames")).strip() in response.text
            assert len(session.scalars(select(User.id)).all()) == before
            assert kinds(session) == []


def test_roles_and_team_are_changed(sign_in: SignIn, session: Session) -> None:
    user, team = make_user(session, name="Maya Kerr"), make_team(session, "Studio")
    ensure = sign_in("administrator")
    sent = {"name": "Maya Kerr-Osei", "roles": ["supervisor"], "team_id": team.id}
    assert ensure.post(f"/users/{user.id}", data=sent).status_code == 303
    after = fresh(session, user)
    assert (after.name, after.role_names, after.team_id) == ("Maya Kerr-Osei", frozenset({"supervisor"}), team.id)
    (event,) = session.scalars(select(Event))
    assert (event.kind, event.data["were"], event.data["roles"]) == ("user.changed", ["agent"], ["supervisor"])


def test_an_administrator_keeps_the_role_and_the_last_one_stays(sign_in: SignIn, session: Session) -> None:
    client = sign_in("administrator")
    me = client.user  # type: ignore[attr-defined]
    response = client.post(f"/users/{me.id}", data={"name": me.name, "roles": ["agent"], "team_id": "0"})
    assert response.status_code == 422
    assert "cannot take the administrator" in response.text
    assert client.post(f"/users/{me.id}/deactivation").status_code == 422
    assert fresh(session, me).active
    assert fresh(session, me).role_names == {"administrator"}
    assert kinds(session) == []


@pytest.mark.parametrize("others", [0, 1])
def test_the_last_active_administrator_cannot_be_deactivated_from_elsewhere(
    app: Flask, session: Session, others: int
) -> None:
    last = make_user(session, "administrator")
    make_user(session, "administrator", active=False)
    for _ in range(others):
        make_user(session, "administrator")
    session.commit()
    with app.app_context():
        user = db.session.get_one(User, last.id)
        if others:
            deactivate(user, actor_id=None)
        else:
            with pytest.raises(DomainError, match="last active administrator"):
                deactivate(user, actor_id=None)
        db.session.rollback()


def test_a_deactivated_user_is_signed_out_everywhere_at_once(app: Flask, sign_in: SignIn, session: Session) -> None:
    user = make_user(session, email="maya@shop.example")
    theirs, administrator = sign_in(user), sign_in("administrator")
    administrator.post(f"/users/{user.id}/password", data={"password": PASSWORD})
    assert theirs.get("/change").status_code == 302  # the new password signed them out
    theirs.post("/login", data={"email": "maya@shop.example", "password": PASSWORD, "remember": "y"})
    assert theirs.get("/change").status_code == 200
    assert administrator.post(f"/users/{user.id}/deactivation").status_code == 303
    assert theirs.get("/change").status_code == 302  # neither the session nor "remember me" helps
    assert not may_sign_in(app, "maya@shop.example", PASSWORD)
    administrator.post(f"/users/{user.id}/reactivation")
    assert theirs.get("/change").status_code == 302
    assert may_sign_in(app, "maya@shop.example", PASSWORD)
    assert kinds(session) == [
        "user.password_reset", "user.signed_in", "user.deactivated", "user.reactivated", "user.signed_in",
    ]  # fmt: skip


def test_a_made_up_password_replaces_the_forgotten_one(app: Flask, sign_in: SignIn, session: Session) -> None:
    user = make_user(session, email="maya@shop.example")
    response = sign_in("administrator").post(f"/users/{user.id}/password", data={"password": ""})
    password = re.search(r'<code id="password">(.*?)</code>', response.text)
    assert password is not None
    assert may_sign_in(app, "maya@shop.example", password[1])


def test_a_password_that_is_too_short_is_refused(sign_in: SignIn, session: Session) -> None:
    user = make_user(session)
    response = sign_in("administrator").post(f"/users/{user.id}/password", data={"password": "short"})
    assert response.status_code == 422
    assert "at least 10 characters" in response.text
    assert fresh(session, user).password is None


def test_teams_are_added_and_renamed_and_each_name_is_one_teams(sign_in: SignIn, session: Session) -> None:
    client = sign_in("administrator")
    assert client.post("/users/teams", data={"name": "  Night   shift "}).status_code == 303
    team = session.scalars(select(Team).where(Team.name == "Night shift")).one()
    assert client.post(f"/users/teams/{team.id}", data={"name": "Late shift"}).status_code == 303
    for address, name, sentence in (
        ("/users/teams", "Late shift", "There is a team called Late shift already."),
        (f"/users/teams/{team.id}", "Front line", "There is a team called Front line already."),
        ("/users/teams", " ", "Enter the team"),
    ):
        response = client.post(address, data={"name": name})
        assert response.status_code == 422
        assert sentence in response.text
    assert kinds(session) == ["team.added", "team.renamed"]


def test_the_list_pages_by_name_and_costs_the_same(sign_in: SignIn, session: Session) -> None:
    client = sign_in(make_user(session, "administrator", name="Aaron"))
    short = client.get("/users?shown=all").headers["X-Sql-Statements"]
    for number in range(119):
        make_user(session, name=f"Person {number // 2:03}", active=number % 3 != 0)
    session.commit()
    first = client.get("/users?shown=all")
    assert first.headers["X-Sql-Statements"] == short
    seen, address = [], "/users?shown=all"
    while address:
        page = client.get(address).text
        seen += re.findall(r'href="/users/(\d+)"', page)
        more = re.search(r'href="(/users\?[^"]*after_id[^"]*)" rel="next"', page)
        address = more[1].replace("&amp;", "&") if more else ""
    assert len(seen) == len(set(seen)) == 120
    assert "deactivated" not in client.get("/users").text.partition("<tbody>")[2]
    assert "deactivated" in client.get("/users?shown=inactive").text.partition("<tbody>")[2]


def test_the_first_administrator_comes_from_the_command_line(app: Flask, session: Session) -> None:
    run = app.test_cli_runner().invoke
    (group,) = cli.commands
    added = run(
        group, ["add", "Ruth@shop.example", "--name", "Ruth Ames", "--role", "administrator", "--team", "Office"]
    )
    assert added.exit_code == 0, added.output
    password = added.output.rpartition("Password: ")[2].strip()
    assert may_sign_in(app, "ruth@shop.example", password)
    user = session.scalars(select(User)).unique().one()
    assert user.team is not None
    assert (user.team.name, user.role_names) == ("Office", frozenset({"administrator"}))
    again = run(group, ["add", "ruth@shop.example", "--name", "Ruth", "--role", "agent"])
    assert again.exit_code == 1
    assert "is here already" in again.output
    asked = run(group, ["password", "RUTH@shop.example", "--ask"], input=f"{PASSWORD}\n{PASSWORD}\n")
    assert asked.exit_code == 0, asked.output
    assert PASSWORD not in asked.output
    assert may_sign_in(app, "ruth@shop.example", PASSWORD)
    assert run(group, ["password", "nobody@shop.example"]).exit_code == 1
    assert run(group, ["add", "x@shop.example", "--name", "X", "--role", "emperor"]).exit_code == 2


def test_the_roles_are_made_once(app: Flask, session: Session) -> None:
    add(session, Role(name="agent"))
    session.commit()
    with app.app_context():
        for _ in range(2):
            assert set(ensure_roles()) == set(ROLES)
            db.session.commit()
    assert len(session.scalars(select(Role.id)).all()) == len(ROLES)


def test_made_up_passwords_differ_and_are_legible() -> None:
    made = {generated_password() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", password) for password in made)
