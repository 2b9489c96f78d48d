"""What one command works with: the plan, its verdicts as of one day, and the open metrics database, if there is one."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from sqlite_utils import Database

    from metrics.prices import Prices
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone, Plan


#: From this many days on, judging shows its progress.
MANY_DAYS = 10


class CliContext(Protocol):
    """What the command line passes to these commands."""

    @property
    def name(self) -> str:
        """The workspace's name."""

    @property
    def clock(self) -> str:
        """`replay` or `live`."""

    @property
    def store(self) -> Path:
        """The metrics database of the clock."""

    @property
    def milestones(self) -> Path:
        """The workspace's milestone file."""

    @property
    def prices(self) -> Prices | None:
        """The prices of work and machines; None where there are none."""

    @property
    def built(self) -> int:
        """The highest service level built today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A plan, its verdicts in the same order, and the database they were read from."""

    plan: Plan  #: as of `today`
    verdicts: list[Verdict]
    today: date  #: the day judged, on the store's calendar
    db: Database | None  #: None while nothing was measured
    heading: str  #: the calendar and the day, in words

    def milestone(self, code: str) -> tuple[Milestone, Verdict]:
        """Return a milestone and its verdict.

        Raises:
            PlanError: the code is not in the file.
        """
        milestone = self.plan.milestone(code)
        return milestone, self.verdicts[self.plan.milestones.index(milestone)]


@contextmanager
def open_session(
    context: CliContext, now_us: int, day: date | None = None, *, writing: bool = False
) -> Iterator[Session]:
    """Judge the workspace's milestones as of today and record what is new; with a `day`, as of then, recording nothing.

    A replay is judged week by week after its last evaluation, each week on the evidence up to then, so that plans are
    fixed when they start and forecasts are made in time to be scored.

    Without a database none is created, and the plan is judged on no evidence. With `writing`, for an entry of a person,
    one is created, and an earlier `day` is judged on a database that can be written to.

    Raises:
        PlanError: the milestone file cannot be used, or hides an earlier plan.
        Refused: the day lies ahead on the store's calendar.
        MetricsError: the metrics database cannot be used.
    """
    from datetime import UTC, datetime

    from metrics.question import block_days
    from metrics.store.series import last_evidence_day
    from roadmap.judge.evaluate import days_to_judge, evaluate, judge_as_of
    from roadmap.judge.status import judge
    from roadmap.model import Evidence
    from roadmap.plan.loader import load_plan
    from roadmap.records.prices import record_prices

    plan = load_plan(context.milestones, block_days(context.clock))
    wall = datetime.fromtimestamp(now_us / 1e6, UTC).date()
    option = "--on" if writing else "--as-of"
    if not context.store.is_file() and not writing:
        # before anything is replayed, a replay's calendar is at the start of the plan
        today = _day_to_judge(context, day, option, wall if context.clock == "live" else _first_start(plan))
        nothing = Evidence(mode=context.clock)
        verdicts = [judge(milestone, nothing, today, context.built) for milestone in plan.milestones]
        yield Session(plan=plan, verdicts=verdicts, today=today, db=None, heading=_no_data_heading(context))
        return
    with closing(_open_store(context, reading=day is not None and not writing)) as db:
        calendar_day = _today(context, db, plan, wall)
        today = _day_to_judge(context, day, option, calendar_day)
        if day is None or (writing and today == calendar_day):
            record_prices(db, context.prices, days_to_judge(db, today)[0], now_us)
            for past in _with_progress(days_to_judge(db, today)):
                if past == today or past in days_to_judge(db, today):  # else another process has judged it meanwhile
                    verdicts = evaluate(db, plan, past, context.built, now_us)
        else:
            plan, verdicts = judge_as_of(db, plan, today, context.built)
        heading = _heading(context, today, day) if last_evidence_day(db) else _no_data_heading(context)
        yield Session(plan=plan, verdicts=verdicts, today=today, db=db, heading=heading + _removed(db, plan))


def _open_store(context: CliContext, *, reading: bool) -> Database:
    from metrics.errors import StoreDamaged
    from metrics.store.database import clock_of, open_reader, open_store

    if not reading:
        return open_store(context.store, context.clock)
    db = open_reader(context.store)
    if clock_of(db) != context.clock:
        clock = clock_of(db)
        db.close()
        raise StoreDamaged(f"{context.store}: holds {clock} runs, not {context.clock} ones; the two are never mixed")
    return db


def _with_progress(days: Sequence[date]) -> Iterator[date]:
    """Yield the days; if there are many, show the progress on a terminal."""
    if len(days) < MANY_DAYS:
        yield from days
        return
    from metrics.progress import progress_bar

    with progress_bar("judging week by week") as progress:
        for done, day in enumerate(days):
            progress(done, len(days))
            yield day


def _first_start(plan: Plan) -> date:
    return min(milestone.start for milestone in plan.milestones)


def _today(context: CliContext, db: Database, plan: Plan, wall: date) -> date:
    """Return today on the store's calendar: in a replay, the last day with evidence."""
    from datetime import date

    from metrics.store.series import last_evidence_day

    if context.clock == "live":
        return wall
    last = last_evidence_day(db)
    return date.fromisoformat(last) if last else _first_start(plan)


def _day_to_judge(context: CliContext, day: date | None, option: str, today: date) -> date:
    from roadmap.errors import Refused

    if day is None or day <= today:
        return day or today
    position = f"the replay has come to {today}" if context.clock == "replay" else f"today is {today}"
    raise Refused(f"{option} {day} lies ahead: {position}; choose a day until then")


def _heading(context: CliContext, today: date, as_of: date | None) -> str:
    from metrics.replayed_years import second_year_note
    from roadmap.wording.dates import day

    if as_of is not None:
        return (
            f"{'Replay, judged' if context.clock == 'replay' else 'Judged'} as of {day(today)}; nothing was recorded."
        )
    if context.clock != "replay":
        return f"Judged on {day(today)}."
    texts = (f"Replay, judged as of {day(today)}, its last day.", second_year_note(context.clock, today))
    return "\n".join(filter(None, texts))


def _removed(db: Database, plan: Plan) -> str:
    """Return which milestones have left the file, as a further sentence."""
    from roadmap.plan.revisions import removed_milestones
    from roadmap.wording.verdicts import removed_text

    text = removed_text({revision.code: revision.due for revision in removed_milestones(db, plan)})
    return f" {text}" if text else ""


def _no_data_heading(context: CliContext) -> str:
    if context.clock == "live":
        return (
            "Nothing has been measured yet: no run has been collected. `milepost run`, then `milepost metrics collect`."
        )
    return "Nothing has been measured yet; `milepost demo` or `milepost metrics measure` does."
