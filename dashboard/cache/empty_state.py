"""What is said before the first run has ended, and what brings it about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.errors import NothingYet

if TYPE_CHECKING:
    from sqlite_utils import Database

    from roadmap.plan.milestones import Plan

#: How a workspace gets its first run, by its clock: in words, and with which commands.
HOW = {
    "replay": (
        ("This replays the files of a year on both sides, and measures it:"),
        "milepost metrics measure",
    ),
    "live": (
        (
            "Put a file into var/inbox/PARTNER/FEED/ of this workspace: this server takes it within seconds, and its "
            "run is counted. The first of these says whether the workspace is in order, the second starts a partner "
            "to practise on:"
        ),
        "milepost validate\nmilepost partner",
    ),
}


def no_store(clock: str) -> NothingYet:
    """What to say where there is no metrics database."""
    return NothingYet("Nothing measured yet", *HOW[clock])


def no_runs(db: Database, plan: Plan, clock: str) -> NothingYet:
    """What to say of a metrics database in which no run has ended."""
    if next(db.query("SELECT EXISTS (SELECT 1 FROM run) AS found"))["found"]:
        said = "The first run has begun and not ended. What is under way is listed by this:"
        return NothingYet("No run has ended yet", said, "milepost status")
    first = min(plan.milestones, key=lambda milestone: milestone.start)
    return NothingYet(f"No runs yet on {first.code}", *HOW[clock])
