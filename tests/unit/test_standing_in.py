from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from notes.promises.standing_in import Away, holder, leads_back, placed

MAYA, DANA, OLA = 1, 2, 3
FIRST = date(2026, 11, 23)


def away(who: int, stand_in: int | None, begins: int, ends: int) -> Away:
    return Away(who, stand_in, FIRST + timedelta(days=begins), FIRST + timedelta(days=ends))


def test_both_days_of_an_absence_count_and_no_other() -> None:
    aways = [away(MAYA, DANA, 1, 2)]
    assert [holder(MAYA, FIRST + timedelta(days=n), aways) for n in range(4)] == [MAYA, DANA, DANA, MAYA]


def test_a_stand_in_who_is_away_too_has_a_stand_in_and_no_further() -> None:
    aways = [away(MAYA, DANA, 0, 5), away(DANA, OLA, 1, 3)]
    assert [holder(MAYA, FIRST + timedelta(days=n), aways) for n in (0, 1, 4)] == [DANA, OLA, DANA]
    assert holder(MAYA, FIRST + timedelta(days=1), [*aways, away(OLA, 4, 1, 1)]) is None


def test_without_a_stand_in_or_with_one_who_left_nobody_is_there() -> None:
    assert holder(MAYA, FIRST, [away(MAYA, None, 0, 0)]) is None
    assert holder(MAYA, FIRST, [away(MAYA, DANA, 0, 0)], gone={DANA}) is None
    assert holder(MAYA, FIRST, [], gone={MAYA}) is None


def test_what_nobody_is_there_for_stays_where_somebody_is() -> None:
    assert placed(MAYA, DANA, FIRST, [away(MAYA, None, 0, 0)]) == DANA
    assert placed(MAYA, DANA, FIRST, [away(MAYA, DANA, 0, 0), away(DANA, None, 0, 0)]) == MAYA
    assert placed(MAYA, DANA, FIRST, []) == MAYA  # back again


people = st.integers(1, 4)
aways = st.builds(away, people, people | st.none(), st.integers(0, 4), st.integers(0, 4)).filter(
    lambda one: one.first_on <= one.until_on and one.user_id != one.stand_in_id
)


@given(st.lists(aways, max_size=5), aways)
def test_circles_are_found_exactly(entered: list[Away], new: Away) -> None:
    """As a walk over each day finds them, among absences of which nobody has two at once."""
    kept: list[Away] = []
    for one in entered:
        overlaps = any(two.user_id == one.user_id and two.meets(one.first_on, one.until_on) for two in [*kept, new])
        if not overlaps and not leads_back(one, kept):
            kept.append(one)
    days = [new.first_on + timedelta(days=n) for n in range((new.until_on - new.first_on).days + 1)]
    assert leads_back(new, kept) == any(comes_round(new, day, kept) for day in days)


def comes_round(new: Away, day: date, entered: list[Away]) -> bool:
    person, steps = new.stand_in_id, 0
    while person is not None and person != new.user_id and steps < 10:
        person = next((one.stand_in_id for one in entered if one.user_id == person and one.covers(day)), None)
        steps += 1
    return person == new.user_id


@given(st.lists(aways, max_size=6), people, people, st.integers(0, 4), st.sets(people, max_size=2))
def test_whoever_has_a_promise_is_there_unless_it_went_back_to_its_giver(
    entered: list[Away], giver: int, owner: int, number: int, gone: set[int]
) -> None:
    day = FIRST + timedelta(days=number)
    there = placed(giver, owner, day, entered, gone)
    assert there == giver or holder(there, day, entered, gone) == there
    assert placed(giver, there, day, entered, gone) == there  # once more changes nothing
