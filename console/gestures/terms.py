"""What an agent asks the ledger for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from console.empowerment.kinds import Occasion
from console.gestures.models import GestureVersion
from console.gestures.refusals import NotOffered
from console.money import Money


@dataclass(frozen=True)
class Terms:
    """A gesture for a customer. Without an interaction it is the one that is going on, or ended just now."""

    agent_id: int
    customer_id: int
    gesture_version_id: int
    occasion: Occasion  # found, not asked: it is no part of the digest
    interaction_id: int | None = None
    reason: str = ""
    reason_code: str = ""
    cost_minor: int | None = None  # of a gesture whose amount the agent chooses
    suggestion_id: int | None = None  # the list that it was picked from; no part of the digest

    @property
    def digest(self) -> str:
        asked = [
            self.agent_id,
            self.customer_id,
            self.gesture_version_id,
            self.interaction_id,
            self.reason,
            self.reason_code,
            self.cost_minor,
        ]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def amounts(version: GestureVersion, cost_minor: int | None) -> tuple[int, int]:
    """Cost and face value (minor units) for the cost that was chosen, or for the dearest when none was.

    The face value of a lesser amount is its share of the whole, rounded up. Raises NotOffered for an amount that the
    gesture does not come in.
    """
    if cost_minor is None or cost_minor == version.cost_minor:
        return version.cost_minor, version.face_minor
    least, step = version.least_minor, version.step_minor or 1
    if least is None:
        raise NotOffered(f"{version.name} has one amount, {version.cost}. Offer that, or pick another one.")
    if not least <= cost_minor <= version.cost_minor or (version.cost_minor - cost_minor) % step:
        raise NotOffered(f"Choose an amount {reach(version, least)}.")
    return cost_minor, -(-version.face_minor * cost_minor // version.cost_minor)


def must_name_amount(version: GestureVersion, cost_minor: int | None) -> None:
    """Raises NotOffered when the agent chooses the amount and chose none: nobody means the dearest by silence."""
    if cost_minor is None and version.least_minor is not None:
        raise NotOffered(f"Say how much {version.name} is to be, {reach(version, version.least_minor)}.")


def reach(version: GestureVersion, least_minor: int) -> str:
    step = Money(version.step_minor or 1, version.currency)
    return f"from {Money(least_minor, version.currency)} to {version.cost}, in steps of {step}"
