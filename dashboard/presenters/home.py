"""What the front page says: the answer, three figures with their ranges, and what could make them wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dashboard.presenters import caveats
from dashboard.presenters.key_figures import LinkedFigure, failed_exchanges_figure, spending_figure, time_saved_figure
from dashboard.queries.partner_gains import describe_split, gains_by_milestone, split_by_direction
from dashboard.queries.verdicts import headline_candidates
from metrics.measures import comparison
from metrics.measures.registry import MEASURES
from metrics.question import block_word
from roadmap.report.headline import pick_headline
from roadmap.wording import dates, numbers
from roadmap.wording import gains as wording_gains
from roadmap.wording import verdicts as roadmap_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.presenters.caveats import Caveat
    from metrics.measures.reading import Reading
    from metrics.measures.registry import Measure
    from metrics.question import Question
    from roadmap.plan.milestones import Plan
    from roadmap.report.headline import HeadlineCandidate


#: So many of the partners with which it takes more time are named.
MAX_NAMED_PARTNERS = 6

#: Measures explained on the front page.
EXPLAINED_MEASURES = ("busy_time_saved", "failed_first", "failed_final", "answers_equal")


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    """The front page without its charts."""

    answer: wording_gains.Answer
    code: str
    status: str
    status_said: str
    about: str
    early: tuple[str, ...]
    figures: tuple[LinkedFigure, ...]
    doubts: tuple[Caveat, ...]
    measures: tuple[Measure, ...]
    unit: str
    min_blocks: int
    window: tuple[date, date] | None
    series: tuple[str, ...] = ()  #: in which series each number was measured, in words
    partners: str = ""  #: with how many of them it takes less time, and with how many more


def home_page(db: Database, view: View) -> HomePage:
    """The front page of a view, without its charts."""
    told = build_home_page(db, view.plan, view.made(headline_candidates), view.today, view.mode)
    found = view.made(gains_by_milestone).get(told.code)
    if found is None or found.faults != "standard":  # the headline's faults; so a plan calls production's, too
        return told
    apart = split_by_direction(found)
    few = f"; too few runs with {len(apart.unknown)}" if apart.unknown else ""
    said = describe_split(apart, MAX_NAMED_PARTNERS)
    return replace(told, partners=f"{said}{few}." if said else "")


def build_home_page(db: Database, plan: Plan, seen: Sequence[HeadlineCandidate], today: date, mode: str) -> HomePage:
    """The front page: the last milestone with enough evidence speaks, newer ones are an early look."""
    head = pick_headline(seen)
    later = [one for one in seen[seen.index(head) + 1 :] if one.milestone.start > head.milestone.start]
    kinds = ("real",) if mode == "live" else ("standard", "none")
    asked = {faults: head.asked if faults == head.asked.faults else _question_under(head, faults) for faults in kinds}
    gains_of = {faults: comparison.busy_time_saved(db, question) for faults, question in asked.items()}
    gains_of[head.asked.faults] = head.reading
    unit = block_word(mode)
    return HomePage(
        answer=wording_gains.answer(head.gain),
        code=head.milestone.code,
        status=head.verdict.status,
        status_said=f"{head.milestone.code} {head.milestone.title}: {roadmap_words.STATUS[head.verdict.status]}",
        about=f"{head.milestone.subject} against the {head.milestone.control}, {_describe_window(head, unit)}",
        early=tuple(wording_gains.early_look(one.gain) for one in later),
        figures=(
            time_saved_figure(gains_of, head.gain),
            failed_exchanges_figure(db, asked, head.milestone.code),
            spending_figure(db, plan, today),
        ),
        doubts=tuple(caveats.caveats_of(db, head.asked, head.reading, unit, head.gain.sides)),
        measures=tuple(MEASURES[name] for name in EXPLAINED_MEASURES),
        unit=unit,
        min_blocks=head.asked.min_blocks,
        series=_series_lines(gains_of),
        window=(head.reading.start, head.reading.end) if head.reading.blocks else None,
    )


def _series_lines(readings: Mapping[str, Reading]) -> tuple[str, ...]:
    """Each series once, with the faults that its runs met."""
    named: dict[str, list[str]] = {}
    for faults, reading in readings.items():
        if reading.series:
            named.setdefault(reading.series, []).append(wording_gains.under_faults(faults))
    return tuple(f"{series}: {' and '.join(faults)}" for series, faults in named.items())


def _describe_window(head: HeadlineCandidate, unit: str) -> str:
    if not head.reading.blocks:
        return "nothing compared yet" if head.gain.has_runs else "nothing measured yet"
    return f"{dates.days_between(head.reading.start, head.reading.end)}, {numbers.plural(head.reading.blocks, unit)}"


def _question_under(head: HeadlineCandidate, faults: str) -> Question:
    return replace(head.asked, faults=faults, series=None)
