"""What facts cost: python -m bench.facts [--database URL] [--days N], over a database filled by bench.generate.

Prints one JSON object: milliseconds to read one customer's facts that are fresh, and that have changed; seconds to
compute everybody's afresh, and to write the last N days down. Both are written to that database.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from statistics import quantiles

from sqlalchemy import func, insert, select

from bench.generate import application
from console.customers.fact_history import rebuild, rebuild_days
from console.customers.facts import CHANGES, DAYS, facts_of
from console.customers.models import Customer
from console.db import db, utc_now

ASKED = 300  # customers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.facts", description=__doc__)
    parser.add_argument("--database", metavar="URL", help="otherwise DATABASE_URL, as the console reads it")
    parser.add_argument("--days", type=int, default=0, help="of history to write down")
    options = parser.parse_args()
    with application(options.database) as app, app.app_context():
        now = utc_now()
        everybody = db.session.scalars(select(Customer.id)).all()
        line: dict[str, object] = {"engine": db.engine.dialect.name, "customers": len(everybody)}
        line["rebuild_seconds"] = timed(lambda: rebuild(now, lambda done: None))
        if options.days:
            line["days_seconds"] = timed(lambda: rebuild_days(options.days, now, lambda done: None))
            line["day_rows"] = db.session.scalar(select(func.count()).select_from(DAYS))
        some = random.Random(1).sample(everybody, min(ASKED, len(everybody)))
        for customer_id in some:  # PostgreSQL plans the statement once for each connection
            facts_of(customer_id, now)
        line["fresh_ms"] = spread([timed(lambda one=one: facts_of(one, now)) for one in some])  # type: ignore[misc]
        db.session.execute(insert(CHANGES), [{"customer_id": one} for one in some])
        db.session.commit()
        line["changed_ms"] = spread([timed(lambda one=one: facts_of(one, now)) for one in some])  # type: ignore[misc]
        print(json.dumps(line))


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return round(time.perf_counter() - started, 5)


def spread(times: list[float]) -> dict[str, float]:
    cuts = quantiles([one * 1000 for one in times], n=20, method="inclusive")
    return {"p50": round(cuts[9], 2), "p95": round(cuts[18], 2)}


if __name__ == "__main__":
    main()
