"""What it takes to prove a milestone's targets, in words and as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap.forecast.required_evidence import Requirement, requirements
from roadmap.judge.evidence import first_and_last_day, load_windows
from roadmap.wording.dates import day

if TYPE_CHECKING:
    from sqlite_utils import Database

    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneRequirements:
    """A milestone, and what each of its targets still takes."""

    milestone: Milestone
    verdict: Verdict
    needs: tuple[Requirement, ...]
    block_days: int


def gather(db: Database | None, milestone: Milestone, verdict: Verdict, block_days: int) -> MilestoneRequirements:
    """What each target takes, from what was measured until the verdict's day; without a database, from nothing."""
    today = verdict.as_of
    readings = {(c.name, c.faults): c.reading for c in verdict.criteria if c.reading is not None}
    first_day = first_and_last_day(load_windows(db, milestone, today), today)[0] if db else None
    found = requirements(milestone, readings, today, first_day, block_days)
    return MilestoneRequirements(milestone=milestone, verdict=verdict, needs=found, block_days=block_days)


def to_json(outlook: MilestoneRequirements) -> dict[str, Any]:
    """An outlook as plain data; what cannot be said is None."""
    milestone = outlook.milestone
    return {
        "code": milestone.code,
        "as_of": outlook.verdict.as_of.isoformat(),
        "status": outlook.verdict.status,
        "due": milestone.due.isoformat(),
        "last_start": outlook.verdict.last_start.isoformat(),
        "min_blocks": milestone.evidence.min_blocks,
        "block_days": outlook.block_days,
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
            for need in outlook.needs
        ],
    }


def to_text(outlook: MilestoneRequirements) -> str:
    """An outlook in words, a line a target; of what is proven, that nothing more is needed."""
    milestone, verdict = outlook.milestone, outlook.verdict
    unit = "weeks" if outlook.block_days == 7 else "days"
    start = day(verdict.last_start)
    lines = [
        f"{f'{milestone.code} {milestone.title}':<20} due {day(milestone.due)}",
        f"  at least   {milestone.evidence.min_blocks} {unit} of evidence; last responsible start {start}",
    ]
    if verdict.proven_on:
        return "\n".join((*lines, f"  proven     on {day(verdict.proven_on)}; nothing more is needed"))
    return "\n".join((*lines, *(f"  {need.role:<10} {need.text}" for need in outlook.needs)))
