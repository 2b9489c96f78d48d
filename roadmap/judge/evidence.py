"""Gather the evidence on a milestone from the store, evaluated at the end of every block.

The window of a milestone opens at its start. At the end of each block, from `min_blocks` on, all targets are evaluated
together; the first evaluation in which all metrics are met and all guardrails held proves the milestone, for good. The
window of a proven milestone closes at its due date (or at the evaluation that proved it late), and what was lost until
then is reported as "regressed since". The window of an unproven one stays open past its due date for as long as its
subject is measured: a late proof. With `mode = "fixed"` there is one evaluation only, at the last block that ends by
the due date.

A block is evaluated when it is complete. A replay's today is the end of its last block; in production the present day
is shown in the readings and proves nothing, as a good morning may be followed by a bad evening.

A proof holds for the targets and the measurement series it was given for; a new target or series is judged anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.store.database import clock_of
from roadmap.criteria import judge_criterion
from roadmap.model import Checkpoint, Evidence, MetOn, last_finished_day
from roadmap.plan.revisions import recorded_plans
from roadmap.records.checkins import checkins
from roadmap.records.checkpoint import newest_checkpoint
from roadmap.records.decisions import cost_entries, latest_decision
from roadmap.records.evaluations import newest_status, recorded_proof
from roadmap.records.prices import recorded_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.measures.window import RowCache, Window
    from metrics.prices import Prices
    from roadmap.model import Checkin
    from roadmap.plan.milestones import Milestone

    Readings = dict[tuple[str, str], Reading]

#: Days between two reviews.
A_WEEK = timedelta(days=7)


def milestone_question(milestone: Milestone, today: date, mode: str, faults: str) -> Question:
    """Return the question a milestone asks of the store. Live runs meet real faults, and all share one series."""
    live = mode == "live"
    return Question(
        subject=milestone.subject,
        control=milestone.control,
        scope=milestone.scope,
        start=milestone.start,
        end=today,
        faults="real" if live else faults,
        mode=mode,
        series="" if live else None,
        alpha=milestone.evidence.alpha,
        min_blocks=milestone.evidence.min_blocks,
        bound=milestone.evidence.mode,
    )


def milestone_questions(db: Database, milestone: Milestone, today: date) -> dict[str, Question]:
    """Return the questions of a milestone's targets, by the faults that the plan names."""
    mode = clock_of(db)
    targets = (*milestone.metrics, *milestone.guardrails)
    names = sorted({target.faults for target in targets})
    # other measures need no prices, and share their windows with questions without
    prices = _prices(db, milestone, today) if any(target.name == "effort_saved" for target in targets) else None
    return {name: replace(milestone_question(milestone, today, mode, name), prices=prices) for name in names}


def _prices(db: Database, milestone: Milestone, today: date) -> Prices | None:
    """Return the prices by which a milestone's effort is valued; those recorded with its plan count as fixed before."""
    prices = recorded_prices(db, today)
    plans = recorded_plans(db, milestone.code)
    planned_on = plans[0].as_of if plans else today
    if prices is None or prices.fixed_on is None or prices.fixed_on > planned_on:
        return prices
    return replace(prices, fixed_on=None)


def load_windows(db: Database, milestone: Milestone, today: date, cache: RowCache | None = None) -> dict[str, Window]:
    """Load the windows that a milestone's targets need, by the faults that the plan names; each is read once.

    `cache` holds what was read for other milestones of the same judgement.
    """
    questions = milestone_questions(db, milestone, today)
    windows = {question: load_window(db, question, cache) for question in questions.values()}
    return {faults: windows[question] for faults, question in questions.items()}


def gather_evidence(db: Database, milestone: Milestone, windows: Mapping[str, Window], today: date) -> Evidence:
    """Return all evidence on a milestone up to a day; a proof that was recorded earlier counts."""
    if not milestone.is_measured:
        return _unmeasured(db, milestone, today)
    series = series_key(windows)
    proven_earlier = recorded_proof(db, milestone, series, today)
    # the one evaluation of `fixed` depends on the due date, which a proof does not; it costs little to repeat
    anytime = milestone.evidence.mode == "anytime"
    previous = newest_checkpoint(db, milestone, windows, series, today) if anytime else None
    checkpoint = _evaluate_blocks(milestone, windows, proven_earlier, previous)
    met_on, proven_on = (checkpoint.met_on, checkpoint.proven_on) if checkpoint else ({}, None)
    if proven_earlier and proven_on is None:  # on that day all targets were met, whatever its weeks say now
        roles = (("metric", milestone.metrics), ("guardrail", milestone.guardrails))
        all_met = {(role, t.name, t.faults): proven_earlier for role, targets in roles for t in targets}
        met_on = all_met | met_on
    proof = readings_as_of(milestone, windows, proven_on) if proven_on else {}
    if proven_earlier and (proven_on is None or proven_earlier < proven_on):
        proof, proven_on = {}, proven_earlier
    ends = milestone.due if milestone.evidence.mode == "fixed" else today
    close = min(today, ends if proven_on is None else max(milestone.due, proven_on))
    first, last = first_and_last_day(windows, today)
    plans = recorded_plans(db, milestone.code)
    spent = cost_entries(db, milestone.code, today)
    return Evidence(
        readings=proof if proof and close == proven_on else readings_as_of(milestone, windows, close),
        proof=proof,
        met_on=met_on,
        proven_on=proven_on,
        first_day=first,
        last_day=last,
        decision=latest_decision(db, milestone.code, today),
        checkin=_latest_checkin(db, milestone.code, today),
        spent=sum(entry.amount for entry in spent) if spent else None,
        planned_on=next((plan.as_of for plan in plans if plan.revision == milestone.revision), None),
        first_due=plans[0].due if plans else None,
        plan_revision=milestone.revision,
        stalled_before=_stalled_before(db, milestone.code, today),
        mode=clock_of(db),
        checkpoint=checkpoint,
    )


def _unmeasured(db: Database, milestone: Milestone, today: date) -> Evidence:
    """Return what people have recorded of a milestone without a measure."""
    plans = recorded_plans(db, milestone.code)
    spent = cost_entries(db, milestone.code, today)
    return Evidence(
        decision=latest_decision(db, milestone.code, today),
        checkin=_latest_checkin(db, milestone.code, today),
        spent=sum(entry.amount for entry in spent) if spent else None,
        first_due=plans[0].due if plans else None,
        plan_revision=milestone.revision,
        mode=clock_of(db),
    )


def _latest_checkin(db: Database, code: str, today: date) -> Checkin | None:
    recorded = checkins(db, code, today)
    return recorded[-1] if recorded else None


def readings_as_of(milestone: Milestone, windows: Mapping[str, Window], day: date) -> Readings:
    """Return the readings that a milestone's targets need, as of a day."""
    cut = {faults: window.until(day) for faults, window in windows.items()}
    needed = {(target.name, target.faults) for target in (*milestone.metrics, *milestone.guardrails)}
    return {(name, faults): MEASURES[name].compute(cut[faults]) for name, faults in sorted(needed)}


def series_key(windows: Mapping[str, Window]) -> str:
    """Return the series that a verdict rests on, as `none:1a2b standard:3c4d`."""
    series = " ".join(f"{faults}:{window.question.series or '-'}" for faults, window in sorted(windows.items()))
    prices = next((window.question.prices for window in windows.values() if window.question.prices), None)
    return f"{series} prices:{prices.sha256[:8]}" if prices else series  # other prices are another series


def _evaluate_blocks(
    milestone: Milestone, windows: Mapping[str, Window], proven_earlier: date | None, previous: Checkpoint | None
) -> Checkpoint | None:
    """Return when each target was first met, and the first evaluation that found all of them met.

    Evaluation ends there, or at `proven_earlier`. It continues from `previous`, the checkpoint of earlier evaluations
    of the same inputs. None: there is no day to evaluate.
    """
    if previous and previous.proven_on:
        return previous
    # hashing the inputs of each evaluation would take longer than the evaluation; what is stored is read from `windows`
    unhashed = {faults: replace(window, hashed=False) for faults, window in windows.items()}
    targets = [("metric", target) for target in milestone.metrics]
    targets += [("guardrail", target) for target in milestone.guardrails]
    met_on: MetOn = dict(previous.met_on) if previous else {}
    until = previous.until if previous else None
    for day in _evaluation_days(milestone, windows):
        if until and day <= until:
            continue
        if proven_earlier and day > proven_earlier:
            break
        until = day
        cut = {faults: window.until(day) for faults, window in unhashed.items()}
        readings: Readings = {}
        # targets not met so far go first: while one of them stays open, the others need not be read
        targets.sort(key=lambda pair: (pair[0], pair[1].name, pair[1].faults) in met_on)
        all_met = True
        for role, target in targets:
            key = (target.name, target.faults)
            if (role, *key) in met_on and not all_met:
                break
            if key not in readings:
                readings[key] = MEASURES[target.name].compute(cut[target.faults])
            if judge_criterion(milestone, role, target, readings[key], day, met_on).verdict in {"met", "held"}:
                met_on.setdefault((role, *key), day)
            else:
                all_met = False
        if all_met:
            return Checkpoint(until=day, met_on=met_on, proven_on=day)
    return Checkpoint(until=until, met_on=met_on, proven_on=None) if until else None


def _evaluation_days(milestone: Milestone, windows: Mapping[str, Window]) -> list[date]:
    """Return the ends of the complete blocks that have data of the subject, from the `min_blocks`-th on."""
    last = min(last_finished_day(window.question.mode, window.question.end) for window in windows.values())
    ends = {end for window in windows.values() for _, end in window.subject_blocks() if end <= last.isoformat()}
    days = [date.fromisoformat(end) for end in sorted(ends)][milestone.evidence.min_blocks - 1 :]
    if milestone.evidence.mode == "anytime":
        return days
    # A criterion is not judged before the due date, so the last block by then is evaluated on the due date itself.
    return [milestone.due] if last >= milestone.due and any(day <= milestone.due for day in days) else []


def first_and_last_day(windows: Mapping[str, Window], today: date) -> tuple[date | None, date | None]:
    """Return the first and the last day of the blocks that ended by a day and have data of the subject."""
    blocks = [
        block for window in windows.values() for block in window.subject_blocks() if block[1] <= today.isoformat()
    ]
    if not blocks:
        return None, None
    return date.fromisoformat(min(block for block, _ in blocks)), date.fromisoformat(max(end for _, end in blocks))


def _stalled_before(db: Database, code: str, today: date) -> bool:
    """Return whether the previous review found the milestone stalled.

    The previous review is the newest recorded evaluation that is at least a week old. After a gap it is older than
    that; where there is none, as at the first judgement, the milestone was not stalled before.
    """
    if today - date.min < A_WEEK:  # the calendar itself begins later
        return False
    return newest_status(db, code, today - A_WEEK) == "stalled"
