"""Chart: one partner's failed first attempts by block, of both sides."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.charts import weekly_figures
from dashboard.charts.chart import Chart, ChartColumn
from dashboard.filters.partner_slug import display_name
from dashboard.queries.partners import SHOWN_FAULTS
from metrics.question import block_word
from roadmap.wording import gains, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts.layout import MarkedDay
    from dashboard.queries.partners import PartnerBlock

    Counts = tuple[int, int] | None  # failed, and all exchanges

#: Blocks that are drawn, the newest of them: about two years of weeks, four months of days.
MAX_BLOCKS = 120

#: Fewer exchanges than this in most blocks give no rate: in a week of three it would leap from 0 to 333 of every 1,000.
MIN_EXCHANGES_PER_BLOCK = 20

#: Beyond this many days, few exchanges are counted by month.
LONG_DAYS = 92

RATE_COLUMNS = (
    ChartColumn(name="block", label="From", words=True),
    ChartColumn(name="block_end", label="to", words=True),
    ChartColumn(name="side", label="Service", words=True),
    ChartColumn(name="control_first", label="Monolith, of every 1,000", digits=1),
    ChartColumn(name="subject_first", label="Service, of every 1,000", digits=1),
    ChartColumn(name="control_exchanges", label="Monolith, exchanges"),
    ChartColumn(name="subject_exchanges", label="Service, exchanges"),
)

#: The columns where exchanges are too few for a rate.
COUNT_COLUMNS = (
    *RATE_COLUMNS[:3],
    ChartColumn(name="control_first", label="Monolith, failed"),
    ChartColumn(name="subject_first", label="Service, failed"),
    *RATE_COLUMNS[5:],
)

NUMBERS = tuple(column.name for column in RATE_COLUMNS if not column.words)


def partner_failures_chart(
    partner: str, blocks: Sequence[PartnerBlock], mode: str, moves: Sequence[MarkedDay] = ()
) -> Chart:
    """Return failed first attempts of every 1,000 exchanges, or counted where there are few exchanges.

    A block without exchanges of a side is a gap of its line, not a zero. `moves` are stage changes of its feeds.
    """
    few = has_few_exchanges(blocks)
    block_name = "month" if is_by_month(blocks) else block_word(mode)
    drawn = drawn_blocks(blocks)
    rows = [_row(block, few=few) for block in drawn]
    rate = "" if few else "of every 1,000, "
    faults = gains.under_faults(SHOWN_FAULTS[mode])
    cut = f" The last {MAX_BLOCKS} {block_name}s." if len(merge_if_few(blocks)) > MAX_BLOCKS else ""
    return Chart(
        name="partner",
        title=_counts_title(rows, block_name) if few else _rates_title(rows, block_name),
        what=f"Exchanges of {display_name(partner)} whose first attempt failed, {rate}by {block_name}, {faults}. "
        f"All its feeds together.{cut}",
        figure=weekly_figures.draw_partner_failures(
            _frame(drawn, rows), block_name, " failed" if few else weekly_figures.PER_THOUSAND, moves
        ),
        columns=COUNT_COLUMNS if few else RATE_COLUMNS,
        rows=rows,
        key=(("baseline", "monolith"), ("service", "service")),
    )


def drawn_blocks(blocks: Sequence[PartnerBlock]) -> Sequence[PartnerBlock]:
    """Return the blocks of the chart, one for each row of its table."""
    return merge_if_few(blocks)[-MAX_BLOCKS:]


def merge_if_few(blocks: Sequence[PartnerBlock]) -> Sequence[PartnerBlock]:
    """Return the blocks, or months of them where the blocks have few exchanges each."""
    return merge_by_month(blocks) if is_by_month(blocks) else blocks


def is_by_month(blocks: Sequence[PartnerBlock]) -> bool:
    """Return whether to draw by month: most blocks have few exchanges, and they span over `LONG_DAYS` days."""
    return has_few_exchanges(blocks) and (blocks[-1].block_end - blocks[0].block).days > LONG_DAYS


def has_few_exchanges(blocks: Sequence[PartnerBlock]) -> bool:
    """Return whether most blocks have too few exchanges for a rate."""
    exchanges = [counts[1] for block in blocks for counts in (block.control, block.subject) if counts]
    return bool(exchanges) and median(exchanges) < MIN_EXCHANGES_PER_BLOCK


def merge_by_month(blocks: Sequence[PartnerBlock]) -> tuple[PartnerBlock, ...]:
    """Merge blocks by the month in which they begin, and by the level of the service."""
    merged = []
    for _, group in groupby(blocks, lambda block: (block.block.year, block.block.month, block.side)):
        month = list(group)
        control, subject = _total([block.control for block in month]), _total([block.subject for block in month])
        merged.append(replace(month[0], block_end=month[-1].block_end, control=control, subject=subject))
    return tuple(merged)


def _total(counts: Sequence[Counts]) -> Counts:
    measured = [pair for pair in counts if pair]
    return (sum(failed for failed, _ in measured), sum(total for _, total in measured)) if measured else None


def _row(block: PartnerBlock, *, few: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "block": block.block.isoformat(), "block_end": block.block_end.isoformat(), "side": block.side,
    }  # fmt: skip
    for name, counts in (("control", block.control), ("subject", block.subject)):
        row[f"{name}_first"] = None if counts is None else counts[0] / (1 if few else counts[1] / 1000)
        row[f"{name}_exchanges"] = None if counts is None else counts[1]
    return row


def _frame(blocks: Sequence[PartnerBlock], rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as a frame by block; the service's line breaks where its level changes."""
    days = [{"block": block.block, "block_end": block.block_end, "milestone": block.side} for block in blocks]
    frame = pd.DataFrame([row | day for row, day in zip(rows, days, strict=True)])
    return frame.astype(dict.fromkeys(NUMBERS, "float64")) if rows else frame


def _rates_title(rows: Sequence[dict[str, Any]], block_name: str) -> str:
    """Return in how many blocks with both sides the service failed less, and in how many more."""
    both = [row for row in rows if None not in (row["control_first"], row["subject_first"])]
    if not both:
        return f"Failed first attempts: no {block_name} has both sides yet"
    fewer = sum(row["subject_first"] < row["control_first"] for row in both)
    more = sum(row["subject_first"] > row["control_first"] for row in both)
    if fewer == more == 0:
        return f"As many failed first attempts in each of {numbers.plural(len(both), block_name)}"
    return (
        f"Fewer failed first attempts in {fewer} of {numbers.plural(len(both), block_name)}, more in {more or 'none'}"
    )


def _counts_title(rows: Sequence[dict[str, Any]], block_name: str) -> str:
    """Return how many exchanges failed at first, of how many, in the blocks with both sides."""
    both = [row for row in rows if None not in (row["control_first"], row["subject_first"])]
    if not both:
        return _rates_title(rows, block_name)
    ours, theirs = (
        f"{sum(row[f'{name}_first'] for row in both):,.0f} of {sum(row[f'{name}_exchanges'] for row in both):,}"
        for name in ("subject", "control")
    )
    return f"Failed first attempts: {ours} with the service, {theirs} with the monolith"
