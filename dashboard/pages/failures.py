"""`/failures`: runs that failed, put together by what their errors share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, g, render_template, request

from dashboard.filters import describe
from dashboard.pages import links
from dashboard.pages.request import database, here
from dashboard.pages.run_selection import INSIDE, choices, picking, shortened
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

pages = Blueprint("failures", __name__)

#: What failures can be picked by.
KEYS = ("side", "partner", "feed", "faults", "range", "from", "to")
FORM = ("side", "partner", "feed", "faults", "range")

#: In what order kinds stand, and what that is called: what failed last night is on top unless the address says not.
ORDERS = {"last": "Last seen", "count": "Most frequent"}


@pages.get("/failures")
def page() -> str | Response:
    """The failures that the address picks, the kind last seen first, or the most frequent."""
    kept = {"order": request.args["order"]} if request.args.get("order") else {}
    if shorter := shortened(lambda told: here("failures.page", **(told | kept))):
        return shorter
    found, seen, asked = picking(KEYS, ("form", "order"))
    order = _order(asked)
    if found.run_filter == RunFilter(known_by=seen.as_of):
        many, groups = seen.cached(every if order == "last" else every_by_count)
    else:
        many, groups = _found(database(), found.run_filter, order)
    ordered = {} if order == "last" else {"order": order}
    return render_template(
        "failures.html",
        links=links,
        inside=INSIDE,
        count=numbers.plural(many, "failed run"),
        said=describe.describe(found),
        every=links.runs(**found.with_changes(state="failed")),
        kinds=presenters_failure_groups.failure_group_rows(groups[: presenters_failure_groups.MAX_GROUPS], found.keys),
        cut=len(groups) > presenters_failure_groups.MAX_GROUPS,
        most=presenters_failure_groups.MAX_GROUPS,
        fields=describe.form_fields(found, seen.cached(choices), FORM),
        held=describe.fixed_parts(found, links.failures),
        kept={key: found.keys[key] for key in ("from", "to") if key in found.keys} | ordered,
        orders=[
            (said, here("failures.page", **found.keys, order=None if name == "last" else name), name == order)
            for name, said in ORDERS.items()
        ],
        picked=bool(found.keys),
    )


def every(db: Database, seen: View) -> tuple[int, tuple[FailureGroup, ...]]:
    """How many runs have failed, as far as the view knows, and their groups, the last seen first."""
    return _found(db, RunFilter(known_by=seen.as_of), "last")


def every_by_count(db: Database, seen: View) -> tuple[int, tuple[FailureGroup, ...]]:
    """The same, the most frequent first."""
    many, groups = seen.cached(every)
    if len(groups) > presenters_failure_groups.MAX_GROUPS:
        return _found(db, RunFilter(known_by=seen.as_of), "count")
    return many, tuple(sorted(groups, key=lambda group: (-group.runs, group.fingerprint)))


def _found(db: Database, picked: RunFilter, order: str) -> tuple[int, tuple[FailureGroup, ...]]:
    groups = failure_groups.group_failures(
        db, picked, presenters_failure_groups.MAX_GROUPS + 1, newest_first=order == "last"
    )
    return runs.count_runs(db, failure_groups.failures_only(picked)), groups


def _order(asked: Query) -> str:
    """The order asked for; one that is not known is pointed out."""
    name = asked.value("order", "last")
    if name not in ORDERS:
        said = f"“order={name}” is not one of {', '.join(ORDERS)}; the last seen stand first."
        g.notices = (*g.get("notices", ()), said)
    return name if name in ORDERS else "last"


#: Values that are computed with each new view, before a reader gets it.
PRELOAD = (every, every_by_count)
