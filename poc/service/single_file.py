"""One file exchanged on its own, as a person or a program asked for."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.events import SpoolRecorder
from poc.ledger.lease import wall_clock_us
from poc.ledger.pace import Pace
from poc.pipeline.capabilities import resolve_level
from poc.pipeline.prepared_feed import prepare_feed
from poc.route.choice import feed_has_route, give_handed_in
from poc.schedule.tick_store import record_arrivals
from poc.service.finished_file import archive_if_finished
from poc.service.runner import Runner, RunResult
from poc.transports.http import new_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger


def exchange_one(
    workspace: Workspace,
    partner: str,
    feed: str,
    place: Callable[[], Path],
    ledger: Ledger,
    clock: Callable[[], datetime],
    release: str,
) -> RunResult:
    """Exchange one file of a feed, record its run, and archive it where no further run needs it.

    Args:
        workspace: the workspace.
        partner: the partner's id.
        feed: the feed's id.
        place: puts the file into the inbox and returns its path; called when everything else is ready.
        ledger: the ledger, under the lease of the feed.
        clock: returns the current time, in UTC.
        release: version of the program, for the events.

    Raises what `prepare_feed`, `place`, `give_handed_in` and `poc.exchanges.exchange.exchange` raise.
    """
    with ExitStack() as resources:
        session = resources.enter_context(new_session())
        prepared = prepare_feed(workspace, partner, feed, resolve_level(workspace.settings.level), session)
        rate = workspace.partners[partner].rate
        if rate is not None:
            pace = Pace(ledger.sibling(), partner, float(rate.removesuffix("/s")), wall_clock_us)
            prepared = replace(prepared, pace=resources.enter_context(closing(pace)).wait)
        recorder = resources.enter_context(closing(SpoolRecorder(workspace.spool)))
        path = place()
        record_arrivals(ledger, partner, feed, prepared.feed, [path], clock())
        if feed_has_route(ledger, prepared.feed, partner, feed):
            give_handed_in(ledger, prepared.feed, partner, feed, path, int(clock().timestamp() * 1_000_000))
        receipt = Runner(prepared, ledger, clock, recorder, release).exchange(path)
        if workspace.partners[partner].gets_receipts:
            from poc.receipts.making import make_receipts

            make_receipts(workspace, partner, feed, [(path, receipt)], ledger, int(clock().timestamp() * 1_000_000))
        current_path, note = archive_if_finished(workspace, partner, feed, path, receipt)
        return RunResult(partner, feed, current_path, receipt, note=note)
