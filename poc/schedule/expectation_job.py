"""Judge expectations in a running program, and report what did not come in time."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from poc.ledger.opening import open_ledger
from poc.schedule.expectations import ExpectationJudge
from poc.schedule.ticks import ARRIVED
from poc.schedule.wording import format_tick

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from poc.config.workspace import Workspace


class ExpectationJob:
    """Judges the expectations of a workspace at each call; several may run at once, in one process or many.

    Args:
        workspace: returns the workspace as it is now.
        clock: returns the current time, in UTC.
        report: prints a line for a person.
    """

    def __init__(
        self, workspace: Callable[[], Workspace], clock: Callable[[], datetime], report: Callable[[str], None]
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._report = report
        self._judge = ExpectationJudge(clock)

    def __call__(self) -> None:
        """Judge what is due. Raises TryLater, LedgerDamaged."""
        workspace = self._workspace()
        feeds = [workspace.get_feed(*feed)[1] for feed in workspace.select_feeds(None)]
        if all(feed.expect is None for feed in feeds):
            return
        with closing(open_ledger(workspace.ledger)) as ledger:
            for partner, feed_id, tick in self._judge.judge(workspace, ledger):
                expect = workspace.get_feed(partner, feed_id)[1].expect
                if expect is not None and tick.state != ARRIVED:
                    self._report(f"{partner}/{feed_id}: {format_tick(tick, expect, self._clock())}")
