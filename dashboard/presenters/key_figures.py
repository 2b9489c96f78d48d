"""The three key figures with their evidence, each number with the query keys of the runs that it counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.presenters.range_bar import range_bar
from dashboard.queries import weekly
from metrics.measures import comparison
from metrics.measures.counted_runs import runs_behind
from metrics.measures.window import load_window
from metrics.queries import runs
from metrics.queries.run_filter import RunFilter
from metrics.question import block_word
from roadmap.report import key_figures
from roadmap.wording import gains, numbers, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from sqlite_utils import Database

    from dashboard.presenters.range_bar import RangeBar
    from metrics.measures.reading import Reading
    from metrics.question import Question
    from roadmap.plan.milestones import Plan
    from roadmap.report.key_figures import KeyFigure
    from roadmap.wording.gains import Gain

    Measure = Callable[[Database, Question], Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedCount:
    """A number as text, with the query keys of exactly the runs that it counts."""

    text: str
    keys: Mapping[str, str]  #: empty where nothing was counted
    of_runs: bool = True  #: whether the number is the length of that list; a rate is not


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    """The evidence behind a number in one line: the runs that it counts, and the text before and after them."""

    before: str
    runs: LinkedCount
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedValue:
    """One number of a figure with its drawing and its lists."""

    figure: KeyFigure
    missing: bool  #: whether there is no number, or a gain without a range, which is not shown as one
    range: RangeBar | None = None
    failed: tuple[LinkedCount, ...] = ()  #: the runs that failed: of the service, then of the control
    out_of: tuple[LinkedCount, ...] = ()  #: the exchanges that these are part of
    without_faults: tuple[LinkedCount, ...] = ()  #: the same rates without faults

    @property
    def note(self) -> str:
        """The notes of the number as one clause."""
        return sentences.capital("; ".join(self.figure.notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedFigure:
    """One of the three figures: its numbers, and the evidence behind each."""

    title: str
    values: tuple[LinkedValue, ...]
    evidence: tuple[EvidenceLine, ...] = ()


def describe_evidence(reading: Reading, *, short: bool = False) -> str:
    """Return the evidence behind a number in one line; `short` leaves out what the row of a table has already."""
    parts = [
        "" if short else sentences.capital(gains.under_faults(reading.faults)),
        f"grade {reading.grade}" if reading.grade else "no grade",
        numbers.plural(reading.blocks, block_word(reading.mode)),
        "" if short else numbers.counted(reading.n, reading.n_of),
        reading.mode,
        f"series {reading.series}" if short and reading.series else "",  # a page names it once
    ]
    return " · ".join(part for part in parts if part)


def time_saved_figure(readings: Mapping[str, Reading], gain: Gain) -> LinkedFigure:
    """Return the time saved against the target, by the faults of the runs."""
    lows = [reading.low for reading in readings.values() if reading.low is not None]
    start = max(min([0.0, *lows]), -1.0)
    return LinkedFigure(
        title=key_figures.TIME_SAVED,
        values=tuple(
            LinkedValue(
                figure=key_figures.time_saved(sentences.capital(gains.under_faults(faults)), reading, gain),
                missing=reading.low is None,
                range=None
                if reading.low is None or reading.high is None
                else range_bar(reading.low, reading.high, dot=reading.estimate, mark=gain.target, start=start),
            )
            for faults, reading in readings.items()
        ),
        evidence=tuple(
            _evidence_line(reading, gain.code) for reading in readings.values() if reading.estimate is not None
        ),
    )


def failed_exchanges_figure(db: Database, questions: Mapping[str, Question], code: str) -> LinkedFigure:
    """Return failed exchanges at the first attempt and after retries, beside the control.

    The first of the questions by faults gives the numbers; one without faults is added to each.
    """
    faults, question = next(iter(questions.items()))
    values, evidence = [], []
    for title, attempt, measure in (
        ("At the first attempt", "first", comparison.failed_first), ("After retries", "last", comparison.failed_final),
    ):  # fmt: skip
        sides = _both_sides(measure, db, question)
        figure = key_figures.failures(title, *(reading for _, reading, _ in sides))
        if figure.missing:
            values.append(LinkedValue(figure=figure, missing=True))
            continue
        measured = [side for side in sides if side[1].estimate is not None]
        lists = [
            _failure_counts(db, question, reading, f"{code}:{reading.measure}:{faults}{suffix}", attempt)
            for question, reading, suffix in measured
        ]
        values.append(
            LinkedValue(
                figure=figure,
                missing=False,
                failed=tuple(failed for failed, _ in lists),
                out_of=tuple(exchanges for _, exchanges in lists),
                without_faults=_rates(_both_sides(measure, db, questions["none"]), code) if "none" in questions else (),
            )
        )
        evidence = [_evidence_line(sides[0][1], code, attempt="last")]
    return LinkedFigure(title=key_figures.FAILED, values=tuple(values), evidence=tuple(evidence))


def spending_figure(db: Database, plan: Plan, today: date) -> LinkedFigure:
    """Return all recorded spending against all budgets."""
    figure = key_figures.spending(plan, weekly.spent_by_milestone(db, today))
    value = LinkedValue(figure=replace(figure, title="All milestones"), missing=figure.missing)
    return LinkedFigure(title=figure.title, values=(value,))


def _evidence_line(reading: Reading, code: str, **keys: str) -> EvidenceLine:
    """Return the line of `describe_evidence` in parts; `keys` are further query keys of its runs."""
    count = numbers.counted(reading.n, reading.n_of)
    before, after = describe_evidence(reading).split(f" · {count} · ")
    name = f"{code}:{reading.measure}:{reading.faults}"
    return EvidenceLine(before=before, runs=LinkedCount(text=count, keys={"counted": name, **keys}), after=after)


def _both_sides(measure: Measure, db: Database, question: Question) -> tuple[tuple[Question, Reading, str], ...]:
    """Return question, reading and the suffix of the reading's name for the service, then for the control."""
    control = replace(question, subject=question.control)
    return (question, measure(db, question), ""), (control, measure(db, control), ":control")


def _failure_counts(
    db: Database, question: Question, reading: Reading, name: str, attempt: str
) -> tuple[LinkedCount, LinkedCount]:
    """Return the exchanges that failed at their first or last attempt, and all that the reading counts."""
    exchanges = RunFilter(counted=runs_behind(load_window(db, question), reading.measure), attempt="last")
    failed = runs.count_runs(db, replace(exchanges, states=("failed",), attempt=attempt))
    keys = {"counted": name, "attempt": "last"}
    return (
        LinkedCount(text=numbers.count(failed), keys={"counted": name, "state": "failed", "attempt": attempt}),
        LinkedCount(text=numbers.count(runs.count_runs(db, exchanges)), keys=keys),
    )


def _rates(sides: Sequence[tuple[Question, Reading, str]], code: str) -> tuple[LinkedCount, ...]:
    """Return the failure rate of both sides, linked to the exchanges; an unmeasured control is left out."""
    if sides[0][1].estimate is None:
        return (LinkedCount(text="not measured", keys={}, of_runs=False),)
    return tuple(
        LinkedCount(
            text=numbers.exchange_share(reading.estimate, reading.n),
            keys={"counted": f"{code}:{reading.measure}:{question.faults}{suffix}", "attempt": "last"},
            of_runs=False,
        )
        for question, reading, suffix in sides
        if reading.estimate is not None
    )
