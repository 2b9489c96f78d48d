"""The charts of the plan with all that stands around them: plan against actual, slips, criteria reached, gains."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard import figures_gains, figures_plan
from dashboard.charts import Chart, Column
from dashboard.drawing import rows_of
from dashboard.gains import split, split_said
from metrics.measures.registry import MEASURES
from roadmap.wording import dates, numbers
from roadmap.wording import gains as wording_gains
from roadmap.wording.verdicts import STATUS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.gains import Gain, Gains
    from dashboard.planned import Foreseen, Planned, Reached, Track
    from roadmap.model import Verdict

CODE = Column(name="code", label="Milestone", words=True)
PLAN = (
    CODE,
    Column(name="title", label="Title", words=True),
    Column(name="first_start", label="First plan, start", words=True),
    Column(name="first_due", label="First plan, due", words=True),
    Column(name="start", label="Start", words=True),
    Column(name="due", label="Due", words=True),
    Column(name="measured_from", label="Measured from", words=True),
    Column(name="measured_to", label="Measured to", words=True),
    Column(name="proven_on", label="Proven", words=True),
    Column(name="status", label="Status", words=True),
)
SLIPS = (
    CODE,
    Column(name="as_of", label="Reported", words=True),
    Column(name="due", label="Due, as planned then", words=True),
    Column(name="expected_on", label="Expected", words=True),
    Column(name="late_days", label="Days after that due date"),
    Column(name="said", label="In words", words=True),
)
BURNUP = (
    Column(name="as_of", label="Judged", words=True),
    Column(name="met", label="Criteria met"),
    Column(name="scope", label="Criteria in scope"),
)
GAINS = (
    Column(name="partner", label="Partner", words=True),
    Column(name="estimate", label="Time saved, %", ranged=True),
    Column(name="low", label="Likely from, %", ranged=True),
    Column(name="high", label="Likely to, %", ranged=True),
    Column(name="blocks", label="Blocks with both sides"),
    Column(name="runs", label="Runs counted"),
    Column(name="said", label="In words", words=True),
)


def plan(tracks: Sequence[Track], verdicts: Sequence[Verdict], today: date) -> Chart:
    """Plan against actual, in time; `verdicts` are those of the numbers alone."""
    bars = [
        figures_plan.Bar(
            code=one.code, title=one.title, first_start=one.first_start, first_due=one.first_due, start=one.start,
            due=one.due, measured_from=one.measured_from, measured_to=one.measured_to, proven_on=one.proven_on,
            built=one.built,
        )
        for one in tracks
    ]  # fmt: skip
    status = {verdict.code: STATUS[verdict.status] for verdict in verdicts}
    rows = [
        {column.name: _plain(getattr(one, column.name)) for column in PLAN if column.name != "status"}
        | {"status": status[one.code]}
        for one in tracks
    ]
    moved = sum(one.first_due is not None and one.first_due != one.due for one in tracks)
    said = f"; {numbers.plural(moved, 'due date')} moved" if moved else ""
    return Chart(
        name="plan",
        title=f"{_proven(tracks)} by {dates.day(today, year=True)}{said}",
        what="Plan against actual. Bars from start to due date as planned now, grey where the service level is not "
        "built; the thin line above, the first plan; the thin line below, the days measured; diamonds, the day of "
        "proof.",
        figure=figures_plan.plan(bars, today),
        columns=PLAN,
        rows=rows,
        size=f"rows-{rows_of(2 * len(bars))}",
    )


def _proven(tracks: Sequence[Track]) -> str:
    proven = sum(one.proven_on is not None for one in tracks)
    if len(tracks) == 1:
        return f"{tracks[0].code} {'proven' if proven else 'not proven'}"
    return f"{proven} of {numbers.plural(len(tracks), 'milestone')} proven"


def slips(planned: Planned, today: date) -> Chart | None:
    """When each milestone was expected, by the day of report; None while nothing was foreseen."""
    if not planned.foreseen:
        return None
    by_code = {track.code: [one for one in planned.foreseen if one.code == track.code] for track in planned.tracks}
    series = [_slip(track, by_code[track.code], today) for track in planned.tracks]
    return Chart(
        name="slips",
        title=_last_slip(planned.tracks, by_code),
        what="When each milestone was expected to be proven, by the day of the report, with the last of its targets; "
        "triangles at the top lie beyond the chart. Targets that are counted in full have no forecast.",
        figure=figures_plan.slips(series, today),
        columns=SLIPS,
        rows=[_foreseen_row(one) for one in planned.foreseen],
        key=(("service", "expected, then proven"), ("target", "due"), ("baseline", "day of report")),
    )


def _slip(track: Track, found: Sequence[Foreseen], today: date) -> figures_plan.Slip:
    dues = [(track.first_start if place == 0 else one.as_of, one.due) for place, one in enumerate(track.plans)]
    return figures_plan.Slip(
        code=track.code,
        foreseen=tuple((one.as_of, one.expected_on) for one in found),
        dues=tuple((day, due) for day, due in dues if day),
        until=min(track.proven_on or today, today),
        proven_on=track.proven_on,
    )


def _last_slip(tracks: Sequence[Track], by_code: Mapping[str, Sequence[Foreseen]]) -> str:
    """The message: what the newest forecast of a milestone that is not proven says, or how the last proof came out."""
    open_ones = [(track, by_code[track.code][-1]) for track in tracks if by_code[track.code] and not track.proven_on]
    if open_ones:
        track, last = open_ones[-1]
        said = f"{track.code}, due {dates.day(track.due, year=True)}, is "
        if last.expected_on is None:
            return f"{said}not expected within three years, as things stand{_for(last)}"
        return f"{said}expected around {dates.day(last.expected_on, year=True)}{_for(last)}"
    ended = [(track.proven_on, track) for track in tracks if track.proven_on and by_code[track.code]]
    if not ended:
        return "When milestones were expected"
    day, track = max(ended, key=lambda pair: pair[0])
    first = by_code[track.code][0]
    was = dates.day(first.expected_on, year=True) if first.expected_on else "not to be expected within three years"
    return f"{track.code} was proven on {dates.day(day, year=True)}; the first forecast had said {was}"


def _for(one: Foreseen) -> str:
    """Which of several targets it is that comes so late."""
    titles = " and ".join(MEASURES[name].title.lower() for name in one.last if name in MEASURES)
    return f", with {titles}" if titles else ""


def _foreseen_row(one: Foreseen) -> dict[str, Any]:
    late = (one.expected_on - one.due).days if one.expected_on else None
    if late is None:
        said = "not expected within three years"
    elif late == 0:
        said = "on the due date"
    else:
        said = f"{numbers.plural(abs(late), 'day')} {'after' if late > 0 else 'before'} the due date"
    return {
        "code": one.code, "as_of": one.as_of.isoformat(), "due": one.due.isoformat(),
        "expected_on": _plain(one.expected_on), "late_days": late, "said": said,
    }  # fmt: skip


def burnup(reached: Sequence[Reached]) -> Chart | None:
    """Criteria met against criteria in scope; None while they were judged on fewer than two days."""
    if len(reached) < 2:
        return None
    return Chart(
        name="burnup",
        title=reached_by(reached[-1]),
        what="Criteria met or held, of all milestones together, each time they were judged; the dashed line is how "
        "many the plan then had. It falls where a later look was worse.",
        figure=figures_plan.burnup([(one.as_of, one.met, one.scope) for one in reached]),
        columns=BURNUP,
        rows=[{"as_of": one.as_of.isoformat(), "met": one.met, "scope": one.scope} for one in reached],
        key=(("service", "met"), ("baseline", "in scope")),
    )


def reached_by(last: Reached) -> str:
    """How many criteria were met on a day, of how many."""
    criteria = numbers.plural(last.scope, "criterion", "criteria")
    return f"{last.met} of {criteria} met on {dates.day(last.as_of, year=True)}"


def gains(found: Gains) -> Chart | None:
    """Each partner's gain; None while no partner has runs enough."""
    known = [one for one in found.partners if one.known]
    if not known:
        return None
    dots = [
        figures_gains.Dot(name=one.partner, estimate=one.estimate, low=one.low, high=one.high)
        for one in known
        if one.estimate is not None and one.low is not None and one.high is not None
    ]
    return Chart(
        name=f"gains-{found.code}",
        title=split_said(split(found)),
        what=f"Processing time against the monolith, {dates.days_between(found.start, found.end)}, by partner: a dot "
        "is the estimate, the line its likely range. Less time lies to the right; half the time is as far from the "
        "same as twice the time.",
        figure=figures_gains.gains(dots, found.target),
        columns=GAINS,
        rows=[_gain_row(one) for one in found.partners],
        size=f"rows-{rows_of(len(dots))}",
    )


def _gain_row(one: Gain) -> dict[str, Any]:
    shares = {name: getattr(one, name) if one.known else None for name in ("estimate", "low", "high")}
    said = wording_gains.gained(one.estimate, one.low, one.high) if one.known else "too few runs"
    percents = {name: None if share is None else round(share * 100, 2) for name, share in shares.items()}
    return {"partner": one.partner} | percents | {"blocks": one.blocks, "runs": one.runs, "said": said}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
