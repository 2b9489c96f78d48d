"""The three key figures in words: time saved, failed exchanges, money spent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics.measures import comparison
from roadmap.wording import numbers
from roadmap.wording.numbers import count, percent, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan
    from roadmap.report.headline import HeadlineCandidate
    from roadmap.wording.gains import Gain

TIME_SAVED, FAILED, SPENT = "Time saved", "Failed exchanges", "Spent of budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """One number with its title, its unit and its notes."""

    title: str
    big: str
    unit: str = ""
    notes: tuple[str, ...] = ()
    missing: bool = False  #: whether `big` is a word instead of a number


def key_figures(
    db: Database | None, head: HeadlineCandidate | None, plan: Plan, verdicts: Sequence[Verdict]
) -> tuple[KeyFigure, ...]:  # fmt: skip
    """Return all three for a printed page; what was not measured or recorded is a word, never a zero."""
    amounts = {verdict.code: verdict.spent for verdict in verdicts if verdict.spent is not None}
    return _headline_time_saved(head), _headline_failures(db, head), spending(plan, amounts)


def time_saved(title: str, reading: Reading, gain: Gain) -> KeyFigure:
    """Return the time saved of a reading, against the target of the milestone's gain."""
    goal = f"target {percent(gain.target)}" if gain.target is not None else "no target was set"
    value = reading.estimate
    if value is None:
        is_apart = gain.has_runs and not gain.blocks
        big = "not compared yet" if is_apart else "not measured"
        return KeyFigure(title=title, big=big, notes=(goal,), missing=True)
    unit = "less time" if value >= 0 else "more time"
    if reading.low is None or reading.high is None:
        evidence = f"{reading.blocks} of {gain.min_blocks} {gain.unit}: no range yet"
        return KeyFigure(title=title, big=percent(abs(value)), unit=unit, notes=(evidence, goal))
    digits = numbers.digits_of(value, reading.low, reading.high, gain.target)
    likely = f"likely {numbers.span(reading.low, reading.high, gain.target)}"
    return KeyFigure(title=title, big=percent(abs(value), digits), unit=unit, notes=(likely, goal))


def failures(title: str, reading: Reading, control: Reading) -> KeyFigure:
    """Return the failed exchanges of a reading beside those of the control."""
    if reading.estimate is None:
        return KeyFigure(title=title, big="not measured", missing=True)
    likely = ""
    if reading.low is not None and reading.high is not None:
        unit = "" if reading.n >= numbers.MIN_EXCHANGES_FOR_RATE else f" {numbers.PER_THOUSAND_UNIT}"
        likely = f"likely {numbers.per_thousand(reading.low)} to {numbers.per_thousand(reading.high)}{unit}"
    was = numbers.control_share(control.estimate, control.n, reading.n)
    return KeyFigure(
        title=title,
        big=numbers.exchange_share(reading.estimate, reading.n),
        unit=numbers.exchange_share_unit(reading.n) + was,
        notes=(likely,) if likely else (),
    )


def spending(plan: Plan, amounts: Mapping[str, float]) -> KeyFigure:
    """Return the recorded spending of all milestones (`amounts` by code) against all budgets of the plan."""
    budgets = [milestone.budget for milestone in plan.milestones if milestone.budget is not None]
    notes = [f"of a budget of {count(sum(budgets))}" if budgets else "no budget is set"]
    if not amounts:
        return KeyFigure(title=SPENT, big=numbers.MISSING, notes=tuple(notes), missing=True)
    recorded = sum(milestone.code in amounts for milestone in plan.milestones)
    if recorded < len(plan.milestones):
        notes.append(f"recorded for {recorded} of {plural(len(plan.milestones), 'milestone')}")
    return KeyFigure(title=SPENT, big=count(sum(amounts.values())), notes=tuple(notes))


def _headline_time_saved(head: HeadlineCandidate | None) -> KeyFigure:
    if head is None:
        return KeyFigure(title=TIME_SAVED, big="not measured", notes=("no target was set",), missing=True)
    return time_saved(TIME_SAVED, head.reading, head.gain)


def _headline_failures(db: Database | None, head: HeadlineCandidate | None) -> KeyFigure:
    """Return failed first attempts, with a note on the exchanges that failed after all attempts."""
    title = f"{FAILED}, first attempt"
    if db is None or head is None:
        return KeyFigure(title=title, big="not measured", missing=True)
    control = replace(head.question, subject=head.question.control)
    figure = failures(title, comparison.failed_first(db, head.question), comparison.failed_first(db, control))
    final, final_was = comparison.failed_final(db, head.question), comparison.failed_final(db, control)
    if figure.missing or final.estimate is None:
        return figure
    was = numbers.control_share(final_was.estimate, final_was.n, final.n)
    note = f"after retries {numbers.exchange_share(final.estimate, final.n)}{was}"
    return replace(figure, notes=(*figure.notes, note))
