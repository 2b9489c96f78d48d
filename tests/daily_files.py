"""A workspace that gets a file of each partner every day, by a clock of its own, and is tidied up every day."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from metrics.collector.collect import collect
from metrics.events import SpoolRecorder
from metrics.store.database import open_store
from metrics.store.retention import remove_old_runs
from poc.config.scaffold import AIRLINES, KEEP, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.maintenance.retention import tidy
from poc.service.inbox_run import run_inbox
from tests.flights_feed import HEADER, ROW

if TYPE_CHECKING:
    from pathlib import Path

FIRST_DAY = datetime(2013, 1, 7, 6, tzinfo=UTC)
LEVEL = 5


class DailyFiles:
    """The workspace, and what a service does in it on each day."""

    def __init__(self, root: Path, url: str, partners: int, keep_days: int) -> None:
        self.root = root
        self.names = [f"P{number:02}" for number in range(partners)]
        create_workspace(root, "days", "live", dict.fromkeys(self.names, AIRLINES["UA"]), "")
        settings = root / "milepost.toml"
        kinds = ("archive", "refused", "quarantine", "spool", "metrics", "history")
        keep = "".join(f'keep.{kind} = "{keep_days}d"\n' for kind in kinds)
        settings.write_text(settings.read_text().replace(KEEP, keep))
        for name in self.names:
            path = root / "partners" / f"{name}.toml"
            path.write_text(path.read_text().replace("http://127.0.0.1:8766/live", f"{url}/n"))

    def pass_day(self, number: int, rows: int, *, bad_row: str = "") -> None:
        """Hand the files of a day in, exchange them, collect their runs, and remove what is old.

        The last partner's file also has `bad_row`, if there is one.
        """
        now = FIRST_DAY + timedelta(days=number)
        for name in self.names:
            path = self.root / "var/inbox" / name / "flights" / f"{now:%Y-%m-%d}.csv"
            lines = [HEADER, *(ROW.format(flight=number * rows + row) for row in range(rows))]
            lines += [bad_row] if bad_row and name == self.names[-1] else []
            path.write_text("\n".join(lines) + "\n")
            os.utime(path, (now.timestamp() - 60,) * 2)
        workspace = load_workspace(self.root)
        with closing(SpoolRecorder(workspace.spool)) as recorder:
            results = list(run_inbox(workspace, None, LEVEL, lambda: now, recorder, "0"))
        assert {result.receipt and result.receipt.outcome for result in results} == {"done"}, results[0].error
        with (
            closing(open_store(self.root / "var/metrics-live.db", "live")) as db,
            closing(open_ledger(workspace.ledger)) as ledger,
        ):
            collect(workspace.spool, db, int(now.timestamp() * 1_000_000))
            tidy(workspace, ledger, now, lambda before: remove_old_runs(db, before.date(), dry_run=False))

    def size_bytes(self) -> int:
        """Return the size of `var` without the metrics store, in which the rollup of all days stays."""
        return (
            sum(path.stat().st_size for path in (self.root / "var").rglob("*") if path.is_file()) - self.store_bytes()
        )

    def store_bytes(self) -> int:
        """Return the size of the metrics store."""
        return sum(path.stat().st_size for path in (self.root / "var").glob("metrics-live.db*"))

    def archived(self) -> list[str]:
        """Return the archived files."""
        folder = self.root / "var/archive"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
