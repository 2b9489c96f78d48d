"""`/runs.csv` and `/runs.json`: the runs that an address picks, as data; sent as they are read, the newest first."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from dataclasses import fields
from itertools import islice
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from dashboard.pages.request import settings
from dashboard.pages.run_selection import picking
from metrics.events import OUTCOMES
from metrics.queries import runs as queries_runs
from metrics.queries.runs import Run
from metrics.store.database import open_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from metrics.queries.run_filter import RunFilter

pages = Blueprint("run_downloads", __name__)

#: No file has more runs than these.
MOST = 100_000

#: Runs read at once, and lines sent at once.
AT_ONCE = 500

PLAIN = tuple(field.name for field in fields(Run) if field.name not in {"rows", "aside"})
ROWS = ("in", *OUTCOMES)
COLUMNS = (*PLAIN, *(f"rows_{name}" for name in ROWS), "aside")


@pages.get("/runs.csv")
def as_csv() -> Response:
    """The list as CSV. An empty cell is a missing number; `aside` has rows by reason, as JSON."""
    found, *_ = picking(strict=True)
    many = _count(found.run_filter)
    sent = _csv(settings().store, found.run_filter, min(many, MOST))
    return _sent(sent, many, "text/csv; charset=utf-8", "csv")


@pages.get("/runs.json")
def as_json() -> Response:
    """The list as JSON: how many runs it holds, how many of them are here, and these."""
    found, *_ = picking(strict=True)
    many = _count(found.run_filter)
    sent = _json(settings().store, found.run_filter, many)
    return _sent(sent, many, "application/json", "json")


def _count(picked: RunFilter) -> int:
    with closing(open_snapshot(settings().store)) as db:
        return queries_runs.count_runs(db, picked)


def _sent(parts: Iterator[str], many: int, content_type: str, ending: str) -> Response:
    """A response that is sent while it is read; its headers say how much of the list it holds."""
    sent = min(many, MOST)
    response = Response((part.encode() for part in parts), content_type=content_type, direct_passthrough=True)
    whole = "runs" if sent == many else f"runs-newest-{sent}"
    response.headers |= {
        "Content-Disposition": f'attachment; filename="milepost-{whole}.{ending}"',
        "X-Milepost-Runs": f"{sent} of {many}",
        "Cache-Control": "no-store",
    }
    response.call_on_close(parts.close)  # type: ignore[attr-defined]
    return response


def _csv(store: Path, picked: RunFilter, most: int) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\n"
    for runs in _batches(store, picked, most):
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        for run in runs:
            told = row(run)
            told["aside"] = None if run.aside is None else json.dumps(told["aside"], ensure_ascii=False)
            rows.writerow(told.values())
        yield out.getvalue()


def _json(store: Path, picked: RunFilter, many: int) -> Iterator[str]:
    sent = min(many, MOST)
    yield f'{{"count": {many}, "sent": {sent}, "runs": ['
    between = "\n"
    for runs in _batches(store, picked, sent):
        yield between + ",\n".join(json.dumps(row(run), ensure_ascii=False) for run in runs)
        between = ",\n"
    yield "\n]}\n"


def row(run: Run) -> dict[str, Any]:
    """A run under the names of `COLUMNS`; None is missing."""
    told = {name: getattr(run, name) for name in PLAIN}
    told |= {f"rows_{name}": None if run.rows is None else run.rows[name] for name in ROWS}
    return told | {"aside": None if run.aside is None else dict(run.aside)}


def _batches(store: Path, picked: RunFilter, most: int) -> Iterator[tuple[Run, ...]]:
    """The newest runs of a list, some at a time, all as of one moment."""
    with closing(open_snapshot(store)) as db:
        after, left = None, most
        while left > 0:
            found = queries_runs.get_page(db, picked, after, min(AT_ONCE, left))
            yield tuple(islice(found.rows, left))
            left -= len(found.rows)
            after = found.older
            if after is None:
                return
