"""Reports for knowledge owners: plots, lists of articles that need care or serve well, and each as a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from console.auth.permissions import Permission, requires
from console.web import LARGEST_ID, harmless, id_argument, render_page_or_partial, spreadsheet, today
from knowledge import reports
from knowledge.counting import midnights
from knowledge.reports import Kind, Row, Stretch

bp = Blueprint("knowledge_reports", __name__, url_prefix="/knowledge/reports")

USUAL = 30  # days
TOP = 5  # of each list, on the page with all of them
KINDS = "expired, stale, unused, unopened, unhelpful, useful"
HEADINGS = {
    Kind.EXPIRED: ("Expired", "Past their last day, so nobody finds them. The most used first."),
    Kind.STALE: (
        "Stale",
        "Past the day they were to be checked, or looked at by nobody for a year. The most used first.",
    ),
    Kind.UNUSED: ("Never used", "Not shown, opened or used once in this time."),
    Kind.UNOPENED: ("Shown and never opened", "Shown at least five times, and passed over each time."),
    Kind.UNHELPFUL: ("Often opened, not helpful", "Opened three times or more, and found wanting more than helpful."),
    Kind.USEFUL: ("Most useful", "Used in conversations and found helpful."),
}  # fmt: skip
COLUMNS = (
    "article_id", "title", "owner", "updated_at", "verified_at", "verify_by", "expires_on", "shown", "opened",
    "used", "helpful", "not_helpful", "address",
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """What the reports are about: how many days, and whose articles."""

    days: int
    owner_id: int | None

    @property
    def since(self) -> datetime:
        return midnights(self.days)[0]

    @property
    def kept(self) -> dict[str, Any]:
        """For addresses."""
        return {"days": self.days, "owner": self.owner_id}


@bp.get("")
@requires(Permission.EDIT_KNOWLEDGE)
def index() -> ResponseReturnValue:
    choice = choice_from_address()
    asked = reports.asked_and_answered(choice.days)
    lists = {kind: reports.listed(kind, choice.since, choice.owner_id, TOP + 1) for kind in Kind}
    return render_page_or_partial(
        "knowledge/reports.html",
        "knowledge/_reports.html",
        choice=choice,
        periods=reports.PERIODS,
        owners=reports.article_owners(),
        lists=lists,
        top=TOP,
        headings=HEADINGS,
        asked=asked,
        total=sum(one.first for one in asked),
        answered=sum(one.second for one in asked),
        gaps=reports.opened_and_solved(choice.days),
        by_week=choice.days > reports.BY_DAY,
        today=today(),
    )


@bp.get(f"/<any({KINDS}):name>")
@requires(Permission.EDIT_KNOWLEDGE)
def show(name: str) -> ResponseReturnValue:
    kind, choice = Kind(name), choice_from_address()
    rows = reports.listed(kind, choice.since, choice.owner_id, reports.PAGE + 1, after())
    last = rows[reports.PAGE - 1] if len(rows) > reports.PAGE else None
    more = url_for(".show", name=name, after=f"{last.weight}_{last.id}", **choice.kept) if last else ""
    return render_page_or_partial(
        "knowledge/report.html",
        "knowledge/_report.html",
        kind=kind,
        heading=HEADINGS[kind],
        rows=rows[: reports.PAGE],
        more=more,
        choice=choice,
        periods=reports.PERIODS,
        owners=reports.article_owners(),
        today=today(),
    )


@bp.get(f"/<any({KINDS}):name>.csv")
@requires(Permission.EDIT_KNOWLEDGE)
def export(name: str) -> ResponseReturnValue:
    choice = choice_from_address()
    return as_file(f"articles-{name}", csv_lines(Kind(name), choice))


@bp.get("/questions.csv")
@requires(Permission.EDIT_KNOWLEDGE)
def questions() -> ResponseReturnValue:
    return plotted("questions", ("from", "asked", "answered"), reports.asked_and_answered(choice_from_address().days))


@bp.get("/gaps.csv")
@requires(Permission.EDIT_KNOWLEDGE)
def gaps() -> ResponseReturnValue:
    return plotted("gaps", ("week_from", "opened", "solved"), reports.opened_and_solved(choice_from_address().days))


def plotted(name: str, columns: tuple[str, ...], stretches: list[Stretch]) -> Response:
    rows = [columns, *((one.on.isoformat(), one.first, one.second) for one in stretches)]
    return as_file(name, iter([spreadsheet(rows)]))


def csv_lines(kind: Kind, choice: Choice) -> Iterator[str]:
    yield spreadsheet([COLUMNS])
    for rows in reports.every_row(kind, choice.since, choice.owner_id):
        yield spreadsheet(cells(row) for row in rows)


def cells(row: Row) -> tuple[Any, ...]:
    return (
        row.id,
        harmless(row.title),
        harmless(row.owner),
        row.updated_at.isoformat(),
        row.verified_at.isoformat() if row.verified_at else "",
        row.verify_by.isoformat() if row.verify_by else "",
        row.expires_on.isoformat() if row.expires_on else "",
        row.displayed,
        row.opened,
        row.linked,
        row.helpful,
        row.not_helpful,
        url_for("knowledge.article", slug=row.slug),
    )


def as_file(name: str, lines: Iterator[str]) -> Response:
    file = f"{name}-{today().isoformat()}.csv"
    disposition = {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(stream_with_context(lines), mimetype="text/csv", headers=disposition)


def choice_from_address() -> Choice:
    days = request.args.get("days", USUAL, type=int)
    return Choice(days if days in reports.PERIODS else USUAL, id_argument("owner"))


def after() -> tuple[int, int] | None:
    text = request.args.get("after")
    if not text:
        return None
    weight, _, number = text.partition("_")
    if not (weight.isascii() and weight.isdigit() and number.isascii() and number.isdigit()):
        abort(400)
    place = int(weight[:19]), int(number[:19])
    return place if max(place) <= LARGEST_ID else abort(400)
