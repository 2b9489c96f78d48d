"""The home page: the answer, three key figures with their ranges, and their caveats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.presenters.key_figures import LinkedFigure, failed_exchanges_figure, spending_figure, time_saved_figure
from dashboard.queries.partner_gains import describe_split, gains_by_milestone, split_by_direction
from dashboard.queries.verdicts import headline_candidates
from metrics.measures import comparison
from metrics.measures.registry import MEASURES
from metrics.question import block_word
from roadmap.report.caveats import caveats
from roadmap.report.headline import pick_headline
from roadmap.wording import dates, numbers
from roadmap.wording.gains import Answer, answer, early_look, under_faults
from roadmap.wording.verdicts import STATUS
from roadmap.worth.figures import worth_figures
from roadmap.worth.money import money_beside
from roadmap.worth.table import worth_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.measures.reading import Reading
    from metrics.measures.registry import Measure
    from roadmap.plan.milestones import Plan
    from roadmap.report.caveats import Caveat
    from roadmap.report.headline import HeadlineCandidate
    from roadmap.worth.money import MoneyBeside
    from roadmap.worth.table import WorthTable


#: Partners with more time that are named.
MAX_NAMED_PARTNERS = 6

#: Measures that the home page explains.
EXPLAINED_MEASURES = ("busy_time_saved", "failed_first", "failed_final", "answers_equal")


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    """The home page without its charts."""

    answer: Answer
    code: str
    status: str
    status_text: str
    about: str  #: subject, control, days and blocks
    early_looks: tuple[str, ...]  #: at milestones newer than the headline
    figures: tuple[LinkedFigure, ...]
    caveats: tuple[Caveat, ...]
    measures: tuple[Measure, ...]
    unit: str
    min_blocks: int
    window: tuple[date, date] | None
    series: tuple[str, ...] = ()  #: the series of each number, as text
    worth: WorthTable | None = None  #: what both sides take in a month, in words
    money: tuple[MoneyBeside, ...] = ()  #: of each milestone: plan, spent, cost of a point of time saved, payback
    partners: str = ""  #: with how many partners it takes less time, and with how many more


def home_page(db: Database, view: View) -> HomePage:
    """Return the home page of a view, without its charts."""
    page = _with_worth(db, view)
    gains = view.cached(gains_by_milestone).get(page.code)
    if gains is None or gains.faults != "standard":  # the headline's faults, which a plan names in production too
        return page
    split = split_by_direction(gains)
    few = f"; too few runs with {len(split.unknown)}" if split.unknown else ""
    text = describe_split(split, MAX_NAMED_PARTNERS)
    return replace(page, partners=f"{text}{few}." if text else "")


def _with_worth(db: Database, view: View) -> HomePage:
    """Return the home page with what people count, and the money of each milestone."""
    candidates = view.cached(headline_candidates)
    head = pick_headline(candidates)
    figures = worth_figures(db, head.question, view.today)
    money = tuple(money_beside(v, figures if v.code == head.milestone.code else None) for v in view.verdicts)
    page = build_home_page(db, view.plan, candidates, view.today, view.mode)
    return replace(page, worth=worth_table(figures), money=money)


def build_home_page(
    db: Database, plan: Plan, candidates: Sequence[HeadlineCandidate], today: date, mode: str
) -> HomePage:
    """Return the home page: the headline is the last milestone with enough evidence, newer ones are early looks."""
    head = pick_headline(candidates)
    newer = candidates[candidates.index(head) + 1 :]
    all_faults = ("real",) if mode == "live" else ("standard", "none")
    questions = {
        faults: head.question if faults == head.question.faults else replace(head.question, faults=faults, series=None)
        for faults in all_faults
    }
    readings = {faults: comparison.busy_time_saved(db, question) for faults, question in questions.items()}
    readings[head.question.faults] = head.reading
    unit = block_word(mode)
    return HomePage(
        answer=answer(head.gain),
        code=head.milestone.code,
        status=head.verdict.status,
        status_text=f"{head.milestone.code} {head.milestone.title}: {STATUS[head.verdict.status]}",
        about=f"{head.milestone.subject} against the {head.milestone.control}, {_describe_window(head, unit)}",
        early_looks=tuple(
            early_look(candidate.gain) for candidate in newer if candidate.milestone.start > head.milestone.start
        ),
        figures=(
            time_saved_figure(readings, head.gain),
            failed_exchanges_figure(db, questions, head.milestone.code),
            spending_figure(db, plan, today),
        ),
        caveats=tuple(caveat for caveat in caveats(db, head) if caveat.text),
        measures=tuple(MEASURES[name] for name in EXPLAINED_MEASURES),
        unit=unit,
        min_blocks=head.question.min_blocks,
        series=_series_lines(readings),
        window=(head.reading.start, head.reading.end) if head.reading.blocks else None,
    )


def _series_lines(readings: Mapping[str, Reading]) -> tuple[str, ...]:
    """Return each series once, with the faults of its runs."""
    faults_by_series: dict[str, list[str]] = {}
    for faults, reading in readings.items():
        if reading.series:
            faults_by_series.setdefault(reading.series, []).append(under_faults(faults))
    return tuple(f"{series}: {' and '.join(faults)}" for series, faults in faults_by_series.items())


def _describe_window(head: HeadlineCandidate, unit: str) -> str:
    if not head.reading.blocks:
        return "nothing compared yet" if head.gain.has_runs else "nothing measured yet"
    return f"{dates.days_between(head.reading.start, head.reading.end)}, {numbers.plural(head.reading.blocks, unit)}"
