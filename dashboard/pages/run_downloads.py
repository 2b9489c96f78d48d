"""`/runs.csv` and `/runs.json`: the runs that a query string filters, streamed, the newest first."""

from __future__ import annotations

import io
import json
from contextlib import closing
from dataclasses import fields
from itertools import islice
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from dashboard.cache.scoped_store import open_scoped
from dashboard.pages.request import settings
from dashboard.pages.run_selection import select_runs
from dashboard.pages.spreadsheet import SpreadsheetWriter
from metrics.events import OUTCOMES
from metrics.queries import runs as queries_runs
from metrics.queries.runs import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.config import Config
    from metrics.queries.run_filter import RunFilter

blueprint = Blueprint("run_downloads", __name__)

#: The most runs in one file.
MAX_RUNS = 100_000

#: Runs that are read and sent at once.
BATCH_RUNS = 500

FIELD_COLUMNS = tuple(field.name for field in fields(Run) if field.name not in {"rows", "aside"})
ROW_COLUMNS = ("in", *OUTCOMES)
COLUMNS = (*FIELD_COLUMNS, *(f"rows_{name}" for name in ROW_COLUMNS), "aside")


@blueprint.get("/runs.csv")
def as_csv() -> Response:
    """Stream the list as CSV for a spreadsheet. An empty cell is a missing number; `aside` is JSON, rows by reason."""
    parsed, *_ = select_runs(strict=True)
    many = _count(parsed.run_filter)
    sent = _csv(settings(), parsed.run_filter, min(many, MAX_RUNS))
    return _download(sent, many, "text/csv; charset=utf-8", "csv")


@blueprint.get("/runs.json")
def as_json() -> Response:
    """Stream the list as JSON: how many runs match, how many of them are in the file, and these."""
    parsed, *_ = select_runs(strict=True)
    many = _count(parsed.run_filter)
    sent = _json(settings(), parsed.run_filter, many)
    return _download(sent, many, "application/json", "json")


def _count(run_filter: RunFilter) -> int:
    with closing(open_scoped(settings().store, settings().scope)) as db:
        return queries_runs.count_runs(db, run_filter)


def _download(parts: Iterator[str], many: int, content_type: str, ending: str) -> Response:
    """Return a streamed response; its headers say how many runs of the list it holds."""
    sent = min(many, MAX_RUNS)
    response = Response((part.encode() for part in parts), content_type=content_type, direct_passthrough=True)
    whole = "runs" if sent == many else f"runs-newest-{sent}"
    response.headers |= {
        "Content-Disposition": f'attachment; filename="milepost-{whole}.{ending}"',
        "X-Milepost-Runs": f"{sent} of {many}",
        "Cache-Control": "no-store",
    }
    response.call_on_close(parts.close)  # type: ignore[attr-defined]
    return response


def _csv(config: Config, run_filter: RunFilter, most: int) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    for runs in _batches(config, run_filter, most):
        out = io.StringIO()
        rows = SpreadsheetWriter(out)
        for run in runs:
            row = run_as_row(run)
            row["aside"] = None if run.aside is None else json.dumps(row["aside"], ensure_ascii=False)
            rows.write_row(row.values())
        yield out.getvalue()


def _json(config: Config, run_filter: RunFilter, many: int) -> Iterator[str]:
    sent = min(many, MAX_RUNS)
    yield f'{{"count": {many}, "sent": {sent}, "runs": ['
    between = "\n"
    for runs in _batches(config, run_filter, sent):
        yield between + ",\n".join(json.dumps(run_as_row(run), ensure_ascii=False) for run in runs)
        between = ",\n"
    yield "\n]}\n"


def run_as_row(run: Run) -> dict[str, Any]:
    """Return a run by the names of `COLUMNS`; None is a missing value."""
    row = {name: getattr(run, name) for name in FIELD_COLUMNS}
    row |= {f"rows_{name}": None if run.rows is None else run.rows[name] for name in ROW_COLUMNS}
    return row | {"aside": None if run.aside is None else dict(run.aside)}


def _batches(config: Config, run_filter: RunFilter, most: int) -> Iterator[tuple[Run, ...]]:
    """Yield the newest runs of a list in batches, all from one snapshot."""
    with closing(open_scoped(config.store, config.scope)) as db:
        after, left = None, most
        while left > 0:
            listed = queries_runs.get_page(db, run_filter, after, min(BATCH_RUNS, left))
            yield tuple(islice(listed.rows, left))
            left -= len(listed.rows)
            after = listed.older
            if after is None:
                return
