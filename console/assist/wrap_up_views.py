"""Wrap-up: how a talk ended, drafted from its own words; what in it is worth keeping; the survey's link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from flask import Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from console.assist.blueprint import bp
from console.assist.listening import listener, said
from console.auth.permissions import Permission, allowed, requires
from console.card_numbers import holds_card_number
from console.customers.models import Boundary, BoundaryKind, Preference, Provenance
from console.customers.profile import add_boundary, add_preference
from console.db import db, utc_now
from console.errors import DomainError
from console.interactions import handling, wrapping
from console.interactions.blueprint import is_mine, own
from console.interactions.coding import shares
from console.interactions.forms import KeepForm, WrapUpForm
from console.interactions.models import IS_NO_REPLAY, Channel, Interaction, Speaker, Utterance, WrapUpCode
from console.interactions.queues import live_of
from console.interactions.surveys import survey_url
from console.interactions.turns import last_turns, say, turns_after
from console.web import clock, render_page_or_partial, today, zone
from knowledge.embedding import encoder
from knowledge.models import Article, ArticleLink
from notes.findings import proposing
from notes.findings.forms import END
from notes.findings.models import FindingKind
from notes.findings.proposing import due_said
from notes.findings.recognising import boundary_meant
from notes.forms import due_moment
from notes.promises.promising import make_promise
from notes.screening import fault_in_promise

REFUSED_FROM = 0.0  # what people say scores a little lower than what is noted about them, see bench/RESULTS.md
MOST_ARTICLES, MOST_USES = 20, 1_000  # from which a code is guessed
FIRST, LAST = 60, 120  # turns that a draft is made of
SURVEY = "How did we do? It takes half a minute: {url}"


@bp.route("/interactions/<int:interaction_id>/wrap-up", methods=["GET", "POST"])
@requires(Permission.HANDLE_INTERACTION)
def wrap_up(interaction_id: int) -> ResponseReturnValue:
    interaction = own(interaction_id)
    form = WrapUpForm(survey=interaction.channel is Channel.CHAT)
    if not form.validate_on_submit():
        return show_wrap_up(interaction, form, 422 if form.is_submitted() else 200)
    now = utc_now()
    try:
        if form.survey.data and interaction.channel is Channel.CHAT:
            words = SURVEY.format(url=survey_url(interaction.id))
            say(interaction, Speaker.AGENT, words, now=now)
        handling.wrap_up(interaction, form.wrap_up(), actor_id=current_user.id, now=now)
    except DomainError:
        db.session.rollback()
        form.reason.errors = [handling.what_happened(interaction_id)]
        return show_wrap_up(own(interaction_id), form, 422)
    db.session.commit()
    flash(f"Wrapped up the talk with {interaction.customer.name}", "good")
    next_one = next(iter(live_of(current_user.id)), None)
    if next_one is None:
        return redirect(url_for("assist.home"), code=303)
    there = url_for("assist.workspace", customer_id=next_one.customer_id, interaction=next_one.id)
    return redirect(there, code=303)


def show_wrap_up(interaction: Interaction, form: WrapUpForm, status: int) -> Response:
    turns = worth_reading(interaction.id)
    spoken = [
        wrapping.Spoken(one.id, one.speaker is Speaker.CUSTOMER, one.text)
        for one in turns
        if not one.is_whisper and one.speaker is not Speaker.SYSTEM
    ]
    said_at = {one.id: one.said_at for one in turns}
    read = embed()
    draft = wrapping.drafted(spoken, read, keep=may_be_quoted)
    if request.method == "GET":
        for part in ("reason", "resolution", "result"):
            form[part].data = " ".join(one.text for one in getattr(draft, part))
    page = render_template(
        "assist/wrap_up.html",
        interaction=interaction,
        form=form,
        draft=draft,
        reads_meaning=read is not None,
        likely=likely_code(interaction, [one for one in spoken if may_be_quoted(one.text)]),
        proposals=[
            as_kept(one, interaction.customer_id, said_at.get(one.sentence.turn_id))
            for one in wrapping.proposed(spoken, read, keep=may_be_quoted, refuses=refuses())
        ],
        turns=turns,
        mine=is_mine(interaction),
        articles=articles_used(interaction.id),
        survey=survey_url(interaction.id),
        keep_form=KeepForm(formdata=None),
    )
    return make_response(page, status)


def as_kept(
    one: wrapping.Proposal, customer_id: int, said_at: datetime | None
) -> tuple[dict[str, Any], datetime | None]:
    """What a proposal's form is filled with, and the moment that a promise names; without one it is for tomorrow."""
    text = one.sentence.text
    given: dict[str, Any] = {"kind": one.kind, "utterance_id": one.sentence.turn_id, "text": text[:300]}
    if one.kind == "boundary":
        given["boundary"], given["after"] = boundary_meant(text)
    if one.kind != "promise":
        return given | {"category": one.category or "other"}, None
    now = utc_now()
    due = due_said(text, customer_id, said_at or now)
    if due is None or due <= now:
        return given | {"due": today() + timedelta(days=1)}, None
    local = due.astimezone(zone())
    return given | {"due": local.date(), "due_at": None if clock(due) == END else local.time()}, due


def worth_reading(interaction_id: int) -> list[Utterance]:
    """A talk's turns; of a very long one those at its beginning and its end."""
    last = last_turns(interaction_id, LAST)
    if len(last) < LAST:
        return last
    known = {one.id for one in last}
    return [one for one in turns_after(interaction_id, 0, limit=FIRST) if one.id not in known] + last


def embed() -> wrapping.Embed | None:
    """The sentence encoder when it is loaded; each sentence is read once."""
    model = encoder()
    if not model.ready():
        model.start()
        return None
    return lambda texts: np.stack([model.encode_question(text) for text in texts])


def likely_code(interaction: Interaction, spoken: Sequence[wrapping.Spoken]) -> tuple[WrapUpCode, Any] | None:
    """The code that fits, with the sentence that suggests it; none where that is not clear."""
    if (read := embed()) is None:
        return None
    coder = listener().coder(encoder())
    if coder is None:  # another process has listened to this talk: this one learns it for the next
        said(interaction.id, set())
        return None
    found = coder.likely(spoken, shares(uses_of_articles(interaction)), read)
    return (WrapUpCode(found[0]), found[1]) if found else None


def uses_of_articles(interaction: Interaction) -> list[Counter[str]]:
    """Of each article used in a talk: in how many of the latest other talks of which code it was used."""
    here = select(ArticleLink.article_id).where(ArticleLink.interaction_id == interaction.id).limit(MOST_ARTICLES)
    earlier = (
        select(ArticleLink.article_id, Interaction.wrap_up_code)
        .join(Interaction, Interaction.id == ArticleLink.interaction_id)
        .where(
            ArticleLink.article_id.in_(here),
            Interaction.id.not_in([interaction.id, interaction.recorded_id]),
            Interaction.wrap_up_code.is_not(None),
            IS_NO_REPLAY,
        )
        .order_by(ArticleLink.id.desc())
        .limit(MOST_USES)
    )
    uses: dict[int, Counter[str]] = {}
    for article_id, code in db.session.execute(earlier):
        uses.setdefault(article_id, Counter())[str(code)] += 1
    return list(uses.values())


def refuses() -> wrapping.Refuses | None:
    """Hears what is refused by the examples that notes are looked through by; none until this process has read them."""
    model = encoder()
    if not model.ready():
        return None
    finder = proposing.reader().ready(model)
    if finder is None:
        proposing.start()
        return None
    kinds = [kind.code for kind in finder.kinds]
    if FindingKind.BOUNDARY not in kinds:  # switched off
        return lambda texts: [False] * len(texts)
    column = kinds.index(FindingKind.BOUNDARY)
    return lambda texts: [bool(score >= REFUSED_FROM) for score in finder.scores(texts)[:, column]]


def may_be_quoted(text: str) -> bool:
    return not holds_card_number(text)


def articles_used(interaction_id: int) -> Sequence[Article]:
    return db.session.scalars(
        select(Article)
        .join(ArticleLink, ArticleLink.article_id == Article.id)
        .where(ArticleLink.interaction_id == interaction_id)
        .order_by(ArticleLink.id)
        .limit(20)
    ).all()


@bp.post("/interactions/<int:interaction_id>/keepings")
@requires(Permission.WRITE_NOTE)
def keep(interaction_id: int) -> ResponseReturnValue:
    """Keep a promise, a preference or a boundary that was found in the talk; it names the turn it is from."""
    interaction = own(interaction_id)
    form = KeepForm()
    utterance = db.session.get(Utterance, form.utterance_id.data or 0)
    if utterance is None or utterance.interaction_id != interaction.id or utterance.is_whisper:
        abort(404)
    if not form.validate_on_submit():
        return show_kept(interaction, form, " ".join(one for errors in form.errors.values() for one in errors), 422)
    try:
        keep_it(interaction, form, utterance.id)
    except DomainError as problem:
        db.session.rollback()
        return show_kept(own(interaction_id), form, str(problem), 422)
    db.session.commit()
    return show_kept(interaction, form, "")


def keep_it(interaction: Interaction, form: KeepForm, utterance_id: int) -> None:
    now, by = utc_now(), current_user.id
    if form.kind.data != "promise" and not allowed(current_user, Permission.EDIT_CUSTOMER):
        abort(403)
    if form.kind.data == "promise":
        if fault := fault_in_promise(form.text.data):
            raise DomainError(fault)
        due_at = due_moment(form.due.data or today() + timedelta(days=1), form.due_at.data)
        make_promise(interaction.customer_id, by, form.text.data, due_at, now=now)
        return
    about, words = interaction.customer_id, form.text.data
    known: Boundary | Preference
    if form.kind.data == "boundary":
        kind = BoundaryKind(form.boundary.data)
        known = add_boundary(about, kind, words, form.after.data, actor_id=by, now=now)
    else:
        known = add_preference(about, words, form.category.data, Provenance.STATED, actor_id=by, now=now)
    known.evidence = known.evidence or {"interaction": interaction.id, "utterance": utterance_id}


def show_kept(interaction: Interaction, form: KeepForm, problem: str, status: int = 200) -> Response:
    given: dict[str, Any] = {"interaction": interaction, "form": form, "problem": problem}
    return render_page_or_partial("assist/kept.html", "assist/_kept.html", status, **given)
