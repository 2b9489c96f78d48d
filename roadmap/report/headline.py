"""Pick the headline milestone and read its gain; where nothing can be compared, count the runs of both sides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from metrics.events import parse_subject
from metrics.measures import comparison
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import block_days, block_word
from metrics.replayed_years import year_option
from roadmap.judge.evidence import milestone_question
from roadmap.report.block_series import time_target
from roadmap.wording.gains import Gain, RunsOfBothSides

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.question import Question
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone, Plan


#: Why two sides that have both run in a replay, which is compared week by week, give no number.
NOTHING_SHARED = "no week in which both have delivered the same feed"


def runs_of_both_sides(db: Database, question: Question, reading: Reading) -> RunsOfBothSides:
    """Return the runs of each side of a question whose `busy_time_saved` has no number."""
    window = load_window(db, question)
    live = question.mode == "live"
    subject_runs, control_runs = (
        int(np.nansum(side["attempts"])) for side in (window.subject, window.history if live else window.control)
    )
    step, command = _next_step(question, subject_runs, control_runs)
    return RunsOfBothSides(
        subject=question.subject,
        control=question.control,
        subject_runs=subject_runs,
        control_runs=control_runs,
        why=(reading.missing if live else NOTHING_SHARED) if subject_runs and control_runs else "",
        step=step,
        command=command,
    )


def _next_step(question: Question, subject_runs: int, control_runs: int) -> tuple[str, str]:
    """Return the step and the command that lead to a number; "" if both have run in production: more runs will do."""
    if question.mode != "live":
        command = (
            f"milepost metrics measure --subjects {question.control},{question.subject} --faults {question.faults}"
            f"{year_option(question.start)}"
        )
        return "Both are measured by", command
    if not subject_runs:
        return "It runs with", f"milepost run --level {parse_subject(question.subject)[1]}"
    return ("The monolith’s runs are recorded with", "milepost metrics record") if not control_runs else ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlineCandidate:
    """A milestone with its verdict, its gain, and the question that the gain answers."""

    milestone: Milestone
    verdict: Verdict
    reading: Reading
    question: Question
    gain: Gain


def headline_candidates(
    db: Database, plan: Plan, verdicts: Sequence[Verdict], today: date, built: int, mode: str
) -> list[HeadlineCandidate]:
    """Return the milestones that are built and have started, by start; without any, the first of the plan."""
    pairs = [pair for pair in zip(plan.milestones, verdicts, strict=True) if pair[0].is_measured]
    pairs.sort(key=lambda pair: pair[0].start)
    started = [pair for pair in pairs if pair[0].level <= built and pair[0].start <= today] or pairs[:1]
    return [_candidate(db, milestone, verdict, today, mode) for milestone, verdict in started]


def pick_headline(candidates: Sequence[HeadlineCandidate]) -> HeadlineCandidate:
    """Return the last milestone with a range; else the last with evidence, then with runs; else the first."""
    with_range = [candidate for candidate in candidates if candidate.reading.low is not None]
    with_blocks = [candidate for candidate in candidates if candidate.reading.blocks]
    with_runs = [candidate for candidate in candidates if candidate.gain.sides and candidate.gain.sides.subject_runs]
    return next((group[-1] for group in (with_range, with_blocks, with_runs) if group), candidates[0])


def _candidate(db: Database, milestone: Milestone, verdict: Verdict, today: date, mode: str) -> HeadlineCandidate:
    faults = "real" if mode == "live" else "standard"
    judged = [
        c.reading for c in verdict.criteria if c.name == "busy_time_saved" and c.reading and c.faults == "standard"
    ]
    end = judged[0].end if judged else min(today, milestone.due)
    question = milestone_question(milestone, end, mode, faults)
    reading = judged[0] if judged else comparison.busy_time_saved(db, question)
    question = replace(question, series=reading.series)
    lacks = [MEASURES[c.name].title.lower() for c in verdict.criteria if c.verdict not in {"met", "held"}]
    gain = Gain(
        estimate=reading.estimate,
        low=reading.low,
        high=reading.high,
        target=time_target(milestone),
        blocks=reading.blocks,
        min_blocks=question.min_blocks,
        today=today,
        start=milestone.start,
        due=milestone.due,
        code=milestone.code,
        unit=f"{block_word(mode)}s",
        block_days=block_days(mode),
        proven_on=verdict.proven_on,
        lacks=", ".join(dict.fromkeys(lacks)),
        sides=None if reading.blocks else runs_of_both_sides(db, question, reading),
    )
    return HeadlineCandidate(milestone=milestone, verdict=verdict, reading=reading, question=question, gain=gain)
