"""`/failures`: runs that failed, put together by what their errors share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from dashboard import alike, links, picked_words, words
from dashboard.pages.picking import INSIDE, choices, picking, shortened
from dashboard.pages.shared import database, here
from metrics import browse, failures
from metrics.picked import Picked

if TYPE_CHECKING:
    from sqlite_utils import Database
    from werkzeug.wrappers import Response

    from dashboard.view import View
    from metrics.failures import Group

pages = Blueprint("failures", __name__)

#: What failures can be picked by.
KEYS = ("side", "partner", "feed", "faults", "range", "from", "to")
FORM = ("side", "partner", "feed", "faults", "range")


@pages.get("/failures")
def page() -> str | Response:
    """The failures that the address picks, the most frequent kind first."""
    if shorter := shortened(lambda told: here("failures.page", **told)):
        return shorter
    found, seen, _ = picking(KEYS, ("form",))
    many, groups = seen.made(every) if found.picked == Picked(known=seen.as_of) else _found(database(), found.picked)
    return render_template(
        "failures.html",
        inside=INSIDE,
        count=words.plural(many, "failed run"),
        said=picked_words.described(found),
        every=links.runs(**found.but(state="failed")),
        kinds=alike.kinds(groups[: alike.MOST], found.keys),
        cut=len(groups) > alike.MOST,
        most=alike.MOST,
        fields=picked_words.form(found, seen.made(choices), FORM),
        held=picked_words.held(found, links.failures),
        kept={key: found.keys[key] for key in ("from", "to") if key in found.keys},
        picked=bool(found.keys),
    )


def every(db: Database, seen: View) -> tuple[int, tuple[Group, ...]]:
    """How many runs have failed, as far as the view knows, and their groups."""
    return _found(db, Picked(known=seen.as_of))


def _found(db: Database, picked: Picked) -> tuple[int, tuple[Group, ...]]:
    return browse.count(db, failures.failed_of(picked)), failures.groups(db, picked, alike.MOST + 1)


#: What is made with a view, before anybody is shown it.
DEAR = (every,)
