"""Grades of evidence, and the milestones that ask for a better grade than their evidence can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from roadmap.plan.milestones import Milestone

#: Grades of evidence from weakest to strongest.
GRADES = "DCBA"

#: The grade of an imported log, and the best one of a replay.
LOG_GRADE, REPLAY_GRADE = "D", "B"


def reaches_grade(grade: str, required: str) -> bool:
    """Return whether evidence of one grade counts where another is required."""
    return GRADES.index(grade) >= GRADES.index(required)


def log_note(milestone: Milestone) -> str:
    """Return that an imported log cannot prove a milestone, and what can; "" where it can."""
    required = milestone.evidence.min_grade
    if reaches_grade(LOG_GRADE, required):
        return ""
    files = "" if required == "C" else ", with `--input`, so that equal files are recognised"
    return (
        f"{milestone.code} asks for evidence of grade {required}; an imported log is of grade {LOG_GRADE} and cannot "
        f"prove it. `milepost metrics record` measures {milestone.control} on the same days as the service{files}; "
        f'or let {milestone.code} ask for `min_grade = "{LOG_GRADE}"`'
    )


def log_notes(milestones: Iterable[Milestone]) -> tuple[str, ...]:
    """Return for each milestone that an imported log cannot prove why not, and what can."""
    return tuple(filter(None, map(log_note, milestones)))


def replay_note(milestone: Milestone) -> str:
    """Return that a replay cannot prove a milestone; "" where it can."""
    required = milestone.evidence.min_grade
    if reaches_grade(REPLAY_GRADE, required):
        return ""
    return (
        f"{milestone.code} asks for evidence of grade {required}; a replay is of grade {REPLAY_GRADE} and cannot prove "
        f'it. Let {milestone.code} ask for `min_grade = "{REPLAY_GRADE}"`'
    )


def replay_notes(milestones: Iterable[Milestone]) -> tuple[str, ...]:
    """Return for each milestone that a replay cannot prove why not."""
    return tuple(filter(None, map(replay_note, milestones)))
