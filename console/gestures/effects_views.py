"""What gestures cost and did, for the supervisor; the same as a file."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from console.auth.permissions import Permission, requires
from console.db import utc_now
from console.empowerment.intervals import FEW
from console.gestures.blueprint import bp
from console.gestures.effects import Effects, Tally, effects
from console.gestures.settings import gesture_settings
from console.money import Money
from console.web import harmless, render_page_or_partial, spreadsheet, today, zone

USUAL = timedelta(days=90)
LONGEST = timedelta(days=731)
EARLIEST = date(2000, 1, 1)
KEYS = ("score", "came_back", "ordered")  # of comparing.Comparison
TABLES = {"gesture": "By gesture", "occasion": "By occasion", "team": "By team", "segment": "By segment"}


@bp.get("/gestures/effects")
@requires(Permission.SEE_TEAM)
def effects_page() -> ResponseReturnValue:
    first, last = chosen()
    return render_page_or_partial(
        "gestures/effects.html",
        "gestures/_effects.html",
        found=found(first, last),
        first=first,
        last=last,
        tables=TABLES,
        spans=(30, 90, 365),
        today=today(),
        span_days=lambda days: timedelta(days=days),
        few=FEW,
        surprise=gesture_settings().surprise_percent,
        money_of=lambda minor: Money(minor, current_app.config["DEFAULT_CURRENCY"]),
    )


@bp.get("/gestures/effects.csv")
@requires(Permission.SEE_TEAM)
def effects_file() -> ResponseReturnValue:
    first, last = chosen()
    shown = found(first, last)
    columns = ["by", "name", "offered", "accepted", "declined", "cost", "currency", "scores", "average_score",
               "watched_14_days", "came_back"]  # fmt: skip
    for key in KEYS:
        columns += [f"{key}_{what}" for what in ("suggested", "of", "held_out", "of_held_out", "least", "most")]
    rows = [
        (
            table,
            harmless(tally.name),
            tally.offered,
            tally.accepted,
            tally.declined,
            Money(tally.cost_minor, shown.currency).plain(),
            shown.currency,
            len(tally.scores),
            "" if tally.score is None else round(tally.score, 2),
            tally.watched,
            tally.came_back,
            *compared(tally),
        )
        for table, tallies in {"all": [shown.total], **{table: shown.tables[table] for table in TABLES}}.items()
        for tally in tallies
    ]
    name = f"gestures-{first.isoformat()}-{last.isoformat()}.csv"
    return Response(
        spreadsheet([columns, *rows]),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def compared(tally: Tally) -> list[object]:
    """For each of KEYS six columns: both sides' values and cases, and what the difference is at least and at most."""
    found = {one.key: one for one in tally.comparisons}
    cells: list[object] = []
    for key in KEYS:
        one = found.get(key)
        if one is None:
            cells += [""] * 6
            continue
        bounds = (round(one.low, 4), round(one.high, 4)) if one.is_enough else ("", "")
        values = (round(one.value, 4) if one.cases else "", one.cases, round(one.other, 4) if one.others else "")
        cells += [*values, one.others, *bounds]
    return cells


def found(first: date, last: date) -> Effects:
    return effects(
        midnight(first), midnight(last + timedelta(days=1)), current_app.config["DEFAULT_CURRENCY"], utc_now()
    )


def midnight(on: date) -> datetime:
    return datetime.combine(on, time.min, zone())


def chosen() -> tuple[date, date]:
    """First and last day asked for; what makes no sense is mended rather than refused."""
    last = max(min(asked("to") or today(), today()), EARLIEST)
    first = asked("from") or last - USUAL + timedelta(days=1)
    return max(min(first, last), last - LONGEST, EARLIEST), last


def asked(name: str) -> date | None:
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None
