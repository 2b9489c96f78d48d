"""What can go wrong while exchanging, named by what the caller does next.

ExchangeError           base; never raised itself
├── BadInput            mend the named file, key or name and call again (exit 2)
├── ContractBreach      the file is not what was agreed: mend it or the contract, hand it in again (exit 3)
├── DeliveryFailed      the partner did not take it: hand it in again (exit 4)
├── LedgerDamaged       restore or move the named ledger away; nothing was changed (exit 2)
├── TryLater            somebody else is at it; call again later (exit 75)
│   └── StillWritten    only this file: it changes while it is read
└── Unbalanced          a fault of ours: an account does not add up; nothing else was done (exit 1)
"""

from typing import Literal


class ExchangeError(Exception):
    """Base of this room's errors; `exit_code` is what the command line ends with."""

    exit_code = 1


class BadInput(ExchangeError):
    """A configuration, a name or a place that cannot be used; the message names it and the choices."""

    exit_code = 2


class ContractBreach(ExchangeError):
    """A file that cannot be read as its contract says; `code` is the Frictionless error code."""

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DeliveryFailed(ExchangeError):
    """The partner refused, failed or did not answer.

    `code` says which, `blocked_s` what a time-out cost. `kind` is what the failure asks for: `retry` (later, by one's
    own schedule), `wait` (not before `wait_s` seconds, the partner's own word) or `stop` (nothing will change by
    trying). `unknown`: the partner may hold the body all the same.
    """

    exit_code = 4

    def __init__(
        self,
        code: str,
        message: str,
        blocked_s: float = 0.0,
        *,
        kind: Literal["retry", "wait", "stop"] = "retry",
        wait_s: float = 0.0,
        unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.blocked_s = blocked_s
        self.kind = kind
        self.wait_s = wait_s
        self.unknown = unknown


class LedgerDamaged(ExchangeError):
    """The ledger is not a database of ours, or is from a newer release."""

    exit_code = 2


class TryLater(ExchangeError):
    """Another program holds what this one needs."""

    exit_code = 75


class FileStillChanging(TryLater):
    """A file changes while it is read; it is for the next run, and the other files are not held up."""


class Unbalanced(ExchangeError):
    """Rows in are not the sum of where they ended."""
