"""The report for those who pay for it: one page, as text, as Markdown, or as one HTML file that needs no other.

It says what is proven and what is not, each number against its target, what was decided and spent, and how all of it
was measured, so that nobody has to take it on trust.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from metrics.measures.registry import MEASURES
from roadmap.model import PRESSING
from roadmap.records.decisions import decisions
from roadmap.report.verdict_text import criterion_text, forecast_text, goal_text, table, title
from roadmap.wording.dates import day
from roadmap.wording.numbers import plural
from roadmap.wording.verdicts import STATUS, reading_text, spent_text, target_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan
    from roadmap.records.decisions import RecordedDecision
    from roadmap.report.one_page import OnePageReport


#: What a page calls its two calendars.
CLOCKS = {
    "replay": "A replay of past data on a calendar of its own, not production.",
    "live": "Measured in production, on the wall clock.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One milestone in words."""

    name: str
    objective: str
    owner: str
    status: str  #: a key of `words.STATUS`
    said: str
    why: str
    measured: tuple[str, ...]
    due: str
    slip: str
    spent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All that a report says, in words."""

    heading: str
    clock: str
    data: str  #: until when there is any
    as_of: str
    headline: tuple[str, ...]
    rows: tuple[Row, ...]
    decisions: tuple[str, ...]
    forecasts: tuple[str, ...]
    how: tuple[str, ...]
    hashes: tuple[tuple[str, str], ...]


def gather(
    db: Database | None, plan: Plan, verdicts: Sequence[Verdict], today: date, clock: str, heading: str
) -> Page:  # fmt: skip
    """The report on a plan and its verdicts as of a day; without a database nothing was decided."""
    taken = [(v.code, one) for v in verdicts for one in (decisions(db, v.code, today) if db else ())]
    taken.sort(key=lambda one: one[1].decision.as_of)
    return Page(
        heading=heading,
        clock=CLOCKS[clock],
        data=_data(db, today),
        as_of=day(today),
        headline=tuple(_headline(verdicts)),
        rows=tuple(_row(verdict, today) for verdict in verdicts),
        decisions=tuple(_decided(code, one) for code, one in taken),
        forecasts=tuple(
            f"{v.code}, {forecast_text(one)}"
            for v in verdicts
            for one in v.forecasts
            if one.odds is not None or one.expected_on
        ),
        how=tuple(dict.fromkeys(_how(verdicts))),
        hashes=tuple(dict.fromkeys(_hashes(plan, verdicts))),
    )


def _data(db: Database | None, today: date) -> str:
    sql = "SELECT MAX(block_end) FROM run_block WHERE block_end <= ?"
    last = db.execute(sql, (today.isoformat(),)).fetchone()[0] if db else None
    return f"Data until {day(date.fromisoformat(last))}." if last else "No data."


def _headline(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """What stands, what needs somebody, and the newest measured gain."""
    proven = [v.code for v in verdicts if v.status == "proven"]
    of = f"{len(verdicts)} milestone{'' if len(verdicts) == 1 else 's'}"
    yield (
        f"{len(proven)} of {of} proven: {', '.join(proven)}."
        if proven
        else f"{of[:1].upper()}{of[1:]}, none of them proven."
    )
    for status in PRESSING:
        codes = [v.code for v in verdicts if v.status == status]
        if codes:
            said = STATUS[status]
            yield f"{said[:1].upper()}{said[1:]}: {', '.join(codes)}."
    gains = [(v, c) for v in verdicts for c in v.criteria if c.name == "busy_time_saved" and c.reading]
    gains = [(v, c) for v, c in gains if c.reading and c.reading.estimate is not None]
    if gains:
        verdict, c = max(gains, key=lambda one: one[0].start)
        goal = target_text(c.direction, c.target, c.unit)
        said = reading_text(c.reading, c.unit, c.kind, c.target)
        yield f"{MEASURES[c.name].title} with {verdict.code}: {said}; the target is {goal}."


def _row(v: Verdict, today: date) -> Row:
    told = goal_text if v.status == "not_started" else criterion_text
    return Row(
        name=f"{v.code} {v.title}",
        objective=v.objective,
        owner=v.owner or "nobody named",
        status=v.status,
        said=title(v),
        why=v.reasons[0].text if v.reasons else "",
        measured=tuple(("Guardrail: " if c.role == "guardrail" else "") + told(c) for c in v.criteria),
        due=day(v.due),
        slip=slip(v, today),
        spent=spent_text(v.spent, v.budget),
    )


def slip(verdict: Verdict, today: date) -> str:
    """How far a milestone is from its first plan: once proven by its proof, until then by its due date and today."""
    first = verdict.first_due
    planned = f"first planned for {day(first)}"
    if verdict.proven_on is not None:
        late = (verdict.proven_on - first).days
        in_time = "proven in time" if verdict.due == first else f"proven in time, {planned}"
        return f"proven {plural(late, 'day')} late, {planned}" if late > 0 else in_time
    moved = verdict.slip_days
    said = (
        f"{plural(abs(moved), 'day')} {'later' if moved > 0 else 'earlier'} than {planned}"
        if moved
        else "as first planned"
    )
    return f"{said}; {plural((today - verdict.due).days, 'day')} overdue" if today > verdict.due else said


def _decided(code: str, taken: RecordedDecision) -> str:
    decided = taken.decision
    end = f" until {decided.until}" if decided.until else ""
    advised = f" (advised: {taken.advice.partition(':')[0]})" if taken.advice else ""
    return f"{day(decided.as_of)}, {code}: {decided.choice}{end}, by {decided.owner}{advised}: {decided.why}"


def _how(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Each way of measuring that a number of the page rests on, said once."""
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


def to_json(page: Page) -> dict[str, Any]:
    """The report as plain data, in the words of the page; the numbers are those of `status --json`."""
    return asdict(page)


def to_text(page: Page) -> str:
    """The report for a terminal."""
    lines = [page.heading, f"{page.clock} {page.data}", "", *page.headline]
    for row in page.rows:
        lines += ["", f"{row.name:<20} {row.said}", f"  why        {row.why}", f"  due        {row.due}, {row.slip}"]
        lines += [f"  spent      {row.spent}", *(f"  measured   {text}" for text in row.measured)]
    for name, said in _parts(page):
        lines += ["", name, *(f"  {text}" for text in said)]
    return "\n".join(lines)


def to_markdown(page: Page) -> str:
    """The report as Markdown; what people have written stands there as text."""
    head = ("Milestone", "Status", "Why", "Measured against target", "Due", "Spent")
    rows = [
        (row.name, row.said, row.why, "; ".join(row.measured), f"{row.due}, {row.slip}", row.spent) for row in page.rows
    ]
    lines = [
        "# Was it worth it?",
        "",
        _plain(page.heading),
        f"{page.clock} {page.data}",
        "",
        *(f"- {_plain(s)}" for s in page.headline),
        "",
    ]
    lines.append(table(head, [[_plain(cell) for cell in row] for row in rows]))
    for name, said in _parts(page):
        lines += ["", f"## {name}", "", *(f"- {_plain(text)}" for text in said)]
    return "\n".join(lines)


def _parts(page: Page) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Decisions", page.decisions or ("none recorded",)
    yield "Forecast", page.forecasts or ("none",)
    yield "How it was measured", page.how
    yield "Hashes", [f"{name}: {value}" for name, value in page.hashes]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: one line, no tag, no link, no picture."""
    for mark in ("\\", "`", "*", "_", "[", "]", "<", ">", "#"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def to_html(sheet: OnePageReport, name: str) -> str:
    """The report on one sheet of A4, as one HTML file: no script, nothing loaded from elsewhere.

    Args:
        sheet: what stands on it.
        name: what the workspace is called.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("roadmap", "templates")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return pages.get_template("report.html").render(sheet=sheet, name=name)
