"""One run over the inboxes: every feed gets its turns in lanes side by side, and each result is yielded as it comes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from poc.delivery.body_files import remove_stray_files
from poc.engine.lanes import Lanes
from poc.errors import BadInput
from poc.ledger.lease import LeaseHolder, last_served
from poc.ledger.lookup import resumable_exchanges
from poc.ledger.opening import open_ledger
from poc.pipeline.capabilities import retries_itself
from poc.retries.circuit_breaker import longest_waits_us
from poc.service.feed_work import BUSY_WAIT_S, InboxWork
from poc.service.run_settings import RunSelection, RunSettings
from poc.service.runner import RunResult

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from metrics.events import Recorder
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error after which the run cannot go on."""

    error: BaseException


def run_inbox(
    workspace: Workspace,
    name: str | None,
    level: int,
    clock: Callable[[], datetime],
    recorder: Recorder,
    release: str,
    *,
    busy_wait_s: float = BUSY_WAIT_S,
    notify: Callable[[str], None] = lambda _: None,
) -> Generator[RunResult, None, None]:
    """Resume the exchanges that are due and exchange the files in the inboxes; yield each result as it comes.

    Feeds are worked on side by side, those first that were served the longest ago. An error of one file, feed or
    partner is yielded in its turn; the run continues with the others. A caller that closes the iterator waits for the
    exchanges that are under way.

    Args:
        workspace: the workspace of the inboxes.
        name: PARTNER or PARTNER/FEED; None for all.
        level: the service level to run at.
        clock: returns the current time, in UTC.
        recorder: records the run events; called by several threads.
        release: version of the program, for the events.
        busy_wait_s: for how long a feed that another process works on is tried again.
        notify: is told once, by any thread, if the run waits for such a feed.

    Raises:
        BadInput: an unknown partner or feed.
        LedgerDamaged: the ledger cannot be used.
    """
    feeds = workspace.select_feeds(name)
    results: SimpleQueue[RunResult | _Failure | None] = SimpleQueue()
    notices = count()

    def notify_once(text: str) -> None:
        if not next(notices):
            notify(text)

    settings = RunSettings(
        workspace=workspace, level=level, clock=clock, recorder=recorder, release=release, by_person=True,
        selection=RunSelection(), busy_wait_s=busy_wait_s, notify=notify_once,
    )  # fmt: skip
    with closing(open_ledger(workspace.ledger)) as ledger, closing(ledger.sibling()) as leases:
        remove_stray_files(ledger)
        served = last_served(ledger)
        feeds.sort(key=lambda feed: served.get(feed, 0))
        works = [InboxWork(settings, *feed, results.put, lambda: results.put(None)) for feed in feeds]
        with LeaseHolder(leases, lease_s=workspace.settings.work.lease_s) as holder:
            lanes = Lanes(
                ledger,
                holder,
                workspace.settings.work.slots,
                lambda error: results.put(_Failure(error)),
                settings.precedence,
            )
            try:
                lanes.offer(works)
                left = len(works)
                while left:
                    match results.get():
                        case None:
                            left -= 1
                        case _Failure(error):
                            raise error
                        case result:
                            yield result
            finally:
                lanes.stop()
                lanes.join()
                settings.feeds.close()
        if name is None:
            yield from without_feed(ledger, workspace, clock(), level)


def without_feed(ledger: Ledger, workspace: Workspace, now: datetime, level: int) -> Iterator[RunResult]:
    """Yield an error for each exchange that should be resumed and whose feed is no longer configured."""
    feeds = set(workspace.select_feeds(None))
    now_us, longest_us = int(now.timestamp() * 1_000_000), longest_waits_us(workspace.partners)
    for entry in resumable_exchanges(ledger, now_us, failed=not retries_itself(level), longest_us=longest_us):
        if (entry.partner, entry.feed) not in feeds and entry.partner not in workspace.problems:
            error = BadInput(f"exchange {entry.exchange_id} is {entry.outcome}, and its feed no longer exists")
            yield RunResult(entry.partner, entry.feed, Path(entry.file), error=error, entry=entry)
