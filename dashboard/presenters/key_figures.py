"""The three figures of the front page: each with its range, what it rests on, and the lists of the runs it counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.queries import weekly
from metrics.measures import comparison
from metrics.measures.counted_runs import runs_behind
from metrics.measures.window import load_window
from metrics.queries import runs as queries_runs
from metrics.queries.run_filter import RunFilter
from metrics.question import block_word
from roadmap.wording import gains as roadmap_gain
from roadmap.wording import gains as wording_gains
from roadmap.wording import numbers
from roadmap.wording import numbers as wording_numbers
from roadmap.wording import text as wording_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.question import Question
    from roadmap.plan.milestones import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A range as x positions in a drawing 300 wide."""

    low: float
    dot: float
    high: float
    target: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedCount:
    """A number in words, and the keys of the list that holds exactly the runs that it counts (`links.runs`)."""

    text: str
    keys: Mapping[str, str]  #: none: nothing was counted
    of_runs: bool = True  #: whether the number is how many they are, and no rate of theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    """What a number rests on, in one small line: what is said before and after the runs that it counts."""

    before: str
    runs: LinkedCount
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureValue:
    """One number as the page shows it."""

    label: str
    big: str
    unit: str = ""
    note: str = ""
    range: Spot | None = None
    missing: bool = False
    failed: tuple[LinkedCount, ...] = ()  #: the runs that failed: now, and with the control
    out_of: tuple[LinkedCount, ...] = ()  #: the exchanges among which they are
    calm: tuple[LinkedCount, ...] = ()  #: the same rates without faults


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedFigure:
    """One of the three figures: its readings, and what each rests on."""

    title: str
    readings: tuple[FigureValue, ...]
    proof: tuple[EvidenceLine, ...] = ()


def describe_evidence(reading: Reading, *, short: bool = False) -> str:
    """What a number rests on, in one small line; `short` leaves out what a table's row says already."""
    unit = block_word(reading.mode)
    parts = [
        "" if short else wording_text.capital(wording_gains.under_faults(reading.faults)),
        f"grade {reading.grade}" if reading.grade else "no grade",
        numbers.plural(reading.blocks, unit),
        "" if short else wording_numbers.counted(reading.n, reading.n_of),
        reading.mode,
        f"series {reading.series}" if short and reading.series else "",  # a page says it once
    ]
    return " · ".join(part for part in parts if part)


def _evidence_line(reading: Reading, code: str, **more: str) -> EvidenceLine:
    """The same line in parts, with the list of the runs in it; `more` are further keys of the list."""
    said = wording_numbers.counted(reading.n, reading.n_of)
    before, after = describe_evidence(reading).split(f" · {said} · ")
    keys = {"counted": f"{code}:{reading.measure}:{reading.faults}", **more}
    return EvidenceLine(before=before, runs=LinkedCount(text=said, keys=keys), after=after)


def time_saved_figure(gains: dict[str, Reading], gain: roadmap_gain.Gain) -> LinkedFigure:
    """Time saved against the target, by the faults that runs met."""
    shown, target = [], gain.target
    floor = min([0.0, *(reading.low for reading in gains.values() if reading.low is not None)])
    for faults, reading in gains.items():
        if reading.estimate is None:
            said = "not measured" if gain.blocks or not gain.has_runs else "not compared yet"
            shown.append(
                FigureValue(label=wording_text.capital(wording_gains.under_faults(faults)), big=said, missing=True)
            )
            continue
        if reading.low is None or reading.high is None:
            note = f"{reading.blocks} of {gain.min_blocks} {gain.unit}; no range yet"
            shown.append(
                FigureValue(
                    label=wording_text.capital(wording_gains.under_faults(faults)),
                    big=wording_gains.less_time(reading.estimate),
                    note=note,
                    missing=True,
                )
            )
            continue
        digits = numbers.digits_of(reading.estimate, reading.low, reading.high, target)
        way = "less time" if reading.estimate >= 0 else "more time"
        note = f"Likely {numbers.span(reading.low, reading.high, target)}"
        if target is not None:
            note += f"; target {numbers.percent(target)}"
        shown.append(
            FigureValue(
                label=wording_text.capital(wording_gains.under_faults(faults)),
                big=numbers.percent(abs(reading.estimate), digits),
                unit=way,
                note=note,
                range=_spot(reading.low, reading.estimate, reading.high, target, floor),
            )
        )
    return LinkedFigure(
        title="Time saved",
        readings=tuple(shown),
        proof=tuple(_evidence_line(one, gain.code) for one in gains.values() if one.estimate is not None),
    )


def _spot(low: float, middle: float, high: float, target: float | None, floor: float) -> Spot:
    """Positions on a scale from 0 (or a negative bound) to 1, 6 units in from either end."""
    low, middle, high = (max(value, -1.0) for value in (low, middle, high))
    floor = max(floor, -1.0)

    def x(value: float) -> float:
        return round(6 + 288 * (value - floor) / (1 - floor), 1)

    return Spot(low=x(low), dot=x(middle), high=x(high), target=None if target is None else x(target))


def failed_exchanges_figure(db: Database, asked: dict[str, Question], code: str) -> LinkedFigure:
    """Was and is of failed exchanges, under the faults of the headline; the calm reading in the note."""
    faults, calm = next(iter(asked)), asked.get("none")
    shown = []
    rests: list[EvidenceLine] = []
    for label, attempt, measure in (
        ("At the first attempt", "first", comparison.failed_first), ("After retries", "last", comparison.failed_final),
    ):  # fmt: skip
        now, was = measure(db, asked[faults]), measure(db, replace(asked[faults], subject=asked[faults].control))
        if now.estimate is None:
            shown.append(FigureValue(label=label, big="not measured", missing=True))
            continue
        before = wording_numbers.exchange_share_unit(now.n) + wording_numbers.control_share(was.estimate, was.n, now.n)
        notes = []
        if now.low is not None and now.high is not None:
            likely = f"Likely {numbers.per_thousand(now.low)} to {numbers.per_thousand(now.high)}"
            notes.append(
                likely
                if now.n >= wording_numbers.MIN_EXCHANGES_FOR_RATE
                else f"{likely} {wording_numbers.PER_THOUSAND_UNIT}"
            )
        ours, theirs = asked[faults], replace(asked[faults], subject=asked[faults].control)
        lists = [
            _failure_counts(db, question, one, f"{code}:{one.measure}:{faults}{side}", attempt)
            for question, one, side in ((ours, now, ""), (theirs, was, ":control"))
            if one.estimate is not None
        ]
        shown.append(
            FigureValue(
                label=label,
                big=wording_numbers.exchange_share(now.estimate, now.n),
                unit=before,
                note="; ".join(notes),
                failed=tuple(failed for failed, _ in lists),
                out_of=tuple(every for _, every in lists),
                calm=() if calm is None else _calm(measure, db, calm, code),
            )
        )
        rests = [_evidence_line(now, code, attempt="last")]
    return LinkedFigure(title="Failed exchanges", readings=tuple(shown), proof=tuple(rests))


def _failure_counts(
    db: Database, asked: Question, reading: Reading, name: str, attempt: str
) -> tuple[LinkedCount, LinkedCount]:
    """Exchanges that failed at their first or last attempt, and all that a reading of failures counts."""
    theirs = RunFilter(counted=runs_behind(load_window(db, asked), reading.measure), attempt="last")
    failed = queries_runs.count_runs(db, replace(theirs, states=("failed",), attempt=attempt))
    return (
        LinkedCount(text=numbers.count(failed), keys={"counted": name, "state": "failed", "attempt": attempt}),
        LinkedCount(text=numbers.count(queries_runs.count_runs(db, theirs)), keys={"counted": name, "attempt": "last"}),
    )


def _calm(
    measure: Callable[[Database, Question], Reading], db: Database, asked: Question, code: str
) -> tuple[LinkedCount, ...]:  # fmt: skip
    """Is and was without faults, each with the exchanges it counts; a control that was not measured is left out."""
    now, was = measure(db, asked), measure(db, replace(asked, subject=asked.control))
    if now.estimate is None:
        return (LinkedCount(text="not measured", keys={}, of_runs=False),)
    return tuple(
        LinkedCount(
            text=wording_numbers.exchange_share(one.estimate, one.n),
            keys={"counted": f"{code}:{one.measure}:{asked.faults}{side}", "attempt": "last"},
            of_runs=False,
        )
        for one, side in ((now, ""), (was, ":control"))
        if one.estimate is not None
    )


def spending_figure(db: Database, plan: Plan, today: date) -> LinkedFigure:
    """Spending against budget; each stands as not recorded until somebody records it."""
    amounts = weekly.spent_by_milestone(db, today)
    budgets = [milestone.budget for milestone in plan.milestones if milestone.budget is not None]
    money = numbers.count(sum(amounts.values()) if amounts else None)
    budget = f"of a budget of {numbers.count(sum(budgets))}" if budgets else "no budget in the milestone file"
    note = budget if amounts or budgets else "No spending and no budget has been recorded."
    return LinkedFigure(
        title="Spent of budget",
        readings=(FigureValue(label="All milestones", big=money, note=note, missing=not amounts),),
    )
