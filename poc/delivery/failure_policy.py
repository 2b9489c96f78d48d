"""What stages ask of the attempt that they run in: when to commit, and what follows from a delivery that failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from poc.delivery.circuit_breaker import CircuitBreaker
    from poc.errors import DeliveryFailed


class CommitPoint(Protocol):
    """Commits the ledger before anything leaves."""

    def __call__(self, *, whole: bool = False, reserved_to: int = -1) -> None:
        """`whole`: all rows of the file are in the ledger; `reserved_to`: the last slot that is."""


@dataclass(frozen=True, slots=True)
class StopSending:
    """Why nothing more is sent in this attempt, and how the rows end that were not: `failed`, or `due` later."""

    outcome: str
    code: str
    reason: str


class FailurePolicy(Protocol):
    """What follows from a failure.

    `failures` (failed attempts in a row), `due_at_us` and `breaker` are what the ledger is to remember afterwards.
    """

    failures: int
    due_at_us: int | None
    breaker: CircuitBreaker

    def before_send(self) -> StopSending | None:
        """Asked before a request is sent: a reason to leave the partner alone now."""

    def on_failure(self, failure: DeliveryFailed) -> StopSending:
        """A request was not taken."""

    def on_success(self) -> None:
        """A request was taken."""


class FailFast:
    """The policy of a service without patience: what fails has failed, until it is run again."""

    def __init__(self, breaker: CircuitBreaker) -> None:
        self.breaker = breaker  # left as it is
        self.failures = 0
        self.due_at_us: int | None = None

    def before_send(self) -> StopSending | None:
        """Nothing is ever held."""
        return None

    def on_failure(self, failure: DeliveryFailed) -> StopSending:
        """The attempt ends."""
        return StopSending("failed", failure.code, str(failure))

    def on_success(self) -> None:
        """Nothing to remember."""
