"""The runs behind a reading, by its name in a query string: `M1:busy_time_saved:standard`.

`M1:failed_first:standard:control` names the control's runs of the same days, which a page shows as "was".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.measures.counted_runs import runs_behind
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from roadmap.judge.evidence import milestone_question

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.queries.run_filter import CountedRuns
    from metrics.question import Question
    from roadmap.model import Verdict

#: Faults under which there are readings, by mode.
FAULTS_BY_MODE = {"replay": ("standard", "none", "stress"), "live": ("real", "standard", "none", "stress")}

#: The suffix of a reading's name for the runs of its control.
CONTROL = "control"


def find_counted_runs(view: View, text: str) -> CountedRuns | str:
    """Return the runs that a reading counts as of the view's day, or a sentence why there is no such reading."""
    code, _, rest = text.partition(":")
    measure, _, rest = rest.partition(":")
    faults, _, side = rest.partition(":")
    choices = (
        (code, [milestone.code for milestone in view.plan.measured], "milestone"),
        (measure, list(MEASURES), "measure"),
        (faults, list(FAULTS_BY_MODE[view.mode]), "kind of faults"),
        (side, ["", CONTROL], "side of a reading"),
    )
    for name, known, what in choices:
        if name not in known:
            notice = (
                f"“counted={text}” was left out: “{name}” is no {what}; choose one of {', '.join(filter(None, known))}"
            )
            return f"{notice}, as in M1:busy_time_saved:standard."
    return view.cached(_counted_runs, code, measure, faults, side)


def question_of(verdict: Verdict, view: View, measure: str, faults: str) -> Question:
    """Return the question behind the reading of a milestone's measure, up to the day of the reading."""
    milestone = next(milestone for milestone in view.plan.milestones if milestone.code == verdict.code)
    readings = {
        (criterion.name, criterion.faults): criterion.reading
        for criterion in verdict.criteria
        if criterion.reading is not None
    }
    own = readings.get((measure, faults))
    # a number beside a target covers the same days as the target's own reading
    beside = own or readings.get(("busy_time_saved", "standard"))
    end = beside.end if beside else min(view.today, milestone.due)
    question = milestone_question(milestone, end, view.mode, faults)
    return replace(question, series=own.series) if own else question


def _counted_runs(db: Database, view: View, code: str, measure: str, faults: str, side: str) -> CountedRuns:
    """Return the runs that one reading counts."""
    verdict = next(verdict for verdict in view.verdicts if verdict.code == code)
    question = question_of(verdict, view, measure, faults)
    if side == CONTROL:
        question = replace(question, subject=question.control)
    return runs_behind(load_window(db, question), measure)
