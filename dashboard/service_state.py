"""The state of the exchange service now, as the front door hands it in: plain values, read from no database here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ServiceUnreadable(Exception):
    """The state of the service cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An open problem, or several of one kind and one feed. `since` is in UTC."""

    kind: str
    label: str  #: the kind in words, such as "partner down"
    severity: str  #: "critical" or "warning"
    partner: str  #: empty where it concerns the whole workspace
    feed: str  #: empty where it concerns all feeds of the partner
    since: datetime
    alerts: int  #: how many alerts of the kind there are
    count: int  #: how many files, requests or rows they concern
    summary: str
    next_step: str  #: a command; empty where there is none
    subject: str = ""  #: the exchange that it is about; empty for several, or for none


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNow:
    """What is open for one feed now."""

    partner: str
    feed: str
    due: int  #: exchanges that are sent again later
    oldest_due_at: datetime | None
    failed: int  #: exchanges that failed or were given up
    refused: int  #: refused files that no corrected one has replaced
    ambiguous: int  #: requests that may have arrived
    held_rows: int  #: rows in quarantine that nobody has replayed or discarded
    last_good_at: datetime | None  #: when an exchange was last completed
    overdue: int = 0  #: expected files that have not come


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerNow:
    """The circuit breaker of a partner, or of one feed with an address of its own."""

    partner: str
    feed: str  #: empty for the partner's
    state: str  #: closed, open, half-open or paused


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFiles:
    """When files of a feed are expected, in words and in the local time of the feed's zone."""

    partner: str
    feed: str
    rule: str  #: such as "by 06:00 Europe/Berlin, mon-fri"
    last: str  #: what came of the last due moment
    is_missing: bool  #: whether a file was due and has not come
    next_due: tuple[str, ...]  #: the next due moments
    next_at: datetime | None = None  #: the first of them


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """The open problems, the feeds and the circuit breakers at one moment. Problems are in order, the worst first."""

    at: datetime
    problems: tuple[Problem, ...] = ()
    feeds: tuple[FeedNow, ...] = ()
    breakers: tuple[BreakerNow, ...] = ()
    expected: tuple[ExpectedFiles, ...] = ()
