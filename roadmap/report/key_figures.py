"""The three figures of the printed page: time saved, failed exchanges, money spent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics.measures import comparison
from roadmap.wording import numbers
from roadmap.wording import numbers as wording_numbers
from roadmap.wording.numbers import count, percent, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_utils import Database

    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan
    from roadmap.report.headline import HeadlineCandidate


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """One number with its name, its unit, and what stands under it."""

    title: str
    big: str
    unit: str = ""
    notes: tuple[str, ...] = ()
    missing: bool = False  #: whether the number is a word


def key_figures(
    db: Database | None, head: HeadlineCandidate | None, plan: Plan, verdicts: Sequence[Verdict]
) -> tuple[KeyFigure, ...]:  # fmt: skip
    """All three; what is not measured or not recorded is said so, and is no zero."""
    return _saved(head), _failed(db, head), _spent(plan, verdicts)


def _saved(head: HeadlineCandidate | None) -> KeyFigure:
    target = head.gain.target if head else None
    goal = f"the target is {percent(target)}" if target is not None else "no target was set"
    if head is None or head.reading.estimate is None:
        said = "not compared yet" if head and head.gain.has_runs else "not measured"
        return KeyFigure(title="Time saved", big=said, notes=(goal,), missing=True)
    found = head.reading
    value = found.estimate or 0.0
    way = "less time" if value >= 0 else "more time"
    if found.low is None or found.high is None:
        have = f"{found.blocks} of {head.gain.min_blocks} {head.gain.unit}: no range yet"
        return KeyFigure(title="Time saved", big=percent(abs(value)), unit=way, notes=(have, goal))
    digits = numbers.digits_of(value, found.low, found.high, target)
    likely = f"likely {numbers.span(found.low, found.high, target)}"
    return KeyFigure(title="Time saved", big=percent(abs(value), digits), unit=way, notes=(likely, goal))


def _failed(db: Database | None, head: HeadlineCandidate | None) -> KeyFigure:
    """First attempts that failed, and under it what still stood failed after all attempts; each was and is."""
    name = "Failed exchanges, first attempt"
    if db is None or head is None:
        return KeyFigure(title=name, big="not measured", missing=True)
    before = replace(head.asked, subject=head.asked.control)
    first, was = comparison.failed_first(db, head.asked), comparison.failed_first(db, before)
    if first.estimate is None:
        return KeyFigure(title=name, big="not measured", missing=True)
    final, final_was = comparison.failed_final(db, head.asked), comparison.failed_final(db, before)
    notes = []
    if first.low is not None and first.high is not None:
        of = "" if first.n >= wording_numbers.MIN_EXCHANGES_FOR_RATE else f" {wording_numbers.PER_THOUSAND_UNIT}"
        notes.append(f"likely {numbers.per_thousand(first.low)} to {numbers.per_thousand(first.high)}{of}")
    if final.estimate is not None:
        then = wording_numbers.control_share(final_was.estimate, final_was.n, final.n)
        notes.append(f"after retries {wording_numbers.exchange_share(final.estimate, final.n)}{then}")
    unit = wording_numbers.exchange_share_unit(first.n) + wording_numbers.control_share(was.estimate, was.n, first.n)
    return KeyFigure(
        title=name, big=wording_numbers.exchange_share(first.estimate, first.n), unit=unit, notes=tuple(notes)
    )


def _spent(plan: Plan, verdicts: Sequence[Verdict]) -> KeyFigure:
    """All that was recorded of all milestones, against all budgets that are set."""
    amounts = [v.spent for v in verdicts if v.spent is not None]
    budgets = [m.budget for m in plan.milestones if m.budget is not None]
    of = f"of a budget of {count(sum(budgets))}" if budgets else "no budget is set"
    if not amounts:
        return KeyFigure(title="Spent of budget", big=numbers.MISSING, notes=(of,), missing=True)
    notes = [of]
    if len(amounts) < len(verdicts):
        notes.append(f"recorded for {len(amounts)} of {plural(len(verdicts), 'milestone')}")
    return KeyFigure(title="Spent of budget", big=count(sum(amounts)), notes=tuple(notes))
