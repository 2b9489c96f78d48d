"""An alert: an open problem of a workspace. It begins, and it ends when the problem is solved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

Severity: TypeAlias = Literal["warning", "critical"]

#: The kinds of alerts, and what each means. Their order is the order of lists for people.
KINDS = {
    "workspace_problem": "a file of the workspace cannot be used, such as a partner's, or notifications are not taken",
    "disk_full": "a disk has little space left",
    "partner_down": "the circuit breaker of a partner, or of the address of one feed, is open",
    "partner_paused": "nothing is sent to a partner until a person releases it",
    "place_down": "a place from which files are fetched does not work",
    "pickup_failed": "a file at a place cannot be fetched, or cannot be moved or deleted there after its exchange",
    "not_arrived": "an expected file has not come, and its time is over",
    "late": "a file was to be delivered by now, and is not",
    "feed_stuck": "files wait in an inbox, or an exchange is under way, for longer than they should",
    "failed": "an exchange failed for good; nothing sends it again by itself",
    "given_up": "an exchange was retried as often as the schedule allows",
    "ambiguous": "a request may have arrived at the partner; a person decides",
    "refused": "a file was refused, and no corrected one has come",
    "quarantine_old": "rows have been in quarantine for long",
    "credentials_expiring": "a client certificate or another credential expires soon, or cannot be read",
    "milestone_status": "a milestone's status needs attention",
    "route": "the route of a feed needs attention",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An open problem.

    `kind`, `partner`, `feed` and `subject` identify it: as long as the problem is the same, so are they. The other
    fields may change meanwhile.
    """

    kind: str  #: one of KINDS
    severity: Severity
    partner: str = ""  #: empty where it concerns the whole workspace
    feed: str = ""  #: empty where it concerns all feeds of the partner
    subject: str = ""  #: an exchange's id, a due moment, a path; empty where there is one for each feed or partner
    since: datetime  #: when the problem began, in UTC
    count: int = 1  #: the files, requests or rows that it concerns
    summary: str  #: the problem in one line, without secrets and without values of rows
    next_step: str = ""  #: a command that leads to the solution; empty where there is none

    def __post_init__(self) -> None:
        """Raise ValueError for a kind that is not in KINDS, or a time without a zone."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; kinds: {', '.join(KINDS)}")
        if self.since.tzinfo is None:
            raise ValueError(f"since {self.since} has no time zone")

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The fields by which it is the same alert: kind, partner, feed and subject."""
        return self.kind, self.partner, self.feed, self.subject

    @property
    def scope(self) -> str:
        """PARTNER/FEED, PARTNER, or an empty text for the whole workspace."""
        return f"{self.partner}/{self.feed}" if self.feed else self.partner


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: "1 file", "2,000 files"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
