"""What the ledger says no with. Each text is a whole sentence that says what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from console.empowerment.deciding import Decision, Failure
from console.empowerment.policy import Measure
from console.errors import DomainError
from console.money import Money


class NotOffered(DomainError):
    """The offer is refused for another reason than a limit; the text says which."""


class OneOfOurs(NotOffered):
    """The customer is the agent themselves, or theirs. The text never says by what that is seen."""


class NoAuthority(NotOffered):
    """No policy allows it, or something is missing; `decision` has every obstacle."""

    def __init__(self, sentence: str, decision: Decision) -> None:
        super().__init__(sentence)
        self.decision = decision


class OverLimit(DomainError):
    """The offer would break limits: `decision` has every one, `reasons` a sentence for each, `cost` what was asked."""

    def __init__(self, reasons: Sequence[str], advice: str, decision: Decision, cost: Money) -> None:
        super().__init__(" ".join([*reasons, advice]))
        self.reasons = reasons
        self.advice = advice  # what to do next
        self.decision = decision
        self.cost = cost

    @property
    def failures(self) -> tuple[Failure, ...]:
        return self.decision.failures

    @property
    def is_counted(self) -> bool:
        """Whether a number of gestures is reached, so that nothing smaller fits either."""
        return any(one.limit.measure is Measure.COUNT for one in self.failures)

    @property
    def may_ask(self) -> bool:
        """Whether an approver could allow it."""
        return self.decision.may_ask


class KeyConflict(DomainError):
    """The same idempotency key came with other terms."""


class WrongState(DomainError):
    """The entry has moved on meanwhile; the text says where to."""
