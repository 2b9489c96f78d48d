"""The context of a command: its workspace, each part read when it is first used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from metrics.prices import Prices
    from poc.config.workspace import Workspace
    from poc.notify.notification import StatusReport


@dataclass(frozen=True)
class WorkspaceContext:
    """The workspace of a command; each part is read when it is first used."""

    given: Path | None

    @property
    def folder(self) -> Path:
        """The folder given by `-w` or `MILEPOST_WORKSPACE`, or the current one; it need not be a workspace."""
        return (self.given or Path.cwd()).resolve()

    @cached_property
    def workspace(self) -> Workspace:
        """That folder as a workspace, read and checked."""
        from poc.config.workspace import load_workspace

        return load_workspace(self.folder)

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return self.workspace.root

    @property
    def name(self) -> str:
        """The name of the workspace."""
        return self.workspace.settings.name

    @property
    def public_url(self) -> str:
        """The address by which people reach the dashboard; empty where nobody signs in."""
        web = self.workspace.settings.web
        return "" if web.sign_in == "none" else web.public_url.rstrip("/")

    @property
    def clock(self) -> str:
        """`replay` or `live`."""
        return self.workspace.settings.clock

    @property
    def store(self) -> Path:
        """The metrics database by which this workspace is judged."""
        return self.store_of(self.clock)

    def store_of(self, clock: str) -> Path:
        """Return the metrics database of a clock; the two clocks are never mixed."""
        return self.root / "var" / f"metrics-{clock}.db"

    @property
    def log_mapping(self) -> dict[str, Any]:
        """The table `[import]` of milepost.toml, unparsed: how the logs of the user's own system are read."""
        return self.workspace.settings.import_

    def replayed(self) -> WorkspaceContext:
        """Return the workspace of a replay: this one on the replay clock, else one of the airlines below `var`."""
        if self.clock == "replay":
            return self
        from poc.config.scaffold import AIRLINES, create_workspace
        from roadmap.plan.template import replay_template

        root = self.root / "var" / "replay" / "workspace"
        if not (root / "milepost.toml").is_file():
            create_workspace(root, "replay", "replay", AIRLINES, replay_template())
        return WorkspaceContext(root)

    @property
    def milestones(self) -> Path:
        """The milestone file."""
        return self.root / "milestones.toml"

    @property
    def prices(self) -> Prices | None:
        """The prices of `[worth]`; None where there are none."""
        from metrics.prices import Prices

        worth = self.workspace.settings.worth
        if worth is None:
            return None
        return Prices(
            currency=worth.currency,
            person_hour=float(worth.person_hour),
            touch_minutes=float(worth.touch_minutes),
            machine_hour=float(worth.machine_hour),
            since=worth.since,
        )

    def log_notes(self) -> tuple[str, ...]:
        """Return for each milestone that an imported log cannot prove why not, and what can.

        A milestone file that cannot be read has none; `milepost validate` reports it.
        """
        from metrics.question import block_days
        from roadmap.errors import PlanError
        from roadmap.plan.grades import log_notes
        from roadmap.plan.loader import load_plan

        try:
            return log_notes(load_plan(self.milestones, block_days("live")).milestones)
        except PlanError:
            return ()

    def milestone_statuses(self) -> list[StatusReport]:
        """Return the newest recorded status of each milestone in the plan, for notifications."""
        from milepost.milestone_statuses import read_statuses

        return read_statuses(self.store, self.milestones, self.clock)

    def digest_state(self, now: datetime) -> str:
        """Return the state of the digest by mail in a line; empty where nobody gets one."""
        from milepost.digest_schedule import digest_state

        return digest_state(self.workspace.settings.digest, self.store, now)

    def remove_old_runs(self, before: datetime, *, dry_run: bool) -> int:
        """Remove the runs of production before a time from the metrics store; return how many."""
        from contextlib import closing

        from metrics.store.database import open_store
        from metrics.store.retention import remove_old_runs

        path = self.store_of("live")
        if not path.exists():
            return 0
        with closing(open_store(path, "live")) as db:
            return remove_old_runs(db, before.date(), dry_run=dry_run)

    @cached_property
    def built(self) -> int:
        """The highest service level that is built."""
        from poc.pipeline.levels import HIGHEST_LEVEL

        return HIGHEST_LEVEL

    @cached_property
    def release(self) -> str:
        """Version of the program."""
        from importlib.metadata import version

        return version("milepost")
