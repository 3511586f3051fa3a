"""The segments that the shop's supervisors keep. A name that is there already stays whose it is."""

from __future__ import annotations

from sqlalchemy import select

from console.auth.models import User
from console.db import db
from console.demo.days import Days
from console.demo.reading import table
from console.empowerment.fields import ASKABLE
from console.empowerment.models import CustomerSegment
from console.empowerment.rules import as_json, read_rule


def segments(author: User, days: Days) -> None:
    taken = set(db.session.scalars(select(CustomerSegment.name)))
    for place, told in enumerate(table("segments")):
        if told["name"] not in taken:
            db.session.add(
                CustomerSegment(
                    name=told["name"],
                    description=told["about"],
                    rule=as_json(read_rule(told["rule"], ASKABLE)),
                    changed_at=days.at(160 - 23 * place, "09:40"),
                    changed_by_id=author.id,
                    is_demo=True,
                )
            )
