"""What all feeds of a run share, and which of its files and exchanges are run now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.engine.precedence import Precedence
from poc.schedule.send_hours import SendHours
from poc.service.prepared_feeds import PreparedFeeds

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from metrics.events import Recorder
    from poc.config.workspace import Workspace
    from poc.ledger.exchange_record import ExchangeRecord


@dataclass(frozen=True, slots=True)
class RunSelection:
    """Which files and which exchanges in the ledger are run now; the others wait for another run."""

    file: Callable[[Path], bool] = lambda _: True
    entry: Callable[[ExchangeRecord], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What all feeds of a run share.

    Attributes:
        workspace: the workspace of the inboxes.
        level: the service level to run at.
        clock: returns the current time, in UTC.
        recorder: records the run events; called by several threads.
        release: version of the program, for the events.
        by_person: whether a person started the run; otherwise the service works by itself.
        selection: what to run.
        busy_wait_s: for how long a feed whose lease another process holds is tried again.
        notify: is told what the run waits for; called by several threads.
        precedence: lets new files go before backlogs.
        feeds: the prepared feeds; the owner of the settings closes them.
        send_hours: until when feeds with sending hours wait.
    """

    workspace: Workspace
    level: int
    clock: Callable[[], datetime]
    recorder: Recorder
    release: str
    by_person: bool
    selection: RunSelection
    busy_wait_s: float
    notify: Callable[[str], None] = lambda _: None
    precedence: Precedence = field(default_factory=Precedence)
    feeds: PreparedFeeds = field(default_factory=PreparedFeeds)
    send_hours: SendHours = field(default_factory=SendHours)
