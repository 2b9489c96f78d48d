"""The three figures of the front page: each with its range, what it rests on, and the lists of the runs it counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard import frames, words
from metrics import browse, compare
from metrics.counted import counted
from metrics.picked import Picked
from metrics.window import load
from roadmap import words as roadmap_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sqlite_utils import Database

    from metrics.compare import Reading
    from metrics.window import Question
    from roadmap.plan import Plan

#: What to call the faults that runs met.
FAULTS = {name: words.capital(said) for name, said in roadmap_words.UNDER.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A range as x positions in a drawing 300 wide."""

    low: float
    dot: float
    high: float
    target: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A number of runs in words, and the keys of the list that holds exactly these (`links.runs`)."""

    text: str
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a number rests on, in one small line: what is said before and after the runs that it counts."""

    before: str
    runs: Listed
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One number as the page shows it."""

    label: str
    big: str
    unit: str = ""
    note: str = ""
    range: Spot | None = None
    missing: bool = False
    failed: tuple[Listed, ...] = ()  #: the runs that failed: now, and with the control


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the three figures: its readings, and what each rests on."""

    title: str
    readings: tuple[Shown, ...]
    proof: tuple[Proof, ...] = ()


def proof(reading: Reading, *, short: bool = False) -> str:
    """What a number rests on, in one small line; `short` leaves out what a table's row says already."""
    unit = "day" if reading.mode == "live" else "week"
    parts = [
        "" if short else FAULTS[reading.faults],
        f"grade {reading.grade}" if reading.grade else "no grade",
        words.plural(reading.blocks, unit),
        "" if short else words.many(reading.n, reading.n_of),
        reading.mode,
        f"series {reading.series}" if reading.series else "",
    ]
    return " · ".join(part for part in parts if part)


def _proof(reading: Reading, code: str, **more: str) -> Proof:
    """The same line in parts, with the list of the runs in it; `more` are further keys of the list."""
    said = words.many(reading.n, reading.n_of)
    before, after = proof(reading).split(f" · {said} · ")
    keys = {"counted": f"{code}:{reading.measure}:{reading.faults}", **more}
    return Proof(before=before, runs=Listed(text=said, keys=keys), after=after)


def saved(gains: dict[str, Reading], gain: words.Gain) -> Figure:
    """Time saved against the target, by the faults that runs met."""
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
    return Figure(
        title="Time saved", readings=tuple(shown), proof=tuple(_proof(one, gain.code) for one in gains.values())
    )


def _spot(low: float, middle: float, high: float, target: float | None, floor: float) -> Spot:
    """Positions on a scale from 0 (or a negative bound) to 1, 6 units in from either end."""
    low, middle, high = (max(value, -1.0) for value in (low, middle, high))
    floor = max(floor, -1.0)

    def x(value: float) -> float:
        return round(6 + 288 * (value - floor) / (1 - floor), 1)

    return Spot(low=x(low), dot=x(middle), high=x(high), target=None if target is None else x(target))


def failed(db: Database, asked: dict[str, Question], code: str) -> Figure:
    """Was and is of failed exchanges, under the faults of the headline; the calm reading in the note."""
    faults, calm = next(iter(asked)), asked.get("none")
    shown = []
    rests: list[Proof] = []
    for label, attempt, measure in (
        ("At the first attempt", "first", compare.failed_first), ("After retries", "last", compare.failed_final),
    ):  # fmt: skip
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
        ours, theirs = asked[faults], replace(asked[faults], subject=asked[faults].control)
        lists = tuple(
            _those_that_failed(db, question, one, f"{code}:{one.measure}:{faults}{side}", attempt)
            for question, one, side in ((ours, now, ""), (theirs, was, ":control"))
            if one.estimate is not None
        )
        big = words.per_thousand(now.estimate)
        shown.append(Shown(label=label, big=big, unit=before, note="; ".join(notes), failed=lists))
        rests = [_proof(now, code, attempt="last")]
    return Figure(title="Failed exchanges", readings=tuple(shown), proof=tuple(rests))


def _those_that_failed(db: Database, asked: Question, reading: Reading, name: str, attempt: str) -> Listed:
    """The failed ones of the runs that a reading of failures counts, at their first or last attempt."""
    theirs = Picked(counted=counted(load(db, asked), reading.measure), states=("failed",), attempt=attempt)
    keys = {"counted": name, "state": "failed", "attempt": attempt}
    return Listed(text=words.count(browse.count(db, theirs)), keys=keys)


def spent(db: Database, plan: Plan, today: date) -> Figure:
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
