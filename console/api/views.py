"""Tokens on screen, for administrators; and the page that explains the API to people."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from console.api import tokens
from console.api.document import document
from console.api.forms import TokenForm
from console.api.models import ApiToken
from console.api.refusing import KINDS
from console.api.scopes import Scope
from console.auth.models import User
from console.auth.permissions import Permission, public, requires
from console.db import db, utc_now
from console.errors import DomainError
from console.web import id_argument

bp = Blueprint("api_pages", __name__)

MOST_USERS = 500


@bp.get("/api-tokens")
@requires(Permission.MANAGE_API)
def index() -> ResponseReturnValue:
    rows = db.session.scalars(tokens.tokens(id_argument("before"))).all()
    page = rows[: tokens.PAGE]
    more_url = url_for(".index", before=page[-1].id) if len(rows) > tokens.PAGE else ""
    return render_template("api/index.html", tokens=page, more_url=more_url, now=utc_now())


@bp.get("/api-tokens/new")
@requires(Permission.MANAGE_API)
def new() -> ResponseReturnValue:
    return show_new(TokenForm(formdata=None))


@bp.post("/api-tokens")
@requires(Permission.MANAGE_API)
def create() -> ResponseReturnValue:
    form = TokenForm()
    people = users()
    form.offer_users(people)
    if not form.validate_on_submit():
        return show_new(form, 422)
    now = utc_now()
    user = next(one for one in people if one.id == form.user_id.data)
    scopes = [Scope(one) for one in form.scopes.data]
    try:
        token, secret = tokens.create_token(
            form.name.data, user, scopes, expires_at=form.expires_at(now), actor_id=current_user.id, now=now
        )
    except DomainError as refusal:
        db.session.rollback()
        form.scopes.errors = [str(refusal)]
        return show_new(form, 422)
    db.session.commit()
    return make_response(render_template("api/token.html", token=token, secret=secret, user=user), 201)


def show_new(form: TokenForm, status: int = 200) -> Response:
    form.offer_users(users())
    return make_response(render_template("api/new.html", form=form), status)


def users() -> list[User]:
    """Those whom a token may act for, with their roles."""
    query = select(User).where(User.active.is_(True)).options(selectinload(User.roles))
    return list(db.session.scalars(query.order_by(User.name, User.id).limit(MOST_USERS)))


@bp.post("/api-tokens/<int:token_id>/revocation")
@requires(Permission.MANAGE_API)
def revocation(token_id: int) -> ResponseReturnValue:
    token = db.get_or_404(ApiToken, token_id)
    tokens.revoke_token(token, actor_id=current_user.id, now=utc_now())
    db.session.commit()
    flash(f"{token.name} is revoked: it is refused from now on.", "good")
    return redirect(url_for(".index"), code=303)


@bp.get("/api/docs")
@public  # as openapi.json, whose words it shows
def docs() -> ResponseReturnValue:
    told = document()
    groups = [(tag, operations_of(tag["name"])) for tag in told["tags"]]
    return render_template(
        "api/docs.html", about=told["info"], groups=groups, kinds=KINDS, scopes=list(Scope), schemas=schemas(told)
    )


def operations_of(tag: str) -> list[dict[str, Any]]:
    """One group's operations, each with its address and an example that can be run."""
    told = document()
    prefix = told["servers"][0]["url"]
    found = []
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            if tag in one["tags"]:
                address = prefix + path
                found.append({**one, "method": method.upper(), "address": address, "curl": curl(method, address, one)})
    return found


def curl(method: str, address: str, one: dict[str, Any]) -> str:
    """A command that does it, with made-up numbers in the address."""
    for parameter in one["parameters"]:
        if parameter["in"] == "path":
            address = address.replace("{" + parameter["name"] + "}", "1")
    asked = {"look_up_customers": "?phone=%2B447700900123", "list_interactions": "?state=live"}
    lines = [f'curl -s "$PLUSONE{address}{asked.get(one["operationId"], "")}" -H "Authorization: Bearer $TOKEN"']
    if method == "post":
        lines.append('-H "Idempotency-Key: one-of-yours"')
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    if body:
        lines.append("--json '" + json.dumps(body, ensure_ascii=False).replace("'", "’") + "'")
    elif method == "post":
        lines.append("-X POST")
    return " \\\n  ".join(lines)


def schemas(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Every kind of object, with its fields as a table has them."""
    found = []
    for name, schema in told["components"]["schemas"].items():
        if "properties" not in schema:
            continue
        required = schema.get("required", [])
        rows = [
            {"name": key, "type": type_of(value), "required": key in required, "about": value.get("description", "")}
            for key, value in schema["properties"].items()
        ]
        found.append({"name": name, "about": schema.get("description", ""), "rows": rows})
    return found


def type_of(schema: dict[str, Any]) -> str:
    """integer, [string], TurnResult, or null …"""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"[{type_of(schema.get('items', {}))}]"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("format") or schema.get("type", "anything"))
