"""Fetch what lies at the places now, before the inboxes are exchanged: the beginning of `milepost run`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from poc.ledger.lease import LeaseHolder
from poc.ledger.opening import open_ledger
from poc.pickup.place_thread import PickupSettings, PlaceThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from poc.config.workspace import Workspace
    from poc.errors import ExchangeError
    from poc.pickup.turn import TurnResult

#: Seconds between two looks whether a place hangs.
LOOK_S = 0.5


def fetch_once(
    workspace: Workspace,
    name: str | None,
    now_us: Callable[[], int],
    environ: Mapping[str, str],
    report: Callable[[str], None],
) -> Iterator[tuple[str, str, int, ExchangeError | None]]:
    """Fetch from the places of the feeds that PARTNER or PARTNER/FEED names, side by side; of all feeds for None.

    A file that has to settle is waited for. A place that hangs is left behind.

    Yields:
        Partner and feed of each place, how many files were fetched, and its error; None where it worked.

    Raises:
        BadInput: an unknown partner or feed.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    feeds = [key for key in workspace.select_feeds(name) if workspace.get_feed(*key)[1].pickup]
    if not feeds:
        return
    with (
        closing(open_ledger(workspace.ledger)) as ledger,
        closing(ledger.sibling()) as leases,
        LeaseHolder(leases, lease_s=workspace.settings.work.lease_s) as holder,
    ):
        settings = PickupSettings(
            workspace=workspace, ledger=ledger, holder=holder, now_us=now_us, environ=environ, report=report
        )
        threads = [PlaceThread(settings, *key, once=True) for key in feeds]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                error = wait_for(thread, settings)
                yield thread.partner, thread.feed_id, *outcome(thread.results, error or thread.failed)
        finally:
            for thread in threads:
                thread.stop()


def wait_for(thread: PlaceThread, settings: PickupSettings) -> ExchangeError | None:
    """Wait until a thread has ended; return an error where its place hangs. Raises TryLater, LedgerDamaged."""
    while thread.is_alive():
        thread.join(LOOK_S)
        if silent_s := thread.hangs_for_s():
            thread.stop()
            return thread.note_hanging(settings.ledger, silent_s)
    return None


def outcome(results: list[TurnResult], error: ExchangeError | None) -> tuple[int, ExchangeError | None]:
    """Return how many files the turns of a place fetched, and the error of the last one."""
    last = results[-1].error if results else None
    return sum(result.fetched for result in results), error or last
