"""One sitting of the command line: the workspace's plan judged as of one day, with the database open beside it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from sqlite_utils import Database

    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone, Plan


#: Days that take a second or more to judge.
MANY_DAYS = 10


class CliContext(Protocol):
    """What the front door hands to this room."""

    @property
    def name(self) -> str:
        """What the workspace is called."""

    @property
    def clock(self) -> str:
        """`replay` or `live`."""

    @property
    def store(self) -> Path:
        """The metrics database of that clock."""

    @property
    def milestones(self) -> Path:
        """The workspace's milestone file."""

    @property
    def built(self) -> int:
        """The highest service level that stands today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The plan, the verdicts in its order, and what they were read from."""

    plan: Plan  #: as it was on `today`
    verdicts: list[Verdict]
    today: date  #: the day judged, on the store's calendar
    db: Database | None  #: None while nothing was measured
    heading: str  #: in words: which calendar, which day

    def milestone(self, code: str) -> tuple[Milestone, Verdict]:
        """A milestone and its verdict.

        Raises:
            PlanError: there is no such code in the file.
        """
        milestone = self.plan.milestone(code)
        return milestone, self.verdicts[self.plan.milestones.index(milestone)]


@contextmanager
def open_session(front: CliContext, now_us: int, day: date | None = None) -> Iterator[Session]:
    """Judge the workspace's milestones as of today and keep what is new; with a `day`, as of then, keeping nothing.

    A replay is judged week by week first, from where its last evaluation stands: each week by what was known by then,
    so that plans are fixed when they start, and forecasts are made in time to be scored.

    Without a database nothing is made, and the plan is judged on no evidence.

    Raises:
        PlanError: the milestone file cannot be used, or hides an earlier plan.
        Refused: the day lies ahead on the store's calendar.
        MetricsError: the metrics database cannot be used.
    """
    from datetime import UTC, datetime

    from metrics.question import block_days
    from roadmap.judge.evaluate import days_to_judge, evaluate, judge_as_of
    from roadmap.judge.status import judge
    from roadmap.model import Evidence
    from roadmap.plan.loader import load_plan

    plan = load_plan(front.milestones, block_days(front.clock))
    wall = datetime.fromtimestamp(now_us / 1e6, UTC).date()
    if not front.store.is_file():
        # A replay's calendar begins with the plan; before anything is replayed, that is where it stands.
        today = _chosen(front, day, wall if front.clock == "live" else _first(plan))
        nothing = Evidence(mode=front.clock)
        verdicts = [judge(milestone, nothing, today, front.built) for milestone in plan.milestones]
        yield Session(plan=plan, verdicts=verdicts, today=today, db=None, heading=_nothing(front))
        return
    with closing(_opened(front, reading=day is not None)) as db:
        today = _chosen(front, day, _today(front, db, plan, wall))
        if day is None:
            for past in _turned(days_to_judge(db, today)):
                if past == today or past in days_to_judge(db, today):  # another judge may have come further meanwhile
                    verdicts = evaluate(db, plan, past, front.built, now_us)
        else:
            plan, verdicts = judge_as_of(db, plan, today, front.built)
        yield Session(
            plan=plan, verdicts=verdicts, today=today, db=db, heading=_heading(front, today, day) + _gone(db, plan)
        )


def _opened(front: CliContext, *, reading: bool) -> Database:
    from metrics.errors import StoreDamaged
    from metrics.store.database import clock_of, open_reader, open_store

    if not reading:
        return open_store(front.store, front.clock)
    db = open_reader(front.store)
    if clock_of(db) != front.clock:
        held = clock_of(db)
        db.close()
        raise StoreDamaged(f"{front.store}: holds {held} runs, not {front.clock} ones; the two are never mixed")
    return db


def _turned(days: Sequence[date]) -> Iterator[date]:
    """The days one by one; where they are many, with their progress on a terminal."""
    if len(days) < MANY_DAYS:
        yield from days
        return
    from metrics.progress import progress_bar

    with progress_bar("judging week by week") as progress:
        for done, day in enumerate(days):
            progress(done, len(days))
            yield day


def _first(plan: Plan) -> date:
    return min(milestone.start for milestone in plan.milestones)


def _today(front: CliContext, db: Database, plan: Plan, wall: date) -> date:
    """Today on the store's calendar: of a replay, the last day that any evidence reaches to."""
    from datetime import date

    from metrics.store.series import last_evidence_day

    if front.clock == "live":
        return wall
    last = last_evidence_day(db)
    return date.fromisoformat(last) if last else _first(plan)


def _chosen(front: CliContext, day: date | None, today: date) -> date:
    from roadmap.errors import Refused

    if day is None or day <= today:
        return day or today
    stands = f"the replay has come to {today}" if front.clock == "replay" else f"today is {today}"
    raise Refused(f"--as-of {day} lies ahead: {stands}; choose a day until then")


def _heading(front: CliContext, today: date, asked: date | None) -> str:
    from roadmap.wording.dates import day

    if asked is not None:
        return f"{'Replay, judged' if front.clock == 'replay' else 'Judged'} as of {day(today)}; nothing was kept."
    return (
        f"Replay, judged as of {day(today)}, its last day." if front.clock == "replay" else f"Judged on {day(today)}."
    )


def _gone(db: Database, plan: Plan) -> str:
    """Which milestones were planned once and have left the file, as a further sentence."""
    from roadmap.plan.revisions import removed_milestones
    from roadmap.wording.verdicts import removed_text

    text = removed_text({revision.code: revision.due for revision in removed_milestones(db, plan)})
    return f" {text}" if text else ""


def _nothing(front: CliContext) -> str:
    if front.clock == "live":
        return "Nothing has been measured yet: no run has been collected. `milepost run`, then `metrics collect`."
    return "Nothing has been measured yet; `milepost demo` or `milepost metrics measure` does."
