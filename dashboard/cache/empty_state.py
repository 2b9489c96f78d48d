"""Messages before the first run has ended, with the commands that measure one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.errors import NothingYet

if TYPE_CHECKING:
    from sqlite_utils import Database

    from roadmap.plan.milestones import Plan

#: How a workspace gets its first run, by its clock: a sentence, and commands.
FIRST_RUN_HINTS = {
    "replay": (
        "This command replays the files of a year on both sides and measures the runs:",
        "milepost metrics measure",
    ),
    "live": (
        (
            "Put a file into var/inbox/PARTNER/FEED/ of this workspace: this server sends it within seconds and counts "
            "its run. The first command checks the workspace, the second starts a practice partner:"
        ),
        "milepost validate\nmilepost partner",
    ),
}


def no_store(clock: str) -> NothingYet:
    """Return the message for a workspace without a metrics database."""
    return NothingYet("Nothing measured yet", *FIRST_RUN_HINTS[clock])


def no_runs(db: Database, plan: Plan, clock: str) -> NothingYet:
    """Return the message for a metrics database in which no run has ended."""
    if next(db.query("SELECT EXISTS (SELECT 1 FROM run) AS found"))["found"]:
        text = "The first run has started and not ended. This command lists the runs in progress:"
        return NothingYet("No run has ended yet", text, "milepost status")
    first = min(plan.milestones, key=lambda milestone: milestone.start, default=None)
    return NothingYet(f"No runs yet on {first.code}" if first else "No runs yet", *FIRST_RUN_HINTS[clock])
