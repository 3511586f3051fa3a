"""What time alone does: promises break, absences begin and end; and what a crash left half done, once more."""

from __future__ import annotations

from datetime import datetime

from console.db import db
from notes.cards.gestures import fulfil_packed
from notes.promises.handing import place_all
from notes.promises.promising import AT_ONCE, break_due

MOST_ROUNDS = 20  # after a long standstill the rest follows half a minute later


def tend(now: datetime) -> tuple[int, int]:
    """How many promises were found broken, and how many went to who stands in or came back. Commits.

    Any number of workers may do it at once: each promise is told by one of them, once.
    """
    broken = 0
    for _ in range(MOST_ROUNDS):
        found = break_due(now)
        db.session.commit()
        broken += found
        if found < AT_ONCE:
            break
    moved = place_all(now)
    db.session.commit()
    fulfil_packed(now)
    return broken, moved
