"""`/failures`: failed runs, grouped by error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, g, render_template, request

from dashboard.filters import describe
from dashboard.pages import links
from dashboard.pages.request import database, page_url
from dashboard.pages.run_selection import RUNS_NAVIGATION, filter_choices, redirect_to_short_url, select_runs
from dashboard.presenters import failure_groups as presenters_failure_groups
from metrics.queries import failure_groups, runs
from metrics.queries.run_filter import RunFilter
from roadmap.wording import numbers

if TYPE_CHECKING:
    from sqlite_utils import Database
    from werkzeug.wrappers import Response

    from dashboard.cache.view import View
    from dashboard.filters.query_string import Query
    from metrics.queries.failure_groups import FailureGroup

blueprint = Blueprint("failures", __name__)

#: Keys that filter failures, and those that the form offers.
KEYS = ("side", "partner", "feed", "faults", "range", "from", "to")
FORM = ("side", "partner", "feed", "faults", "range")

#: Values of `order` with their labels; the default is the kind that was seen last.
ORDER_LABELS = {"last": "Last seen", "count": "Most frequent"}


@blueprint.get("/failures")
def page() -> str | Response:
    """Show the failures that the query filters, by kind: the one seen last first, or the most frequent."""
    order_key = {"order": request.args["order"]} if request.args.get("order") else {}
    if shorter := redirect_to_short_url(lambda keys: page_url("failures.page", **(keys | order_key))):
        return shorter
    parsed, view, query = select_runs(KEYS, ("form", "order"))
    order = _order(query)
    if parsed.run_filter == RunFilter(known_by=view.as_of):
        many, groups = view.cached(all_groups if order == "last" else all_groups_by_count)
    else:
        many, groups = _find_groups(database(), parsed.run_filter, order)
    ordered = {} if order == "last" else {"order": order}
    return render_template(
        "failures.html",
        links=links,
        inside=RUNS_NAVIGATION,
        count=numbers.plural(many, "failed run"),
        summary=describe.describe(parsed),
        every=links.runs(**parsed.with_changes(state="failed")),
        kinds=presenters_failure_groups.failure_group_rows(groups[: presenters_failure_groups.MAX_GROUPS], parsed.keys),
        cut=len(groups) > presenters_failure_groups.MAX_GROUPS,
        most=presenters_failure_groups.MAX_GROUPS,
        fields=describe.form_fields(parsed, view.cached(filter_choices), FORM),
        filter_parts=describe.filter_parts(parsed, links.failures),
        hidden_fields={key: parsed.keys[key] for key in ("from", "to") if key in parsed.keys} | ordered,
        orders=[
            (label, page_url("failures.page", **parsed.keys, order=None if name == "last" else name), name == order)
            for name, label in ORDER_LABELS.items()
        ],
        picked=bool(parsed.keys),
    )


def all_groups(db: Database, view: View) -> tuple[int, tuple[FailureGroup, ...]]:
    """Return how many runs failed up to the day of the view, and their groups, the one seen last first."""
    return _find_groups(db, RunFilter(known_by=view.as_of), "last")


def all_groups_by_count(db: Database, view: View) -> tuple[int, tuple[FailureGroup, ...]]:
    """Return the same, the most frequent first."""
    many, groups = view.cached(all_groups)
    if len(groups) > presenters_failure_groups.MAX_GROUPS:
        return _find_groups(db, RunFilter(known_by=view.as_of), "count")
    return many, tuple(sorted(groups, key=lambda group: (-group.runs, group.fingerprint)))


def _find_groups(db: Database, run_filter: RunFilter, order: str) -> tuple[int, tuple[FailureGroup, ...]]:
    groups = failure_groups.group_failures(
        db, run_filter, presenters_failure_groups.MAX_GROUPS + 1, newest_first=order == "last"
    )
    return runs.count_runs(db, failure_groups.failures_only(run_filter)), groups


def _order(query: Query) -> str:
    """Return the order of the query; an unknown one adds a notice."""
    name = query.value("order", "last")
    if name not in ORDER_LABELS:
        notice = f"“order={name}” is not one of {', '.join(ORDER_LABELS)}; the kind that was seen last stands first."
        g.notices = (*g.get("notices", ()), notice)
    return name if name in ORDER_LABELS else "last"


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (all_groups, all_groups_by_count)
