"""Report what it takes to prove a milestone's targets, as text and as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from roadmap.forecast.required_evidence import Requirement, requirements
from roadmap.judge.evidence import first_and_last_day, load_windows
from roadmap.plan.grades import log_note, replay_note
from roadmap.plan.milestones import BLOCK_DAYS
from roadmap.wording.dates import day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database

    from metrics.measures.window import Window
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneRequirements:
    """A milestone and the requirements of its targets."""

    milestone: Milestone
    verdict: Verdict
    requirements: tuple[Requirement, ...]
    block_days: int
    grade_note: str  #: why its evidence cannot reach the grade that it asks for; "" where it can, or may


def gather(db: Database | None, milestone: Milestone, verdict: Verdict, block_days: int) -> MilestoneRequirements:
    """Return what each target takes, from the readings until the verdict's day; without a database, from none."""
    today = verdict.as_of
    readings = {(c.name, c.faults): c.reading for c in verdict.criteria if c.reading is not None}
    windows = load_windows(db, milestone, today) if db else {}
    first_day = first_and_last_day(windows, today)[0] if db else None
    return MilestoneRequirements(
        milestone=milestone,
        verdict=verdict,
        requirements=requirements(milestone, readings, today, first_day, block_days),
        block_days=block_days,
        grade_note=_grade_note(milestone, windows, block_days),
    )


def _grade_note(milestone: Milestone, windows: Mapping[str, Window], block_days: int) -> str:
    """Return why the evidence of a milestone cannot reach its grade: it is a replay, or all of the control is a log."""
    if block_days == BLOCK_DAYS:
        return replay_note(milestone)
    imported = [window.history["imported"] for window in windows.values()]
    known = [flags[~np.isnan(flags)] for flags in imported]
    from_log = any(flags.size for flags in known) and all(flags.all() for flags in known)
    return log_note(milestone) if from_log else ""


def to_json(report: MilestoneRequirements) -> dict[str, Any]:
    """Return the requirements as plain data; unknown values are None."""
    milestone = report.milestone
    return {
        "code": milestone.code,
        "as_of": report.verdict.as_of.isoformat(),
        "status": report.verdict.status,
        "due": milestone.due.isoformat(),
        "last_start": report.verdict.last_start.isoformat(),
        "min_blocks": milestone.evidence.min_blocks,
        "block_days": report.block_days,
        "grade_note": report.grade_note,
        "needs": [
            {
                "name": need.name,
                "role": need.role,
                "faults": need.faults,
                "target": need.target,
                "blocks": need.blocks,
                "true_gain": need.true_gain,
                "earliest": need.earliest.isoformat() if need.earliest else None,
                "assumed": need.assumed,
                "text": need.text,
            }
            for need in report.requirements
        ],
    }


def to_text(report: MilestoneRequirements) -> str:
    """Format the requirements, a line for each target; a proven milestone needs nothing more."""
    milestone, verdict = report.milestone, report.verdict
    unit = "weeks" if report.block_days == 7 else "days"
    start = day(verdict.last_start)
    lines = [
        f"{f'{milestone.code} {milestone.title}':<20} due {day(milestone.due)}",
        f"  at least   {milestone.evidence.min_blocks} {unit} of evidence; last responsible start {start}",
    ]
    if not milestone.is_measured:
        reports = f"people report on it: milepost roadmap checkin {milestone.code}"
        return f"{lines[0]}\n  nothing    has to be measured; {reports}"
    if report.grade_note and not verdict.proven_on:
        lines.append(f"  {'grade':<10} {report.grade_note}")
    if verdict.proven_on:
        return "\n".join((*lines, f"  proven     on {day(verdict.proven_on)}; nothing more is needed"))
    return "\n".join((*lines, *(f"  {need.role:<10} {need.text}" for need in report.requirements)))
