"""The app factory: everything that is switched on, is switched on here."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask_security.core import Security
from flask_security.datastore import SQLAlchemyUserDatastore
from sqlalchemy.engine import make_url
from werkzeug.middleware.proxy_fix import ProxyFix

import knowledge.editing_views
import knowledge.feedback_views
import knowledge.gap_views
import knowledge.ingestion_views
import knowledge.report_views
import knowledge.threshold_views
import knowledge.upkeep_views
import knowledge.views
import notes.beside.template_views
import notes.beside.views
import notes.capture_views
import notes.cards.packing_views
import notes.cards.views
import notes.findings.example_views
import notes.findings.views
import notes.mail.views
import notes.promises.away_views
import notes.promises.calendar_views
import notes.promises.views
import notes.searching.views
import notes.views
from console import cli
from console.api import endpoints as api
from console.api import views as api_pages
from console.assist import embed_views as embed
from console.assist import listening
from console.assist import signal_views as signals
from console.assist import snippet_views as snippets
from console.assist import views as assist
from console.audit import views as audit
from console.auth import views as auth
from console.auth.forms import SignInForm
from console.auth.models import Role, User
from console.auth.permissions import may
from console.auth.throttling import throttle
from console.config import AT_ONCE, ROOT, Settings
from console.customers import product_views as products
from console.customers import profile_views as profile
from console.customers import views as customers
from console.db import db
from console.empowerment import segment_views as segments
from console.empowerment import simulation_views as simulations
from console.empowerment import views as empowerment
from console.errors import register_error_pages
from console.gestures import advice_views as advice
from console.gestures import approval_views as approvals
from console.gestures import explaining_views as explaining
from console.gestures import views as gestures
from console.interactions import stream
from console.interactions import views as interactions
from console.web import few_at_once, register_web

SECURITY = {
    "SECURITY_PASSWORD_HASH": "argon2",
    # argon2 salts each password itself; mixing in the secret key would lock everybody out when it is changed.
    "SECURITY_PASSWORD_SINGLE_HASH": {"argon2"},
    "SECURITY_FRESHNESS": timedelta(-1),  # no second asking for the password
    "SECURITY_PASSWORD_LENGTH_MIN": 10,
    "SECURITY_CHANGEABLE": True,
    "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
    "SECURITY_SEND_REGISTER_EMAIL": False,
    "SECURITY_POST_LOGIN_VIEW": "/",
    "SECURITY_POST_LOGOUT_VIEW": "/login",
    "SECURITY_POST_CHANGE_VIEW": "/",
    # Signing out is a form with a token; a link or an image on another page cannot do it.
    "SECURITY_LOGOUT_METHODS": ["POST"],
    # The same words for an unknown address and a wrong password.
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    "SECURITY_MSG_GENERIC_AUTHN_FAILED": ("That e-mail and password do not belong together.", "error"),
    "SECURITY_FLASH_MESSAGES": False,
    # Ours is `flask user`, which also knows teams and names.
    "SECURITY_CLI_USERS_NAME": None,
    "SECURITY_CLI_ROLES_NAME": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "REMEMBER_COOKIE_HTTPONLY": True,
    "REMEMBER_COOKIE_SAMESITE": "Lax",
    "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
    "SEND_FILE_MAX_AGE_DEFAULT": 31_536_000,
    "MAX_CONTENT_LENGTH": 2 * 1024 * 1024,
    "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
}

DOMAINS = (
    auth,
    assist,
    customers,
    profile,
    products,
    interactions,
    signals,
    snippets,
    embed,
    stream,
    gestures,
    approvals,
    advice,
    empowerment,
    segments,
    simulations,
    explaining,
    knowledge.views,
    knowledge.gap_views,
    knowledge.report_views,
    knowledge.threshold_views,
    knowledge.editing_views,
    knowledge.feedback_views,
    knowledge.upkeep_views,
    knowledge.ingestion_views,
    notes.views,
    notes.findings.views,
    notes.findings.example_views,
    notes.searching.views,
    notes.promises.views,
    notes.promises.away_views,
    notes.promises.calendar_views,
    notes.beside.views,
    notes.mail.views,
    notes.capture_views,
    notes.beside.template_views,
    notes.cards.views,
    notes.cards.packing_views,
    audit,
    api,
    api_pages,
)


def create_app(settings: Settings | None = None, **overrides: object) -> Flask:
    """Build the console. `overrides` are Flask settings that a test or a bench wants otherwise."""
    settings = settings or Settings.from_environment()
    static = ROOT / "static"
    app = Flask(
        "console",
        root_path=str(ROOT),
        template_folder="templates",
        static_folder="static",
        # The address holds the newest file's time, so that modules which import each other can be kept for a year.
        static_url_path=f"/static/{max(int(file.stat().st_mtime) for file in static.rglob('*')):x}",
    )
    app.config.update(SECURITY, **settings.for_flask())
    app.config.update(overrides)
    make_folder(app.config["SQLALCHEMY_DATABASE_URI"])
    db.init_app(app)
    if "gunicorn" not in sys.modules:  # the server's workers migrate nothing: they start sooner, 10 MB smaller
        from flask_migrate import Migrate

        Migrate(app, db, directory=str(ROOT / "migrations"), render_as_batch=True)
    register_web(app)
    Security(app, SQLAlchemyUserDatastore(db, User, Role), login_form=SignInForm)
    throttle(app, settings.SIGN_IN_ATTEMPTS)
    app.jinja_env.globals.update(may=may)
    for module in DOMAINS:
        app.register_blueprint(module.bp)
    stream.register_hub(app, settings.streams)
    listening.register(app)
    cli.register_commands(app)
    register_error_pages(app)
    app.wsgi_app = few_at_once(app.wsgi_app, AT_ONCE)  # type: ignore[assignment, method-assign]
    if settings.TRUSTED_PROXIES:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app,
            x_for=settings.TRUSTED_PROXIES,
            x_proto=settings.TRUSTED_PROXIES,
            x_host=settings.TRUSTED_PROXIES,
        )
    return app


def make_folder(url: str) -> None:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
