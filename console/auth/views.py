"""Users and teams on screen, for administrators."""

from __future__ import annotations

from dataclasses import fields

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

import console.auth.recording  # noqa: F401 - writes sign-ins into the record
from console.auth import queries
from console.auth.administration import (
    Private,
    add_team,
    add_user,
    change_user,
    deactivate,
    generated_password,
    reactivate,
    rename_team,
    reset_password,
)
from console.auth.forms import NewUserForm, PasswordForm, TeamForm, UserForm, trimmed
from console.auth.models import Team, User
from console.auth.permissions import Permission, requires
from console.db import db
from console.errors import DomainError

bp = Blueprint("auth", __name__, url_prefix="/users")


@bp.get("")
@requires(Permission.MANAGE_USERS)
def index() -> ResponseReturnValue:
    shown = request.args.get("shown", "active")
    active = {"active": True, "inactive": False}.get(shown)
    rows = list(db.session.scalars(queries.users(active=active, after=place())))
    page = rows[: queries.PAGE]
    more_url = ""
    if len(rows) > queries.PAGE:
        more_url = url_for(".index", shown=shown, after_name=page[-1].name, after_id=page[-1].id)
    return render_template("auth/index.html", users=page, shown=shown, more_url=more_url)


def place() -> tuple[str, int] | None:
    """Where the page before ended, from the address."""
    number = request.args.get("after_id", type=int)
    return (trimmed(request.args.get("after_name")), number) if number and 0 < number < 2**63 else None


@bp.get("/new")
@requires(Permission.MANAGE_USERS)
def new() -> ResponseReturnValue:
    return show_new(NewUserForm(formdata=None))


@bp.post("")
@requires(Permission.MANAGE_USERS)
def create() -> ResponseReturnValue:
    form = NewUserForm()
    form.offer_teams(all_teams())
    if not form.validate_on_submit():
        return show_new(form, 422)
    password = form.password.data or generated_password()
    try:
        user = add_user(
            form.email.data,
            form.name.data,
            form.roles.data,
            chosen_team(form),
            password,
            actor_id=current_user.id,
            private=form.private,
        )
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        field = form.password if "password" in str(refusal) else form.email
        field.errors = [str(refusal)]
        return show_new(form, 422)
    return show_password(user, None if form.password.data else password, 201)


def show_new(form: NewUserForm, status: int = 200) -> Response:
    form.offer_teams(all_teams())
    return make_response(render_template("auth/new.html", form=form), status)


def show_password(user: User, password: str | None, status: int) -> ResponseReturnValue:
    """Say who may sign in. A password that was made up is in this one answer and nowhere else."""
    if password is None:
        flash(f"{user.name} may sign in with the password you chose.", "good")
        return redirect(url_for(".index"), code=303)
    return make_response(render_template("auth/password.html", user=user, password=password), status)


@bp.get("/<int:user_id>")
@requires(Permission.MANAGE_USERS)
def edit(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    return show_edit(user, form_of(user))


@bp.post("/<int:user_id>")
@requires(Permission.MANAGE_USERS)
def update(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    form = form_of(user)
    if not form.validate_on_submit():
        return show_edit(user, form, 422)
    try:
        change_user(
            user, form.name.data, form.roles.data, chosen_team(form), actor_id=current_user.id, private=form.private
        )
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        form.roles.errors = [str(refusal)]
        return show_edit(fresh(user_id), form, 422)
    flash(f"{user.name} is changed.", "good")
    return redirect(url_for(".index"), code=303)


def form_of(user: User) -> UserForm:
    private = {field.name: getattr(user, field.name) for field in fields(Private)}
    form = UserForm(name=user.name, roles=sorted(user.role_names), team_id=user.team_id or 0, **private)
    form.offer_teams(all_teams())
    return form


def show_edit(user: User, form: UserForm, status: int = 200) -> Response:
    passwords = PasswordForm(formdata=None)
    return make_response(render_template("auth/edit.html", user=user, form=form, passwords=passwords), status)


@bp.post("/<int:user_id>/deactivation")
@requires(Permission.MANAGE_USERS)
def deactivation(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    try:
        deactivate(user, actor_id=current_user.id)
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        flash(str(refusal), "bad")
        return show_edit(fresh(user_id), form_of(fresh(user_id)), 422)
    flash(f"{user.name} is signed out everywhere and may not sign in again.", "good")
    return redirect(url_for(".index"), code=303)


@bp.post("/<int:user_id>/reactivation")
@requires(Permission.MANAGE_USERS)
def reactivation(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    reactivate(user, actor_id=current_user.id)
    db.session.commit()
    flash(f"{user.name} may sign in again.", "good")
    return redirect(url_for(".edit", user_id=user.id), code=303)


@bp.post("/<int:user_id>/password")
@requires(Permission.MANAGE_USERS)
def password(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    form = PasswordForm()
    if user.id == current_user.id:
        return redirect(url_for("security.change_password"), code=303)
    word = form.password.data or generated_password()
    try:
        if not form.validate_on_submit():
            raise DomainError(" ".join(form.password.errors) or "Send the password again.")
        reset_password(user, word, actor_id=current_user.id)
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        flash(str(refusal), "bad")
        return show_edit(fresh(user_id), form_of(fresh(user_id)), 422)
    return show_password(user, None if form.password.data else word, 200)


@bp.get("/teams")
@requires(Permission.MANAGE_USERS)
def teams() -> ResponseReturnValue:
    return show_teams(TeamForm(formdata=None))


@bp.post("/teams")
@requires(Permission.MANAGE_USERS)
def create_team() -> ResponseReturnValue:
    form = TeamForm()
    return saved_team(None, form)


@bp.post("/teams/<int:team_id>")
@requires(Permission.MANAGE_USERS)
def update_team(team_id: int) -> ResponseReturnValue:
    return saved_team(db.get_or_404(Team, team_id), TeamForm())


def saved_team(team: Team | None, form: TeamForm) -> ResponseReturnValue:
    team_id = team.id if team else None
    if not form.validate_on_submit():
        return show_teams(form, 422, team_id)
    try:
        if team:
            rename_team(team, form.name.data, actor_id=current_user.id)
        else:
            add_team(form.name.data, actor_id=current_user.id)
        db.session.commit()
    except DomainError as refusal:
        db.session.rollback()
        form.name.errors = [str(refusal)]
        return show_teams(form, 422, team_id)
    flash(f"{form.name.data} is saved.", "good")
    return redirect(url_for(".teams"), code=303)


def show_teams(form: TeamForm, status: int = 200, editing: int | None = None) -> Response:
    sizes = {row[0]: row[1] for row in db.session.execute(queries.team_sizes())}
    context = {"teams": all_teams(), "sizes": sizes, "form": form, "editing": editing}
    return make_response(render_template("auth/teams.html", **context), status)


def all_teams() -> list[Team]:
    return list(db.session.scalars(queries.teams()))


def chosen_team(form: UserForm) -> Team | None:
    return db.session.get(Team, form.team_id.data) if form.team_id.data else None


def fresh(user_id: int) -> User:
    """The user as the database has it, after a rollback."""
    db.session.expire_all()
    return db.session.get(User, user_id) or abort(404)
