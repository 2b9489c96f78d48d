"""The full report of `milepost roadmap report`: text, Markdown or JSON from one model, or the one-page HTML file.

It states what is proven and what is not, each number against its target, what was decided and spent, and how all of it
was measured, so that a reader can check it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from metrics.measures.registry import MEASURES
from metrics.replayed_years import second_year_note
from metrics.terminal import escape_for_page
from roadmap.records.checkins import checkins
from roadmap.records.decisions import recorded_decisions
from roadmap.report.block_series import last_block_end
from roadmap.report.headline import headline_candidates, pick_headline
from roadmap.report.verdict_text import criterion_text, forecast_text, goal_text, status_text
from roadmap.wording.checkins import checkin_text
from roadmap.wording.dates import data_until_text, day, slip_basis, slip_parts
from roadmap.wording.decisions import decision_text
from roadmap.wording.verdicts import reading_text, spent_text, standing_sentences, target_text
from roadmap.worth.figures import worth_figures
from roadmap.worth.money import money_beside, money_line
from roadmap.worth.table import table_lines, worth_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan
    from roadmap.records.decisions import RecordedDecision
    from roadmap.report.one_page import OnePageReport

#: What a report calls its two calendars.
CLOCKS = {
    "replay": "A replay of past data on a calendar of its own, not production.",
    "live": "Measured in production, on the wall clock.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FullReportRow:
    """One milestone in words; the field names are the keys of `report --json`."""

    name: str
    objective: str
    owner: str
    status: str  #: a key of `STATUS`
    status_text: str  #: the status in words
    why: str
    measured: tuple[str, ...]
    due: str
    slip: str
    spent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FullReport:
    """The whole report in words; the field names are the keys of `report --json`."""

    heading: str
    clock: str
    data: str  #: the last day with data
    as_of: str
    headline: tuple[str, ...]
    rows: tuple[FullReportRow, ...]
    decisions: tuple[str, ...]
    checkins: tuple[str, ...]
    worth: tuple[str, ...]
    forecasts: tuple[str, ...]
    how: tuple[str, ...]
    hashes: tuple[tuple[str, str], ...]


def gather(
    db: Database | None, plan: Plan, verdicts: Sequence[Verdict], today: date, clock: str, heading: str,
    built: int,
) -> FullReport:  # fmt: skip
    """Return the report on a plan and its verdicts as of a day; without a database there are no decisions."""
    made = [(v.code, decision) for v in verdicts for decision in (recorded_decisions(db, v.code, today) if db else ())]
    made.sort(key=lambda pair: pair[1].decision.as_of)
    return FullReport(
        heading=heading,
        clock=" ".join(filter(None, (CLOCKS[clock], second_year_note(clock, today)))),
        data=f"{data_until_text(last_block_end(db, today) if db else None)}.",
        as_of=day(today),
        headline=(*standing_sentences({v.code: v.status for v in verdicts}), *_newest_gain(verdicts)),
        rows=tuple(_row(verdict, today) for verdict in verdicts),
        decisions=tuple(_decision(code, decision) for code, decision in made),
        checkins=tuple(_checkins(db, verdicts, today)) if db else (),
        worth=_worth(db, plan, verdicts, today, clock, built) if db else (),
        forecasts=tuple(
            f"{v.code}, {forecast_text(forecast)}"
            for v in verdicts
            for forecast in v.forecasts
            if forecast.odds is not None or forecast.expected_on
        ),
        how=tuple(dict.fromkeys(_how(verdicts))),
        hashes=tuple(dict.fromkeys(_hashes(plan, verdicts))),
    )


def _checkins(db: Database, verdicts: Sequence[Verdict], today: date) -> Iterator[str]:
    """Yield all check-ins in words, oldest first."""
    made = [(checkin, v) for v in verdicts for checkin in checkins(db, v.code, today)]
    for c, v in sorted(made, key=lambda pair: (pair[0].as_of, pair[0].id)):
        yield f"{v.code}: {checkin_text(c.text, c.by, c.as_of, c.done, c.of, v.counts)}"


def _worth(
    db: Database, plan: Plan, verdicts: Sequence[Verdict], today: date, clock: str, built: int
) -> tuple[str, ...]:  # fmt: skip
    """Return what both sides take in a month, for the milestone of the headline, and the money of each milestone."""
    head = pick_headline(headline_candidates(db, plan, verdicts, today, built, clock))
    figures = worth_figures(db, head.question, today)
    money = [money_beside(v, figures if v.code == head.milestone.code else None) for v in verdicts]
    return (*table_lines(worth_table(figures)), *(line for m in money if (line := money_line(m))))


def _newest_gain(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield the time saved by the last milestone that has a number."""
    gains = [(v, c) for v in verdicts for c in v.criteria if c.name == "busy_time_saved" and c.reading]
    gains = [(v, c) for v, c in gains if c.reading and c.reading.estimate is not None]
    if gains:
        verdict, c = max(gains, key=lambda pair: pair[0].start)
        measured = reading_text(c.reading, c.unit, c.kind, c.target)
        goal = target_text(c.direction, c.target, c.unit)
        yield f"{MEASURES[c.name].title} with {verdict.code}: {measured}; the target is {goal}."


def _row(v: Verdict, today: date) -> FullReportRow:
    describe = goal_text if v.status == "not_started" else criterion_text
    parts = slip_parts(v.first_due, v.due, v.proven_on, today)
    return FullReportRow(
        name=f"{v.code} {v.title}",
        objective=v.objective,
        owner=v.owner or "not named",
        status=v.status,
        status_text=status_text(v),
        why=v.reasons[0].text if v.reasons else "",
        measured=tuple(("Guardrail: " if c.role == "guardrail" else "") + describe(c) for c in v.criteria),
        due=day(v.due),
        slip=f"{'; '.join(parts) or 'as first planned'} ({slip_basis(v.first_due, v.due, v.proven_on)})",
        spent=spent_text(v.spent, v.budget),
    )


def _decision(code: str, recorded: RecordedDecision) -> str:
    made, advised = recorded.decision, recorded.advice.partition(":")[0]
    text = decision_text(made.choice, made.owner, until=made.until, as_of=made.as_of, why=made.why, advised=advised)
    return f"{code}: {text}"


def _how(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield each way of measuring that a number of the report rests on, then the definitions."""
    for _, _, reading in _readings(verdicts):
        if reading.estimate is None:
            continue
        faults = "real faults" if reading.mode == "live" else f"faults {reading.faults}"
        hashed = f", hash {reading.faults_sha256[:12]}" if reading.faults_sha256 else ""
        pairs = "both sides measured in the same blocks" if reading.paired else "against the control's own history"
        yield (
            f"Grade {reading.grade}, {faults}{hashed}, series {reading.series or 'of this store'}, method "
            f"{reading.method}, {pairs}."
        )
    for name in dict.fromkeys(c.name for v in verdicts for c in v.criteria):
        yield f"{MEASURES[name].title}: {MEASURES[name].definition}"


def _hashes(plan: Plan, verdicts: Iterable[Verdict]) -> Iterator[tuple[str, str]]:
    yield "milestone file", plan.sha256
    for code, name, reading in _readings(verdicts):
        if reading.estimate is not None:
            under = "" if reading.faults == "real" else f", faults {reading.faults}"
            yield f"{code}, {MEASURES[name].title}{under}: its inputs", reading.inputs_sha256


def _readings(verdicts: Iterable[Verdict]) -> Iterator[tuple[str, str, Reading]]:
    return ((v.code, c.name, c.reading) for v in verdicts for c in v.criteria if c.reading is not None)


def to_json(report: FullReport) -> dict[str, Any]:
    """Return the report as plain data, in words; the numbers are those of `status --json`."""
    return asdict(report)


def to_text(report: FullReport) -> str:
    """Format the report for a terminal."""
    lines = [report.heading, f"{report.clock} {report.data}", "", *report.headline]
    for name, texts in _sections(report):
        lines += ["", name, *(f"  {text}" for text in texts)]
    return "\n".join(lines)


def to_markdown(report: FullReport) -> str:
    """Format the report as Markdown; text that people have written cannot become markup."""
    lines = ["# Was it worth it?", "", _plain(report.heading), f"{report.clock} {report.data}", ""]
    lines += [f"- {_plain(text)}" for text in report.headline]
    for name, texts in _sections(report):
        lines += ["", f"## {_plain(name)}", "", *(f"- {_plain(text)}" for text in texts)]
    return "\n".join(lines)


def _sections(report: FullReport) -> Iterator[tuple[str, Iterable[str]]]:
    for row in report.rows:
        facts = (f"why: {row.why}", f"due: {row.due}, {row.slip}", f"spent: {row.spent}")
        yield f"{row.name}: {row.status_text}", (*facts, *row.measured)
    yield "Decisions", report.decisions or ("none recorded",)
    if report.worth:
        yield "In what people count", report.worth
    if report.checkins:
        yield "Check-ins, the words of people and no evidence", report.checkins
    yield "Forecast", report.forecasts or ("none",)
    yield "How it was measured", report.how
    yield "Hashes", [f"{name}: {value}" for name, value in report.hashes]


def _plain(text: str) -> str:
    """Escape a text for Markdown, on one line: no tag, no link, no picture."""
    for mark in ("\\", "`", "*", "_", "[", "]", "<", ">", "#"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def to_html(sheet: OnePageReport, name: str) -> str:
    """Render the one-page report as one HTML file without scripts that loads nothing from elsewhere.

    Args:
        sheet: the one-page report.
        name: the workspace's name.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("roadmap", "templates")
    pages = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=escape_for_page,
    )
    return pages.get_template("report.html").render(sheet=sheet, name=name)
