"""Which milestone speaks for all of them, and what is known of its gain: the answer on pages and on paper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics import compare
from metrics.measures import MEASURES
from roadmap import begun
from roadmap.gain import Gain
from roadmap.looks import question
from roadmap.weeks import time_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlite_utils import Database

    from metrics.question import Question
    from metrics.reading import Reading
    from roadmap.plan import Milestone, Plan
    from roadmap.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A milestone with its verdict and its gain, as a page needs them."""

    milestone: Milestone
    verdict: Verdict
    reading: Reading
    asked: Question
    gain: Gain


def look(db: Database, plan: Plan, verdicts: Sequence[Verdict], today: date, built: int, mode: str) -> list[Seen]:
    """Every milestone that is built and has started, in order of start; without any, the first of the plan."""
    pairs = sorted(zip(plan.milestones, verdicts, strict=True), key=lambda pair: pair[0].start)
    standing = [pair for pair in pairs if pair[0].level <= built and pair[0].start <= today] or pairs[:1]
    return [_seen(db, milestone, verdict, today, mode) for milestone, verdict in standing]


def speaking(seen: Sequence[Seen]) -> Seen:
    """The last milestone with enough evidence; else the last that has any, or at least runs; else the first."""
    enough = [one for one in seen if one.reading.low is not None]
    some = [one for one in seen if one.reading.blocks]
    runs = [one for one in seen if one.gain.sides and one.gain.sides.ours]
    return next((found[-1] for found in (enough, some, runs) if found), seen[0])


def _seen(db: Database, milestone: Milestone, verdict: Verdict, today: date, mode: str) -> Seen:
    faults = "real" if mode == "live" else "standard"
    judged = [
        c.reading for c in verdict.criteria if c.name == "busy_time_saved" and c.reading and c.faults == "standard"
    ]
    end = judged[0].end if judged else min(today, milestone.due)
    asked = question(milestone, end, mode, faults)
    reading = judged[0] if judged else compare.busy_time_saved(db, asked)
    asked = replace(asked, series=reading.series)
    lacks = [MEASURES[c.name].title.lower() for c in verdict.criteria if c.verdict not in {"met", "held"}]
    gain = Gain(
        estimate=reading.estimate,
        low=reading.low,
        high=reading.high,
        target=time_target(milestone),
        blocks=reading.blocks,
        min_blocks=asked.min_blocks,
        today=today,
        start=milestone.start,
        due=milestone.due,
        code=milestone.code,
        unit="days" if mode == "live" else "weeks",
        block_days=1 if mode == "live" else 7,
        proven_on=verdict.proven_on,
        lacks=", ".join(dict.fromkeys(lacks)),
        sides=None if reading.blocks else begun.look(db, asked, reading),
    )
    return Seen(milestone=milestone, verdict=verdict, reading=reading, asked=asked, gain=gain)
