"""Who has what somebody promised while they are away: plain values in, a person out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

LONGEST_CHAIN = 3  # who promised, who stands in for them, who stands in for that one


@dataclass(frozen=True)
class Away:
    """Somebody is away on these days, both included. Without a stand-in nobody has their promises meanwhile."""

    user_id: int
    stand_in_id: int | None
    first_on: date
    until_on: date

    def covers(self, day: date) -> bool:
        return self.first_on <= day <= self.until_on

    def meets(self, first_on: date, until_on: date) -> bool:
        return self.first_on <= until_on and first_on <= self.until_on


def holder(person_id: int, day: date, aways: Sequence[Away], gone: Collection[int] = ()) -> int | None:
    """Who has on that day what this person promised: themselves, their stand-in, or who stands in for that one.

    None when nobody is there. `gone` are those who no longer work here.
    """
    for _ in range(LONGEST_CHAIN):
        away = next((one for one in aways if one.user_id == person_id and one.covers(day)), None)
        if away is None:
            return None if person_id in gone else person_id
        if away.stand_in_id is None:
            return None
        person_id = away.stand_in_id
    return None


def placed(giver_id: int, owner_id: int, day: date, aways: Sequence[Away], gone: Collection[int] = ()) -> int:
    """With whom a promise belongs. Where nobody is there for the giver, it stays with a stand-in who is."""
    found = holder(giver_id, day, aways, gone)
    if found is not None:
        return found
    return owner_id if holder(owner_id, day, aways, gone) == owner_id else giver_id


def leads_back(new: Away, aways: Sequence[Away]) -> bool:
    """Whether on some day of the new absence the stand-ins stand in for each other in a circle."""
    seen: set[tuple[int | None, date, date]] = set()
    ahead = [(new.stand_in_id, new.first_on, new.until_on)]
    while ahead:
        person, first_on, until_on = ahead.pop()
        if person == new.user_id:
            return True
        for one in aways:
            if one.user_id == person and one.stand_in_id is not None and one.meets(first_on, until_on):
                step = (one.stand_in_id, max(first_on, one.first_on), min(until_on, one.until_on))
                if step not in seen:
                    seen.add(step)
                    ahead.append(step)
    return False
