"""Errors of an exchange, named by what the caller does next.

ExchangeError              base; never raised itself
├── BadInput               correct the named file, key or name and call again (exit 2)
│   └── PlaceRefused       a partner's place refuses: correct what the message names
├── ContractBreach         the file breaks the contract: correct either, hand the file in again (exit 3)
├── DeliveryFailed         the partner did not accept the delivery: hand the file in again (exit 4)
├── MonolithFailed         the monolith's command did not exchange the file: see its output, call again (exit 4)
├── GuardrailBreached      a feed went back on its route: find the cause before it advances again (exit 5)
├── LedgerDamaged          restore the named ledger or move it away; nothing was changed (exit 2)
├── TryLater               another program holds a resource: call again later (exit 75)
│   ├── FileBusy           this file alone; FileStillChanging: it changes while it is read
│   ├── PlaceUnavailable   a partner's place alone: it cannot be reached or does not answer in time
│   └── LeaseLost          this feed alone: another process exchanges its files
├── Unbalanced             a bug of Milepost: an account does not add up; nothing else was done (exit 1)
└── UnexpectedError        a bug of Milepost: report it; the other exchanges go on (exit 1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExchangeError(Exception):
    """Base of the errors of an exchange; `exit_code` is the exit code of the command line."""

    exit_code = 1


class BadInput(ExchangeError):
    """A configuration, name or path that cannot be used; the message names it and the choices.

    `mistakes` are all mistakes of a file, one line each, the message among them.
    """

    exit_code = 2

    def __init__(self, message: str, mistakes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(mistakes) or (message,)


class PlaceRefused(BadInput):
    """A partner's place refuses, and will again until a person corrects something.

    `code` says what: `host-key` (the server's key is unknown or has changed), `sign-in`, `rights`, `tls`, `clock`,
    `path`, `read-only`, `extra` (a package is not installed) or `settings`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ContractBreach(ExchangeError):
    """A file that breaks its contract as a whole; `code` is the Frictionless error code."""

    exit_code = 3

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DeliveryFailed(ExchangeError):
    """The partner refused the delivery, failed or did not respond.

    `code` says which; `blocked_s` is the time spent on a time-out. `kind` is how to go on: `retry` (later, by the
    retry schedule), `wait` (not before `wait_s` seconds, as the partner asked), `pause` (send nothing to this partner
    until a person releases it) or `stop` (another try of this request cannot succeed). With `unknown`, the partner may
    have received the body nevertheless. `answer` is the beginning of what the partner answered, safe to show: control
    characters are escaped and the request's secrets are masked. With `reused`, a kept-alive connection was lost before
    any answer: the partner may have closed it as idle.
    """

    exit_code = 4

    def __init__(
        self,
        code: str,
        message: str,
        blocked_s: float = 0.0,
        *,
        kind: Literal["retry", "wait", "pause", "stop"] = "retry",
        wait_s: float = 0.0,
        unknown: bool = False,
        answer: str = "",
        reused: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.blocked_s = blocked_s
        self.kind = kind
        self.wait_s = wait_s
        self.unknown = unknown
        self.answer = answer
        self.reused = reused


class MonolithFailed(ExchangeError):
    """The monolith's command failed on a file, or was killed so that it is unknown what it has done."""

    exit_code = 4


class GuardrailBreached(ExchangeError):
    """A feed went back on its route by itself, because the service did worse than it may."""

    exit_code = 5


class LedgerDamaged(ExchangeError):
    """The ledger is not a Milepost ledger, is damaged, a copy of another workspace's, or of a newer release."""

    exit_code = 2


class TryLater(ExchangeError):
    """Another program holds a resource that this one needs."""

    exit_code = 75


class FileBusy(TryLater):
    """One file cannot be exchanged now; leave it for the next run and continue with the other files."""


class FileStillChanging(FileBusy):
    """A file changes while it is read."""


class PlaceUnavailable(TryLater):
    """A partner's place cannot be used now.

    `code` says why: `host` (unknown name), `connection` (refused or lost), `timeout`, `folder` (missing), `disk-full`
    or `server`. With `unknown`, the last step may have had its effect: look before it is repeated.
    """

    def __init__(self, code: str, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.unknown = unknown


class LeaseLost(TryLater):
    """Another process has taken over a feed, because this one was stopped for longer than its lease."""


class Unbalanced(ExchangeError):
    """The outcomes do not add up to the rows read."""


class UnexpectedError(ExchangeError):
    """An error that no part of Milepost expects; its cause is the error itself."""

    @classmethod
    def of(cls, error: Exception) -> UnexpectedError:
        """Return the error that reports another one: its type, text and place in the program."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "" if trace is None else f" in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
        report = cls(f"unexpected {type(error).__name__}{place}: {error}; this is a bug in Milepost, report it")
        report.__cause__ = error
        return report
