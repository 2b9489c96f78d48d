"""Query keys of the exchanges behind a cell of a chart's table.

A list has the exchanges that a milestone's reading counts. A chart counts all exchanges, which may be more; a cell
whose number differs from its list gets no keys, so no link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.queries.reading_runs import find_counted_runs
from metrics.queries.pagination import sum_runs_by
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import build_query
from roadmap.report import block_series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlite_utils import Database

    from dashboard.cache.view import View

    Counts = Mapping[str, Mapping[str, Mapping[str, int]]]  # by reading name, block and partner

#: Columns that count exchanges, with the suffix of their side in a reading's name.
EXCHANGE_COLUMNS = {"subject_exchanges": "", "control_exchanges": ":control"}


def exchange_counts(db: Database, view: View, faults: str) -> Counts:
    """Return how many exchanges each list holds."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for part in block_series.milestone_spans(view.plan, view.built, view.today):
        for side in EXCHANGE_COLUMNS.values():
            name = _reading_name(part.code, faults, side)
            runs = find_counted_runs(view, name)
            if isinstance(runs, str):
                continue
            query = build_query(db, RunFilter(counted=runs, attempt="last"))
            for (partner, block), exchanges in sum_runs_by(db, query, "partner", "block").items():
                counts.setdefault(name, {}).setdefault(block, {})[partner] = exchanges
    return counts


def cell_keys(
    view: View, faults: str, rows: Sequence[Mapping[str, Any]], codes: Sequence[str], partner: str | None = None
) -> dict[tuple[int, str], dict[str, str]]:
    """Return the query keys of a table's cells, by row and column; `codes` are the milestones of the rows."""
    held = view.cached(exchange_counts, faults)
    keys_by_cell = {}
    for place, (row, code) in enumerate(zip(rows, codes, strict=True)):
        for column, side in EXCHANGE_COLUMNS.items():
            name = _reading_name(code, faults, side)
            blocks = [by for block, by in held.get(name, {}).items() if row["block"] <= block <= row["block_end"]]
            many = sum(sum(by.values()) if partner is None else by.get(partner, 0) for by in blocks)
            if many and many == row[column]:
                keys = {"counted": name, "from": row["block"], "to": row["block_end"], "attempt": "last"}
                keys_by_cell[place, column] = keys | ({} if partner is None else {"partner": partner})
    return keys_by_cell


def _reading_name(code: str, faults: str, side: str) -> str:
    return f"{code}:failed_first:{faults}{side}"
