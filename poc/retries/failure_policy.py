"""The interfaces between delivery stages and their attempt: the commit point and the failure policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from poc.errors import DeliveryFailed


class CommitPoint(Protocol):
    """Commits the ledger before any row of the file is sent."""

    def __call__(self, *, whole: bool = False, reserved_to: int = -1) -> None:
        """Commit. `whole`: the ledger holds all rows of the file; `reserved_to`: the last slot that it holds."""


@dataclass(frozen=True, slots=True)
class StopSending:
    """The decision to send no more in this attempt: the outcome of the unsent rows (`failed` or `due`), and why.

    With `this_request_only`, only the request that was refused is failed, and the others are sent.
    """

    outcome: str
    code: str
    reason: str
    this_request_only: bool = False


class FailurePolicy(Protocol):
    """Decides what follows from a failed delivery.

    The attempt stores `failures` (failed attempts in a row) and `due_at_us` in the ledger when it ends. With
    `resends_at_once`, a request whose kept-alive connection was lost is sent once more at once, if keys are honoured.
    """

    failures: int
    due_at_us: int | None
    resends_at_once: bool

    def before_send(self) -> StopSending | None:
        """Return a reason not to send the next request, if there is one."""

    def on_failure(self, failure: DeliveryFailed) -> StopSending:
        """Decide the outcome of the unsent rows, or of this request alone, after it failed."""

    def is_about_request(self, failure: DeliveryFailed) -> bool:
        """Return whether the partner refused this request alone, for good."""

    def on_success(self) -> None:
        """Record that the partner accepted a request."""


class FailFast:
    """The policy without retries: a failed delivery stays failed until a person runs the exchange again."""

    resends_at_once = False

    def __init__(self) -> None:
        self.failures = 0
        self.due_at_us: int | None = None

    def before_send(self) -> StopSending | None:
        """Never hold a request back."""
        return None

    def on_failure(self, failure: DeliveryFailed) -> StopSending:
        """End the attempt as failed."""
        return StopSending("failed", failure.code, str(failure))

    def is_about_request(self, failure: DeliveryFailed) -> bool:  # noqa: ARG002
        """Return False: every failure ends the attempt."""
        return False

    def on_success(self) -> None:
        """Do nothing: this policy keeps no state."""
