"""The table of what people count: one row each for hands, waiting, failures, machine time and money."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from metrics.measures.effort_saved import DOUBLE, HALF
from roadmap.wording.dates import day
from roadmap.wording.numbers import duration, percent, span

if TYPE_CHECKING:
    from metrics.measures.monthly_effort import SideMonth
    from metrics.measures.reading import Reading
    from metrics.prices import Prices
    from roadmap.worth.figures import WorthFigures

#: What stands in place of money, and why.
NOT_VALUED, NO_MONEY = "not valued", "a replay has no money"

UNKNOWN = "not recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthRow:
    """One thing that people count, of both sides, in words."""

    name: str
    control: str
    subject: str
    note: str = ""
    is_better: bool = False  #: whether the subject takes less of it than the control


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthTable:
    """What both sides take in a month, in words."""

    title: str  #: "a month", or "a replayed month"
    basis: str  #: what both sides are compared on
    control: str  #: the name of the control
    subject: str
    rows: tuple[WorthRow, ...]  #: empty where nothing was compared
    effort: str  #: the effort saved, at half and at double touch_minutes too; or why it is not valued
    prices: str  #: the prices of every sum; "" without any


def worth_table(figures: WorthFigures) -> WorthTable:
    """Return the figures in words."""
    month = figures.month
    rows = () if month is None else _rows(month.control, month.subject, figures)
    return WorthTable(
        title="a month" if figures.mode == "live" else "a replayed month",
        basis="on the same days, feeds and file sizes" if figures.mode == "live" else "on the same files",
        control=figures.control,
        subject=figures.subject,
        rows=rows,
        effort=effort_text(figures.effort),
        prices=prices_text(figures.prices) if figures.prices else "",
    )


def table_lines(table: WorthTable) -> tuple[str, ...]:
    """Return the table as lines of text; none where nothing was compared."""
    if not table.rows:
        return ()
    lines = (
        f"{row.name}: {NO_MONEY}"
        if row.subject == NO_MONEY
        else f"{row.name} {table.title}: {table.control} {row.control}; {table.subject} {row.subject}"
        + (f" ({row.note})" if row.note else "")
        for row in table.rows
    )
    return (*lines, table.effort, *([table.prices] if table.prices else []))


def worth_sentence(table: WorthTable) -> str:
    """Return the table in a short text for a printed page: what both sides take, then the effort saved."""
    if not table.rows:
        return ""
    shown = [row for row in table.rows if row.name in {"Hands", "Machine time", "Money"} and row.subject != NO_MONEY]
    parts = ", ".join(f"{row.name.lower()} {row.control} before and {row.subject} now" for row in shown)
    effort = table.effort if table.prices else f"Effort: {NOT_VALUED}."
    return f"In {table.title}: {parts}. {effort}"


def _rows(control: SideMonth, subject: SideMonth, figures: WorthFigures) -> tuple[WorthRow, ...]:
    minutes = figures.prices.touch_minutes if figures.prices else None
    hands_note = f"{minutes:g} minutes each" if minutes is not None else ""
    rows = [
        WorthRow(
            name="Hands",
            control=_hands(control),
            subject=_hands(subject),
            note=hands_note,
            is_better=_is_less(control, subject, "touches"),
        ),
        WorthRow(
            name="Waiting",
            control=_waiting(control),
            subject=_waiting(subject),
            note="from due to delivered",
            is_better=_is_less(control, subject, "wait_p50_s", "wait_p95_s"),
        ),
        WorthRow(
            name="Failures",
            control=_failures(control),
            subject=_failures(subject),
            is_better=_is_less(control, subject, "first_failed", "still_failed"),
        ),
        WorthRow(
            name="Machine time",
            control=duration(control.machine_hours * 3600),
            subject=duration(subject.machine_hours * 3600),
            is_better=_is_less(control, subject, "machine_hours"),
        ),
    ]
    if figures.mode != "live":
        return (*rows, WorthRow(name="Money", control=NO_MONEY, subject=NO_MONEY))
    # the sides may have had different files on the same days
    rows.append(WorthRow(name="Records", control=_records(control), subject=_records(subject)))
    money = [_money(side, figures.prices) for side in (control, subject)]
    is_better = _is_less(control, subject, "money")
    return (*rows, WorthRow(name="Money", control=money[0], subject=money[1], is_better=is_better))


def _is_less(control: SideMonth, subject: SideMonth, *names: str) -> bool:
    """Return whether the subject takes less: of no number more, and less of one at least. Unknown is not less."""
    pairs = [(attrgetter(name)(control), attrgetter(name)(subject)) for name in names]
    known = [(before, now) for before, now in pairs if before is not None and now is not None]
    return all(now <= before for before, now in known) and any(now < before for before, now in known)


def _a_month(number: float) -> str:
    """Format a number a month: a small one has a decimal, as one in three months is not none."""
    return f"{number:,.0f}" if number == 0 or number >= 10 else f"{number:,.1f}"


def _records(side: SideMonth) -> str:
    return UNKNOWN if side.records is None else _a_month(side.records)


def _hands(side: SideMonth) -> str:
    if side.touches is None:
        return UNKNOWN
    hours = f", {duration(side.touch_hours * 3600)}" if side.touch_hours else ""
    return f"{_a_month(side.touches)} times{hours}"


def _waiting(side: SideMonth) -> str:
    if side.wait_p50_s is None:
        return UNKNOWN
    slowest = "no 95th percentile" if side.wait_p95_s is None else f"95% within {duration(side.wait_p95_s)}"
    return f"half within {duration(side.wait_p50_s)}, {slowest}"


def _failures(side: SideMonth) -> str:
    first, last = _a_month(side.first_failed), _a_month(side.still_failed)
    return f"{first} at the first attempt, {last} in the end, of {_a_month(side.exchanges)}"


def _money(side: SideMonth, prices: Prices | None) -> str:
    if prices is None:
        return NOT_VALUED
    return UNKNOWN if side.money is None else f"{prices.currency} {side.money:,.2f}"


def effort_text(reading: Reading | None) -> str:
    """Return the effort saved in words, with its range, and at half and double of the estimate that dominates it."""
    if reading is None:
        return f"Effort saved: {NOT_VALUED}, as milepost.toml has no [worth]."
    if reading.estimate is None:
        return f"Effort saved: {reading.missing}."
    likely = f", likely {span(reading.low, reading.high)}" if reading.low is not None else ""
    early = f" (early look: {reading.missing})" if reading.missing else ""
    beside = [f"{percent(reading.beside[name])} {name}" for name in (HALF, DOUBLE) if name in reading.beside]
    return f"Effort saved: {percent(reading.estimate)}{likely}{early}; {', '.join(beside)}."


def prices_text(prices: Prices) -> str:
    """Return the prices in words: they stand beside every sum."""
    return (
        f"At {prices.currency} {prices.person_hour:,.2f} an hour of a person, {prices.touch_minutes:g} minutes each "
        f"time, and {prices.currency} {prices.machine_hour:,.2f} an hour of a machine; prices of {day(prices.since)}."
    )
