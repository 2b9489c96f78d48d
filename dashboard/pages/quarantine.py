"""`/quarantine`: rows that were set aside, by partner, feed and reason, and over time."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template

from dashboard.charts import quarantine
from dashboard.filters import describe
from dashboard.pages import links
from dashboard.pages.request import database, here
from dashboard.pages.run_selection import INSIDE, choices, picking, shortened
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

pages = Blueprint("quarantine", __name__)

#: What rows can be picked by.
KEYS = ("side", "partner", "feed", "faults", "range", "from", "to")
FORM = ("side", "partner", "feed", "faults", "range")


@pages.get("/quarantine")
def page() -> str | AnyResponse:
    """The rows that the address picks, by feed and reason, under a chart of them over time."""
    if shorter := shortened(lambda told: here("quarantine.page", **told)):
        return shorter
    found, seen = _asked(strict=False)
    picked = found.run_filter
    reasons, drawn = (
        seen.cached(every) if picked == RunFilter(known_by=seen.as_of) else _found(database(), picked, seen)
    )
    if drawn:
        addresses = [here(f"quarantine.{kind}", **found.keys) for kind in ("as_csv", "as_json")]
        drawn = replace(drawn, csv=addresses[0], json=addresses[1])
    many = sum(one.rows for one in reasons)
    return render_template(
        "quarantine.html",
        links=links,
        inside=INSIDE,
        said=describe.count_sentence(found, many, "row"),
        lines=quarantine_list.reason_rows(reasons, found.keys),
        told=any(one.code for one in reasons),
        picked=bool(found.keys),
        cut=len(reasons) > quarantine_list.MAX_REASON_ROWS and numbers.plural(len(reasons), "line"),
        chart=drawn,
        replayed=seen.mode == "replay",
        block_word=block_word(seen.mode),
        fields=describe.form_fields(found, seen.cached(choices), FORM),
        held=describe.fixed_parts(found, links.quarantine),
        kept={key: found.keys[key] for key in ("from", "to") if key in found.keys},
    )


@pages.get("/quarantine.csv")
def as_csv() -> Response:
    """Rows set aside by block, feed and reason as CSV; an empty reason is one that nobody noted."""
    found, _ = _asked(strict=True)
    out = io.StringIO()
    told = csv.DictWriter(out, quarantine_list.RECORD_COLUMNS, lineterminator="\n")
    told.writeheader()
    told.writerows(quarantine_list.quarantine_records(quarantined_rows.rows_by_block(database(), found.run_filter)))
    headers = {"Content-Disposition": 'attachment; filename="milepost-quarantine.csv"'}
    return Response(out.getvalue(), mimetype="text/csv", headers=headers)


@pages.get("/quarantine.json")
def as_json() -> Response:
    """The same as JSON; a reason that nobody noted is null."""
    found, _ = _asked(strict=True)
    body = {
        "asked": dict(found.keys),
        "rows": quarantine_list.quarantine_records(quarantined_rows.rows_by_block(database(), found.run_filter)),
    }
    return Response(json.dumps(body, ensure_ascii=False), mimetype="application/json")


def _asked(*, strict: bool) -> tuple[ParsedFilter, View]:
    found, seen, _ = picking(KEYS, ("form",), strict=strict)
    return found, seen


def every(db: Database, seen: View) -> tuple[tuple[QuarantineReason, ...], Chart | None]:
    """All that was set aside, as far as the view knows, and the chart of it."""
    return _found(db, RunFilter(known_by=seen.as_of), seen)


def _found(db: Database, picked: RunFilter, seen: View) -> tuple[tuple[QuarantineReason, ...], Chart | None]:
    unit = block_word(seen.mode)
    over_time = quarantined_rows.rows_by_block(db, picked)
    drawn = quarantine.quarantine_chart(over_time, blocks.counted_blocks(db, picked), unit) if over_time else None
    return quarantined_rows.rows_by_reason(db, picked), drawn


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (every,)
