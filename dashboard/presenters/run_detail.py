"""The page of one run: its duration beside the usual one, its account of rows, attempts and related runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from dashboard import labels
from dashboard.labels import NO_REASON
from dashboard.presenters import run_list
from dashboard.presenters.range_bar import range_bar
from metrics.events import FAILED_OUTCOMES, OUTCOMES
from metrics.queries import runs
from metrics.queries.run_filter import NO_ERROR_RECORDED, RunFilter
from roadmap.wording import dates, gains, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database

    from dashboard.presenters.range_bar import RangeBar
    from dashboard.presenters.run_list import RunRow
    from metrics.queries.runs import Run, TypicalDuration


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedRuns:
    """Runs that share something with this one."""

    shared: str  #: what they share
    runs: str  #: how many there are
    keys: Mapping[str, str]  #: query keys of these runs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """The page of one run."""

    about: str
    error_label: str  #: label of its error type
    css_class: str
    outcome: str
    outcome_meaning: str
    duration: str
    usual: str
    comparison: str  #: of the duration with the usual one
    range: RangeBar | None
    account: tuple[tuple[str, str], ...]
    account_text: str
    balances: bool
    quarantined: tuple[tuple[str, str], ...]  #: reason and rows
    quarantined_text: str
    facts: tuple[tuple[str, str], ...]
    attempts: tuple[RunRow, ...]
    attempts_text: str
    related: tuple[RelatedRuns, ...]
    note: str = ""  #: on its exchange, such as that it was delivered again


def run_page(
    db: Database, run: Run, known_by: date | None = None, notes: Mapping[str, str] = run_list.NO_NOTES
) -> RunPage:
    """Return the page of a run; with `known_by` as it was known by the end of that day; `notes` are on exchanges."""
    usual = runs.typical_duration(db, run)
    rows, account_text, balances = account(run)
    quarantined, quarantined_text = _quarantined_rows(run)
    attempts = runs.get_attempts(db, run, known_by)
    return RunPage(
        about=f"{run.side}, {gains.under_faults(run.faults)}, {_describe_block(run)}",
        error_label=labels.error_label(run.error_type),
        css_class=labels.outcome_class(run.outcome),
        outcome=labels.outcome_label(run.outcome),
        outcome_meaning=labels.OUTCOME_LABELS[run.outcome][1] if run.outcome in labels.OUTCOME_LABELS else "",
        duration=_describe_duration(run),
        usual=_describe_usual(usual),
        comparison=_compare_with_usual(run.duration_s, usual),
        range=duration_bar(run.duration_s, usual),
        account=rows,
        account_text=account_text,
        balances=balances,
        quarantined=quarantined,
        quarantined_text=quarantined_text,
        facts=_facts(run),
        attempts=tuple(run_list.run_row(attempt, notes) for attempt in attempts),
        attempts_text=f"{numbers.plural(len(attempts), 'attempt')} at this file, in this exchange",
        related=_related_runs(db, run, known_by),
        note=run_list.exchange_note(run, notes),
    )


def describe_unknown_run(run: Run, day: date) -> str:
    """Return why a run cannot be shown as of a day on which its block was not over."""
    over = dates.day(date.fromisoformat(run.block_end))
    why = "it is of" if run.block == run.block_end else "it counts once its week is over, and that is on"
    return f"Run {run.id} was not known yet at the end of {dates.day(day)}: {why} {over}."


def account(run: Run) -> tuple[tuple[tuple[str, str], ...], str, bool]:
    """Return the rows of a run by outcome, their sum as text, and whether it balances."""
    if run.rows is None:
        return (), "The run is not over yet." if run.outcome == "running" else f"{numbers.MISSING.capitalize()}.", True
    ended = [(labels.ROW_LABELS[name], run.rows[name]) for name in OUTCOMES if run.rows[name]]
    total, entered = sum(run.rows[name] for name in OUTCOMES), run.rows["in"]
    shown = tuple((name, numbers.count(count)) for name, count in ended)
    if not entered and not total:
        return (), "No rows entered this run.", True
    if total == entered:
        parts = " + ".join(f"{numbers.count(count)} {name}" for name, count in ended)
        return shown, f"{numbers.count(entered)} in = {parts}. It balances.", True
    apart = abs(entered - total)
    which = "missing" if total < entered else "too many"
    text = f"It does not balance: {numbers.count(entered)} in, {numbers.count(total)} accounted for; "
    return shown, f"{text}{numbers.plural(apart, 'row')} {which}.", False


def duration_bar(took_s: float | None, usual: TypicalDuration | None) -> RangeBar | None:
    """Return the usual range with its median as mark and this run as dot, on a scale that begins at 0."""
    if usual is None:
        return None
    end = max(usual.high_s, took_s or 0.0) * 1.05 or 1.0
    return range_bar(usual.low_s, usual.high_s, dot=took_s, mark=usual.middle_s, end=end)


def _describe_duration(run: Run) -> str:
    if run.duration_s is not None:
        return numbers.duration(run.duration_s)
    return "not over yet" if run.outcome == "running" else "not recorded: its end was never recorded"


def _describe_usual(usual: TypicalDuration | None) -> str:
    if usual is None:
        return f"Too few runs before it to know what is usual (fewer than {runs.MIN_TYPICAL} completed)."
    spread = f"{numbers.duration(usual.low_s)} to {numbers.duration(usual.high_s)}"
    return f"usually {spread}, {numbers.plural(usual.n, 'run')}"


def _compare_with_usual(took_s: float | None, usual: TypicalDuration | None) -> str:
    if usual is None or took_s is None:
        return ""
    if took_s < usual.low_s:
        return "Shorter than usual."
    return "Longer than usual." if took_s > usual.high_s else "As usual."


def _quarantined_rows(run: Run) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return quarantined rows by reason, and a sentence about them; "" where the account covers it."""
    if run.rows is None:
        return (), ""
    if not (run.has_inner_counts or run.rows["quarantined"]):
        return (), f"Quarantined rows: {numbers.MISSING}."
    count = run.rows["quarantined"]
    if not count and not run.aside:
        return (), "No row was quarantined."
    if run.aside is None:
        return (), f"{numbers.plural(count, 'row')} quarantined; {NO_REASON}."
    reasons = sorted(run.aside.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [(code, numbers.count(rows)) for code, rows in reasons]
    if (without_reason := count - sum(run.aside.values())) > 0:
        shown.append((NO_REASON, numbers.count(without_reason)))
    return tuple(shown), f"{numbers.plural(count, 'row')} quarantined."


def _facts(run: Run) -> tuple[tuple[str, str], ...]:
    touch = {None: numbers.MISSING, 0: "no", 1: "yes"}.get(run.operator_touch, "yes")
    return (
        ("File", run.file),
        ("Records in the file", numbers.count(run.records)),
        ("Blocked on time-outs", numbers.duration(run.blocked_s)),
        ("Processor", numbers.duration(run.cpu_s)),
        ("Peak memory", format_size(run.peak_rss_bytes)),
        ("Read", format_size(run.bytes_in)),
        ("Sent", format_size(run.bytes_out)),
        ("Requests to the partner", numbers.count(run.calls)),
        ("Started again by a person", touch),
        ("Time a person spent before", numbers.duration(run.operator_s)),
        ("Release", run.release or numbers.MISSING),
        (
            "Known from",
            {"measured": "measured from outside", "imported": "its own log"}.get(run.source, run.source),
        ),
        ("Series and pass", f"{run.series}, pass {run.round}" if run.series else "live"),
        ("Exchange", run.exchange_id),
    )


def _related_runs(db: Database, run: Run, known_by: date | None) -> tuple[RelatedRuns, ...]:
    lists = []
    if run.outcome in FAILED_OUTCOMES:
        fingerprint = run.fingerprint or NO_ERROR_RECORDED
        lists.append(("same failure, anywhere", {"state": "failed", "fingerprint": fingerprint}, RunFilter(
            states=("failed",), fingerprint=fingerprint)))  # fmt: skip
    feed, partner = {"partner": run.partner, "feed": run.feed}, {"partner": run.partner}
    ours, theirs = RunFilter(partners=(run.partner,), feeds=(run.feed,)), RunFilter(partners=(run.partner,))
    lists += [
        (f"same feed, {run.partner}/{run.feed}", feed, ours),
        (f"same partner, {run.partner}", partner, theirs),
    ]
    return tuple(
        RelatedRuns(
            shared=shared,
            runs=numbers.plural(runs.count_runs(db, replace(run_filter, known_by=known_by)), "run"),
            keys=keys,
        )
        for shared, keys, run_filter in lists
    )


def format_size(size_bytes: int | None) -> str:
    """Format a size: `850 B`, `4.2 kB`, `96 MB`; a missing one is "not recorded"."""
    if size_bytes is None:
        return numbers.MISSING
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            break
    return f"{value:,.1f} {unit}" if value < 9.95 else f"{value:,.0f} {unit}"


def _describe_block(run: Run) -> str:
    if run.block == run.block_end:
        return f"on {dates.day(date.fromisoformat(run.block))}"
    return f"in the week {dates.day_span(date.fromisoformat(run.block), date.fromisoformat(run.block_end))}"
