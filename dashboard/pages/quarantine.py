"""`/quarantine`: quarantined rows by partner, feed and reason, and over time."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template

from dashboard.charts import quarantine
from dashboard.filters import describe
from dashboard.pages import links
from dashboard.pages.request import database, page_url
from dashboard.pages.run_selection import RUNS_NAVIGATION, filter_choices, redirect_to_short_url, select_runs
from dashboard.pages.spreadsheet import SpreadsheetWriter
from dashboard.pages.today import state_for_page
from dashboard.presenters import quarantine_list
from metrics.queries import blocks, quarantined_rows
from metrics.queries.run_filter import RunFilter
from metrics.question import block_word
from roadmap.wording import numbers

if TYPE_CHECKING:
    from sqlite_utils import Database
    from werkzeug.wrappers import Response as AnyResponse

    from dashboard.cache.view import View
    from dashboard.charts.chart import Chart
    from dashboard.filters.parse import ParsedFilter
    from metrics.queries.quarantined_rows import QuarantineReason

blueprint = Blueprint("quarantine", __name__)

#: Keys that filter rows, and those that the form offers.
KEYS = ("side", "partner", "feed", "faults", "range", "from", "to")
FORM = ("side", "partner", "feed", "faults", "range")


@blueprint.get("/quarantine")
def page() -> str | AnyResponse:
    """Show the rows that the query filters, by feed and reason, under a chart over time."""
    if shorter := redirect_to_short_url(lambda keys: page_url("quarantine.page", **keys)):
        return shorter
    parsed, view = _select_rows(strict=False)
    run_filter = parsed.run_filter
    reasons, chart = (
        view.cached(all_rows)
        if run_filter == RunFilter(known_by=view.as_of)
        else _find_rows(database(), run_filter, view)
    )
    if chart:
        urls = [page_url(f"quarantine.{kind}", **parsed.keys) for kind in ("as_csv", "as_json")]
        chart = replace(chart, csv=urls[0], json=urls[1])
    many = sum(reason.rows for reason in reasons)
    now = state_for_page()
    return render_template(
        "quarantine.html",
        links=links,
        inside=RUNS_NAVIGATION,
        summary=describe.count_sentence(parsed, many, "row"),
        held=quarantine_list.held_rows(now.feeds, run_filter) if now else None,
        lines=quarantine_list.reason_rows(reasons, parsed.keys),
        has_reasons=any(reason.code for reason in reasons),
        picked=bool(parsed.keys),
        cut=len(reasons) > quarantine_list.MAX_REASON_ROWS and numbers.plural(len(reasons), "line"),
        chart=chart,
        replayed=view.mode == "replay",
        block_word=block_word(view.mode),
        fields=describe.form_fields(parsed, view.cached(filter_choices), FORM),
        filter_parts=describe.filter_parts(parsed, links.quarantine),
        hidden_fields={key: parsed.keys[key] for key in ("from", "to") if key in parsed.keys},
    )


@blueprint.get("/quarantine.csv")
def as_csv() -> Response:
    """Return quarantined rows by block, feed and reason as CSV for a spreadsheet; an empty reason was not recorded."""
    parsed, _ = _select_rows(strict=True)
    out = io.StringIO()
    records = quarantine_list.quarantine_records(quarantined_rows.rows_by_block(database(), parsed.run_filter))
    SpreadsheetWriter(out, quarantine_list.RECORD_COLUMNS).write_records(records)
    headers = {"Content-Disposition": 'attachment; filename="milepost-quarantine.csv"'}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


@blueprint.get("/quarantine.json")
def as_json() -> Response:
    """Return the same as JSON; a reason that was not recorded is null."""
    parsed, _ = _select_rows(strict=True)
    body = {
        "asked": dict(parsed.keys),
        "rows": quarantine_list.quarantine_records(quarantined_rows.rows_by_block(database(), parsed.run_filter)),
    }
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/json")


def _select_rows(*, strict: bool) -> tuple[ParsedFilter, View]:
    parsed, view, _ = select_runs(KEYS, ("form",), strict=strict)
    return parsed, view


def all_rows(db: Database, view: View) -> tuple[tuple[QuarantineReason, ...], Chart | None]:
    """Return all quarantined rows up to the view's day by reason, and their chart."""
    return _find_rows(db, RunFilter(known_by=view.as_of), view)


def _find_rows(db: Database, run_filter: RunFilter, view: View) -> tuple[tuple[QuarantineReason, ...], Chart | None]:
    unit = block_word(view.mode)
    over_time = quarantined_rows.rows_by_block(db, run_filter)
    chart = quarantine.quarantine_chart(over_time, blocks.counted_blocks(db, run_filter), unit) if over_time else None
    return quarantined_rows.rows_by_reason(db, run_filter), chart


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (all_rows,)
