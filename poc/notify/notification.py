"""A notification: one message to one target, as the ledger keeps it until it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256


class NotSent(Exception):
    """A target did not take a notification; the message says why, without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message about an alert or a status, a digest, or a test. Its text is made once and never changes."""

    id: str  #: the same for each attempt, and for the same event at other targets
    target: str
    phase: str  #: begun, ended, changed, digest or test
    kind: str = ""  #: of the alert; empty for a digest or a test
    severity: str = ""
    partner: str = ""
    feed: str = ""
    subject: str = ""
    title: str
    body: str
    since_us: int | None = None  #: when the alert began, in microseconds since 1970
    created_at_us: int
    attempts: int = 0  #: attempts so far


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status of something that has no begin and no end, such as a milestone. Each change of it is told once.

    A status that is first seen is told only where it is critical.
    """

    kind: str  #: one of the kinds of alerts
    subject: str  #: what has the status, such as a milestone's code
    status: str
    severity: str  #: of the status: warning or critical
    summary: str  #: a line for people
    next_step: str = ""  #: a command; empty where there is none


def notification_id(*parts: str | int) -> str:
    """Return the id of a notification about an event that these parts identify."""
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()[:24]
