"""What the front page says: the answer, three figures with their ranges, and what could make them wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard import doubts, frames, words
from metrics import compare
from metrics.measures import MEASURES
from roadmap import words as roadmap_words
from roadmap.headline import look, speaking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlite_utils import Database

    from dashboard.charts import Chart
    from dashboard.doubts import Doubt
    from dashboard.snapshot import View
    from metrics.compare import Reading
    from metrics.measures import Measure
    from metrics.window import Question
    from roadmap.headline import Seen
    from roadmap.plan import Plan

#: What to call the faults that runs met.
FAULTS = {"standard": "Under standard faults", "none": "Without faults", "real": "As it happened"}

#: Measures explained on the front page.
EXPLAINED = ("busy_time_saved", "failed_first", "failed_final", "answers_equal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A range as x positions in a drawing 300 wide."""

    low: float
    dot: float
    high: float
    target: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One number as the page shows it."""

    label: str
    big: str
    unit: str = ""
    note: str = ""
    range: Spot | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the three figures: its readings, and what each rests on."""

    title: str
    readings: tuple[Shown, ...]
    proof: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The front page without its charts."""

    answer: words.Answer
    code: str
    status: str
    status_said: str
    about: str
    early: tuple[str, ...]
    figures: tuple[Figure, ...]
    doubts: tuple[Doubt, ...]
    measures: tuple[Measure, ...]
    unit: str
    min_blocks: int
    window: tuple[date, date] | None
    charts: tuple[Chart, ...] = ()
    weeks_intro: str = ""
    switch: tuple[tuple[str, str, bool], ...] = ()


def answer(db: Database, view: View) -> Worth:
    """The front page of a view, without its charts."""
    return page(
        db, view.plan, look(db, view.plan, view.verdicts, view.today, view.built, view.mode), view.today, view.mode
    )


def page(db: Database, plan: Plan, seen: Sequence[Seen], today: date, mode: str) -> Worth:
    """The front page: the last milestone with enough evidence speaks, newer ones are an early look."""
    head = speaking(seen)
    later = [one for one in seen[seen.index(head) + 1 :] if one.milestone.start > head.milestone.start]
    kinds = ("real",) if mode == "live" else ("standard", "none")
    asked = {faults: head.asked if faults == head.asked.faults else _other(head, faults) for faults in kinds}
    gains = {faults: compare.busy_time_saved(db, question) for faults, question in asked.items()}
    gains[head.asked.faults] = head.reading
    unit = "day" if mode == "live" else "week"
    return Worth(
        answer=words.answer(head.gain),
        code=head.milestone.code,
        status=head.verdict.status,
        status_said=f"{head.milestone.code} {head.milestone.title}: {roadmap_words.STATUS[head.verdict.status]}",
        about=f"{head.milestone.subject} against the {head.milestone.control}, {_window_said(head, unit)}",
        early=tuple(words.early_look(one.gain) for one in later),
        figures=(
            _saved(gains, head.gain),
            _failed(db, asked),
            _spent(db, plan, today),
        ),
        doubts=tuple(doubts.about(db, head.asked, head.reading, unit)),
        measures=tuple(MEASURES[name] for name in EXPLAINED),
        unit=unit,
        min_blocks=head.asked.min_blocks,
        window=(head.reading.start, head.reading.end) if head.reading.blocks else None,
    )


def _other(head: Seen, faults: str) -> Question:
    return replace(head.asked, faults=faults, series=None)


def _window_said(head: Seen, unit: str) -> str:
    if not head.reading.blocks:
        return "nothing measured yet"
    return f"{words.days_between(head.reading.start, head.reading.end)}, {words.plural(head.reading.blocks, unit)}"


def proof(reading: Reading, *, short: bool = False) -> str:
    """What a number rests on, in one small line; `short` leaves out what a table's row says already."""
    unit = "day" if reading.mode == "live" else "week"
    parts = [
        "" if short else FAULTS[reading.faults],
        f"grade {reading.grade}" if reading.grade else "no grade",
        words.plural(reading.blocks, unit),
        "" if short else f"{reading.n:,} {reading.n_of}",
        reading.mode,
        f"series {reading.series}" if reading.series else "",
    ]
    return " · ".join(part for part in parts if part)


def _saved(gains: dict[str, Reading], gain: words.Gain) -> Figure:
    shown, target = [], gain.target
    floor = min([0.0, *(reading.low for reading in gains.values() if reading.low is not None)])
    for faults, reading in gains.items():
        if reading.estimate is None:
            shown.append(Shown(label=FAULTS[faults], big="not measured", missing=True))
            continue
        if reading.low is None or reading.high is None:
            note = f"{reading.blocks} of {gain.min_blocks} {gain.unit}; no range yet"
            shown.append(Shown(label=FAULTS[faults], big=words.less(reading.estimate), note=note, missing=True))
            continue
        digits = words.digits_for(reading.low, reading.high, target)
        way = "less time" if reading.estimate >= 0 else "more time"
        note = f"Likely {words.span(reading.low, reading.high, target)}"
        if target is not None:
            note += f"; target {words.percent(target)}"
        shown.append(
            Shown(
                label=FAULTS[faults],
                big=words.percent(abs(reading.estimate), digits),
                unit=way,
                note=note,
                range=_spot(reading.low, reading.estimate, reading.high, target, floor),
            )
        )
    return Figure(title="Time saved", readings=tuple(shown), proof=tuple(proof(one) for one in gains.values()))


def _spot(low: float, middle: float, high: float, target: float | None, floor: float) -> Spot:
    """Positions on a scale from 0 (or a negative bound) to 1, 6 units in from either end."""
    low, middle, high = (max(value, -1.0) for value in (low, middle, high))
    floor = max(floor, -1.0)

    def x(value: float) -> float:
        return round(6 + 288 * (value - floor) / (1 - floor), 1)

    return Spot(low=x(low), dot=x(middle), high=x(high), target=None if target is None else x(target))


def _failed(db: Database, asked: dict[str, Question]) -> Figure:
    """Was and is of failed exchanges, under the faults of the headline; the calm reading in the note."""
    faults, calm = next(iter(asked)), asked.get("none")
    shown = []
    rests: list[str] = []
    for label, measure in (("At the first attempt", compare.failed_first), ("After retries", compare.failed_final)):
        now, was = measure(db, asked[faults]), measure(db, replace(asked[faults], subject=asked[faults].control))
        if now.estimate is None:
            shown.append(Shown(label=label, big="not measured", missing=True))
            continue
        before = "of every 1,000" + ("" if was.estimate is None else f" (was {words.per_thousand(was.estimate)})")
        notes = []
        if now.low is not None and now.high is not None:
            notes.append(f"Likely {words.per_thousand(now.low)} to {words.per_thousand(now.high)}")
        if calm is not None:
            quiet, quiet_was = measure(db, calm), measure(db, replace(calm, subject=calm.control))
            notes.append(
                f"{'without' if notes else 'Without'} faults {words.rate_short(quiet.estimate, quiet_was.estimate)}"
            )
        shown.append(Shown(label=label, big=words.per_thousand(now.estimate), unit=before, note="; ".join(notes)))
        rests = [proof(now)]
    return Figure(title="Failed exchanges", readings=tuple(shown), proof=tuple(rests))


def _spent(db: Database, plan: Plan, today: date) -> Figure:
    """Spending against budget; each stands as not recorded until somebody records it."""
    amounts = frames.spent(db, today)
    budgets = [milestone.budget for milestone in plan.milestones if milestone.budget is not None]
    money = words.count(sum(amounts.values()) if amounts else None)
    budget = f"of a budget of {words.count(sum(budgets))}" if budgets else "no budget in the milestone file"
    note = budget if amounts or budgets else "No spending and no budget has been recorded."
    return Figure(
        title="Spent of budget",
        readings=(Shown(label="All milestones", big=money, note=note, missing=not amounts),),
    )
