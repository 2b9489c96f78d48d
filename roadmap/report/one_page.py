"""The one-page report on A4, in words that fit.

The dashboard's `/report` and `milepost roadmap report --html` both print it. The same plan, store and day always give
the same page: nothing on it depends on the wall clock.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.question import block_word
from metrics.replayed_years import second_year_note
from metrics.store.series import METHOD
from roadmap.plan.revisions import removed_milestones
from roadmap.records.decisions import recorded_decisions
from roadmap.report import block_series, caveats, headline, key_figures, one_page_table, svg_chart
from roadmap.report.one_page_table import DENSE, ROOMY
from roadmap.wording import dates, gains
from roadmap.wording.checkins import checkin_text
from roadmap.wording.dates import day
from roadmap.wording.decisions import decision_text
from roadmap.wording.gains import under_faults
from roadmap.wording.numbers import plural
from roadmap.wording.sentences import shortened
from roadmap.wording.verdicts import removed_text, standing_sentences
from roadmap.worth.figures import worth_figures
from roadmap.worth.table import worth_sentence, worth_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlite_utils import Database

    from roadmap.model import Verdict
    from roadmap.plan.milestones import Plan
    from roadmap.report.headline import HeadlineCandidate
    from roadmap.report.key_figures import KeyFigure
    from roadmap.report.one_page_table import OnePageRow
    from roadmap.wording.gains import Answer

#: The kind of data, shown as a tag.
KINDS = {"replay": "replay, not production", "live": "production, live"}

#: The commands that fill in the numbers where there are none.
FILLS = {
    "replay": "`milepost demo` or `milepost metrics measure` fills in",
    "live": "`milepost run`, then `milepost metrics collect`, fill in",
}

#: Heights of the drawing, in its own units, by how full the page is.
HEIGHTS = {"roomy": 200, "close": 150, "dense": 125}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePageReport:
    """The contents of the page, in words."""

    kind: str  #: a replay, or production
    data_until: str  #: the last day with data
    as_of: str
    day: str  #: the same as an ISO date
    plan: str  #: in which revision the milestones are
    counted: str  #: what the figures count: subject, control, feeds, faults, days
    situation: str
    headline: str
    detail: str
    standing: tuple[str, ...]  #: how many are proven, and which ask for action
    figures: tuple[KeyFigure, ...]
    worth: str  #: hands, failures and machine time of both sides, and the effort saved; "" where nothing was compared
    drawing: svg_chart.SvgChart | None
    rows: tuple[OnePageRow, ...]
    omitted: str  #: the number of milestones that do not fit, by status
    removed: str  #: milestones that have left the file
    fill: str  #: "roomy", "close" or "dense": the size of the table's type
    decision: str
    checkin: str  #: the newest; "" where there is none
    caveats: tuple[str, ...]
    measurement: tuple[str, ...]  #: how the numbers were measured
    method: str
    plan_sha256: str  #: of the plans in force on the day
    inputs_sha256: str  #: of the inputs of every number
    command: str  #: that makes the page again


def gather(
    db: Database | None, plan: Plan, verdicts: Sequence[Verdict], today: date, clock: str, built: int
) -> OnePageReport:  # fmt: skip
    """Return the one-page report on a plan and its verdicts as of a day; without a database nothing was measured."""
    candidates = headline.headline_candidates(db, plan, verdicts, today, built, clock) if db else []
    head = headline.pick_headline(candidates) if candidates else None
    faults = "real" if clock == "live" else "standard"
    fill = "roomy" if len(verdicts) <= ROOMY else "close" if len(verdicts) <= DENSE else "dense"
    rows, omitted = one_page_table.one_page_rows(verdicts, today, fill)
    answer = gains.answer(head.gain) if head else None
    return OnePageReport(
        kind=KINDS[clock],
        data_until=dates.data_until_text(block_series.last_block_end(db, today) if db else None),
        as_of=day(today),
        day=today.isoformat(),
        plan=_revisions(plan),
        counted=_counted(head, faults),
        situation=answer.situation if answer else "none",
        headline=shortened(answer.headline, 110) if answer else "Nothing has been measured yet.",
        detail=shortened(_with_command(answer), 230)
        if answer
        else f"What follows is the plan alone; {FILLS[clock]} the numbers.",
        standing=tuple(shortened(text, 110) for text in standing_sentences({v.code: v.status for v in verdicts})),
        figures=key_figures.key_figures(db, head, plan, verdicts),
        worth=shortened(worth_sentence(worth_table(worth_figures(db, head.question, today))), 170)
        if db and head
        else "",
        drawing=_drawn(db, plan, built, today, clock, faults, HEIGHTS[fill]) if db else None,
        rows=rows,
        omitted=omitted,
        removed=shortened(_removed(db, plan, today), 150) if db else "",
        fill=fill,
        decision=shortened(_newest_decision(db, verdicts, today) if db else "None recorded.", 230),
        checkin=shortened(_newest_checkin(verdicts), 110),
        caveats=tuple(shortened(text, 130) for text in caveats.short_caveats(db, head)),
        measurement=tuple(
            shortened(text, 130)
            for text in (*caveats.describe_measurement(verdicts, head), second_year_note(clock, today))
            if text
        ),
        method=METHOD,
        plan_sha256=_plan_sha256(plan),
        inputs_sha256=_inputs_sha256(verdicts, head),
        command=f"milepost roadmap report --as-of {today} --html FILE",
    )


def _with_command(answer: Answer) -> str:
    return f"{answer.detail} {answer.step} `{answer.command}`." if answer.command else answer.detail


def _revisions(plan: Plan) -> str:
    """Return which milestones have a later revision than the first."""
    revised = [f"{m.code} in revision {m.revision}" for m in plan.milestones if m.revision > 1]
    if not revised:
        return "milestone file in its first revision"
    rest = ", the others in their first" if len(revised) < len(plan.milestones) else ""
    return shortened(f"milestone file: {', '.join(revised)}{rest}", 120)


def _counted(head: HeadlineCandidate | None, faults: str) -> str:
    if head is None:
        return ""
    sides = f"{head.milestone.subject} against the {head.milestone.control}"
    scope = head.milestone.scope
    feeds = "all feeds" if "*/*" in scope else shortened(f"feeds {', '.join(scope)}", 60)
    reading = head.reading
    if not reading.blocks:
        nothing = "nothing compared yet" if head.gain.has_runs else "nothing measured yet"
        return f"{sides}, {feeds}, {under_faults(faults)}; {nothing}"
    unit = block_word(reading.mode)
    when = f"{dates.days_between(reading.start, reading.end)} ({plural(reading.blocks, unit)})"
    return f"{sides}, {feeds}, {under_faults(faults)}, {when}"


def _drawn(
    db: Database, plan: Plan, built: int, today: date, clock: str, faults: str, height: int
) -> svg_chart.SvgChart | None:
    parts = block_series.milestone_spans(plan, built, today)
    unit = block_word(clock)
    return svg_chart.draw_chart(
        block_series.block_points(db, parts, clock, faults), parts, under_faults(faults), unit, height
    )


def _removed(db: Database, plan: Plan, today: date) -> str:
    return removed_text({plan.code: plan.due for plan in removed_milestones(db, plan) if plan.as_of <= today})


def _newest_decision(db: Database, verdicts: Iterable[Verdict], today: date) -> str:
    """Return the newest decision, with the advice of that day."""
    recorded = [
        (decision.decision.as_of, decision.decision.id, v.code, decision)
        for v in verdicts
        for decision in recorded_decisions(db, v.code, today)
    ]
    if not recorded:
        return "None recorded."
    *_, code, newest = max(recorded, key=lambda entry: entry[:2])
    made = newest.decision
    advised, owner = newest.advice.partition(":")[0], shortened(made.owner, 40)
    text = decision_text(made.choice, owner, until=made.until, as_of=made.as_of, why=made.why, advised=advised)
    return f"{code}: {text}"


def _newest_checkin(verdicts: Iterable[Verdict]) -> str:
    made = [(v.checkin.as_of, v.checkin.id, v) for v in verdicts if v.checkin]
    if not made:
        return ""
    *_, v = max(made, key=lambda entry: entry[:2])
    c = v.checkin
    return f"{v.code}: {checkin_text(c.text, c.by, c.as_of, c.done, c.of, v.counts)}" if c else ""


def _plan_sha256(plan: Plan) -> str:
    """Return a hash of what was promised on the day, whatever the file says since."""
    promises = [[m.code, m.revision, m.as_dict()] for m in plan.milestones]
    return hashlib.sha256(json.dumps(promises).encode()).hexdigest()


def _inputs_sha256(verdicts: Iterable[Verdict], head: HeadlineCandidate | None) -> str:
    """Return one hash over those of all numbers; `milepost roadmap report` lists them."""
    hashes = [c.reading.inputs_sha256 for v in verdicts for c in v.criteria if c.reading is not None]
    hashes += [head.reading.inputs_sha256] if head else []
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
