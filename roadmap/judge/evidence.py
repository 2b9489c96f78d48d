"""From the store to evidence: the looks taken at the end of every block.

The window of a milestone opens at its start. At the end of each block, from `min_blocks` on, all targets are looked at
together; the first look at which all metrics are met and all guardrails held proves the milestone, for good. A proven
milestone's window closes at its due date (or at the look that proved it late), and what was lost until then is said as
"regressed since". An unproven one stays open past its due date for as long as its subject is measured: a late proof.
With `mode = "fixed"` there is one look only, at the last block that ends by the due date.

A look is taken when its block is over. A replay's today is the end of its last block; in production the day that runs
is shown in the readings and proves nothing, for its good morning may have a bad evening.

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
from roadmap.records.checkpoint import newest_checkpoint
from roadmap.records.decisions import cost_entries, latest_decision
from roadmap.records.evaluations import newest_status, recorded_proof

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.measures.window import Read, Window
    from roadmap.plan.milestones import Milestone

    Readings = dict[tuple[str, str], Reading]

#: Days between two reviews.
A_WEEK = timedelta(days=7)


def milestone_question(milestone: Milestone, today: date, mode: str, faults: str) -> Question:
    """What a milestone asks of the store. Live runs meet real faults, and all share one series."""
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
    """What a milestone's targets ask, by the faults that the plan names."""
    mode = clock_of(db)
    names = sorted({target.faults for target in (*milestone.metrics, *milestone.guardrails)})
    return {name: milestone_question(milestone, today, mode, name) for name in names}


def load_windows(db: Database, milestone: Milestone, today: date, known: Read | None = None) -> dict[str, Window]:
    """The windows that a milestone's targets need, by the faults that the plan names; each is read once.

    `known` holds what was read for other milestones of the same judgement.
    """
    asked = milestone_questions(db, milestone, today)
    read = {one: load_window(db, one, known) for one in asked.values()}
    return {name: read[one] for name, one in asked.items()}


def gather_evidence(db: Database, milestone: Milestone, windows: Mapping[str, Window], today: date) -> Evidence:
    """Everything the store knows of a milestone up to a day; past proofs that were kept are honoured."""
    series = series_key(windows)
    kept = recorded_proof(db, milestone, series, today)
    # the one look of `fixed` depends on the due date, which a proof does not; it is soon taken
    anytime = milestone.evidence.mode == "anytime"
    before = newest_checkpoint(db, milestone, windows, series, today) if anytime else None
    looked = _evaluate_blocks(milestone, windows, kept, before)
    met_on, proven_on = (looked.met_on, looked.proven_on) if looked else ({}, None)
    if kept and proven_on is None:  # on that day all of them were met, whatever its weeks say now
        roles = (("metric", milestone.metrics), ("guardrail", milestone.guardrails))
        met_on = {(role, one.name, one.faults): kept for role, targets in roles for one in targets} | met_on
    proof = readings_as_of(milestone, windows, proven_on) if proven_on else {}
    if kept and (proven_on is None or kept < proven_on):
        proof, proven_on = {}, kept
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
        spent=sum(entry.amount for entry in spent) if spent else None,
        planned_on=next((one.as_of for one in plans if one.revision == milestone.revision), None),
        first_due=plans[0].due if plans else None,
        plan_revision=milestone.revision,
        stalled_before=_stalled_before(db, milestone.code, today),
        mode=clock_of(db),
        looked=looked,
    )


def readings_as_of(milestone: Milestone, windows: Mapping[str, Window], day: date) -> Readings:
    """All readings that a milestone's targets need, as of a day."""
    cut = {faults: window.until(day) for faults, window in windows.items()}
    wanted = {(target.name, target.faults) for target in (*milestone.metrics, *milestone.guardrails)}
    return {(name, faults): MEASURES[name].compute(cut[faults]) for name, faults in sorted(wanted)}


def series_key(windows: Mapping[str, Window]) -> str:
    """Which measurements a verdict rests on, as `none:1a2b standard:3c4d`."""
    return " ".join(f"{faults}:{window.question.series or '-'}" for faults, window in sorted(windows.items()))


def _evaluate_blocks(
    milestone: Milestone, windows: Mapping[str, Window], kept: date | None, before: Checkpoint | None
) -> Checkpoint | None:
    """When each target was first met, and the first look that found all of them met; looking ends there, or at `kept`.

    `before` is what earlier looks at the same found, which need not be taken again. None: there is no day to look on.
    """
    if before and before.proven_on:
        return before
    # hashing what each look rests on would take longer than the look; what is stored is read from `windows` again
    unhashed = {faults: replace(window, hashed=False) for faults, window in windows.items()}
    targets = [("metric", target) for target in milestone.metrics]
    targets += [("guardrail", target) for target in milestone.guardrails]
    met_on: MetOn = dict(before.met_on) if before else {}
    until = before.until if before else None
    for look in _evaluation_days(milestone, windows):
        if until and look <= until:
            continue
        if kept and look > kept:
            break
        until = look
        cut = {faults: window.until(look) for faults, window in unhashed.items()}
        read: Readings = {}
        # those not met so far go first: where one of them is still open, the others need not be read
        targets.sort(key=lambda one: (one[0], one[1].name, one[1].faults) in met_on)
        complete = True
        for role, target in targets:
            key = (target.name, target.faults)
            if (role, *key) in met_on and not complete:
                break
            if key not in read:
                read[key] = MEASURES[target.name].compute(cut[target.faults])
            if judge_criterion(milestone, role, target, read[key], look, met_on).verdict in {"met", "held"}:
                met_on.setdefault((role, *key), look)
            else:
                complete = False
        if complete:
            return Checkpoint(until=look, met_on=met_on, proven_on=look)
    return Checkpoint(until=until, met_on=met_on, proven_on=None) if until else None


def _evaluation_days(milestone: Milestone, windows: Mapping[str, Window]) -> list[date]:
    """The days to look on: the ends of the blocks over that have data of the subject, from `min_blocks` on."""
    last = min(last_finished_day(window.question.mode, window.question.end) for window in windows.values())
    ends = {end for window in windows.values() for _, end in window.seen() if end <= last.isoformat()}
    days = [date.fromisoformat(end) for end in sorted(ends)][milestone.evidence.min_blocks - 1 :]
    if milestone.evidence.mode == "anytime":
        return days
    # The criterion refuses a look before the due date, so the last block by then is looked at on the due date itself.
    return [milestone.due] if last >= milestone.due and any(day <= milestone.due for day in days) else []


def first_and_last_day(windows: Mapping[str, Window], today: date) -> tuple[date | None, date | None]:
    """First and last day of the blocks, over by a day, that have data of the subject."""
    blocks = [block for window in windows.values() for block in window.seen() if block[1] <= today.isoformat()]
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
