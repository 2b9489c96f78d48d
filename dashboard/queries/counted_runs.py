"""The runs behind a reading, by the name that it has in an address: `M1:busy_time_saved:standard`.

`M1:failed_first:standard:control` names what the control did at the same time, which stands beside it as "was".
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from metrics.measures.counted_runs import runs_behind
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from roadmap.judge.evidence import question

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.queries.run_filter import CountedRuns
    from metrics.question import Question
    from roadmap.model import Verdict

#: Faults that a reading can be asked under.
FAULTS_BY_MODE = {"replay": ("standard", "none"), "live": ("real", "standard", "none")}

#: What stands after a reading's name for the same of its control.
CONTROL = "control"


def find_counted_runs(seen: View, text: str) -> CountedRuns | str:
    """The runs that the reading counts as of the view's day; or, in words, why there is no such reading."""
    code, _, rest = text.partition(":")
    measure, _, rest = rest.partition(":")
    faults, _, side = rest.partition(":")
    choices = (
        (code, [milestone.code for milestone in seen.plan.milestones], "milestone"),
        (measure, list(MEASURES), "measure"),
        (faults, list(FAULTS_BY_MODE[seen.mode]), "kind of faults"),
        (side, ["", CONTROL], "side of a reading"),
    )
    for name, known, what in choices:
        if name not in known:
            said = (
                f"“counted={text}” was left out: “{name}” is no {what}; choose one of {', '.join(filter(None, known))}"
            )
            return f"{said}, as in M1:busy_time_saved:standard."
    return seen.made(_asked_once(code, measure, faults, side))


def question_of(verdict: Verdict, seen: View, measure: str, faults: str) -> Question:
    """What the reading of a milestone's measure asked of the store, up to the day that it stands for."""
    milestone = next(one for one in seen.plan.milestones if one.code == verdict.code)
    readings = {(one.name, one.faults): one.reading for one in verdict.criteria if one.reading is not None}
    own = readings.get((measure, faults))
    # what is shown beside a target reaches as far as the target's own number
    beside = own or readings.get(("busy_time_saved", "standard"))
    end = beside.end if beside else min(seen.today, milestone.due)
    about = question(milestone, end, seen.mode, faults)
    return replace(about, series=own.series) if own else about


@lru_cache(maxsize=4096)
def _asked_once(code: str, measure: str, faults: str, side: str) -> Callable[[Database, View], CountedRuns]:
    """The question for one reading; the same function for the same reading, so that a view asks it once."""

    def make(db: Database, seen: View) -> CountedRuns:
        verdict = next(one for one in seen.verdicts if one.code == code)
        about = question_of(verdict, seen, measure, faults)
        if side == CONTROL:
            about = replace(about, subject=about.control)
        return runs_behind(load_window(db, about), measure)

    return make
