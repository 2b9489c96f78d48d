"""The values of a judgement: a verdict with its reasons, criteria, forecasts and advice, and the evidence behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from metrics.question import block_days
from roadmap.plan.milestones import BLOCK_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metrics.measures.reading import Reading
    from roadmap.criteria import Criterion


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a status is what it is: a code for programs, numbers in words, and what would change it."""

    code: str
    text: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of a milestone on one day."""

    code: str
    title: str
    objective: str
    subject: str
    owner: str
    start: date
    due: date
    first_due: date  #: of the first plan; `slip_days` says how far `due` has moved from it
    revision: int  #: of the plan; 1 is the first
    last_start: date  #: the last responsible start
    status: str  #: a key of `words.STATUS`
    as_of: date
    reasons: tuple[Reason, ...]
    criteria: tuple[Criterion, ...]
    forecasts: tuple[Forecast, ...]  #: empty once proven: there is nothing left to foresee
    proven_on: date | None
    measured_from: date | None  #: first day on which the subject was measured, since the start
    measured_to: date | None  #: last day of it
    spent: float | None  #: None: nothing recorded, which is not 0
    budget: float | None
    advice: Advice

    @property
    def slip_days(self) -> int:
        """Days that the due date lies after the first plan's; below 0 it lies before."""
        return (self.due - self.first_due).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided: continue, change, pause, stop or resume."""

    id: int
    choice: str
    owner: str
    why: str
    until: str  #: "" or the last day of a pause, as an ISO date; a pause with any other words here holds until resumed
    as_of: date

    @property
    def last_day(self) -> date | None:
        """The last day that a pause holds; None where it has no end, or is no pause."""
        try:
            return date.fromisoformat(self.until) if self.choice == "pause" else None
        except ValueError:
            return None

    def over(self, today: date) -> bool:
        """Whether this is a pause that ended by itself: its last day is past."""
        return self.last_day is not None and today > self.last_day

    def holds(self, today: date) -> bool:
        """Whether this keeps a milestone paused or stopped today."""
        return self.choice in {"pause", "stop"} and not self.over(today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found of a milestone up to a day; empty when nothing was.

    `readings` is the last look inside the window, by measure and faults. `proof` is the look that proved it.
    """

    readings: Mapping[tuple[str, str], Reading] = field(default_factory=dict)
    proof: Mapping[tuple[str, str], Reading] = field(default_factory=dict)
    met_on: Mapping[tuple[str, str, str], date] = field(default_factory=dict)  #: by role, measure, faults
    proven_on: date | None = None
    first_day: date | None = None  #: first day the subject was measured, since the start
    last_day: date | None = None
    decision: Decision | None = None  #: the latest
    spent: float | None = None  #: None: nothing recorded, which is not 0
    planned_on: date | None = None  #: the day on which the plan it is judged by was recorded
    first_due: date | None = None  #: of the first plan; None: the plan at hand is the first
    plan_revision: int = 1
    stalled_before: bool = False  #: whether the review a week earlier found it stalled, too
    looked: Checkpoint | None = None  #: how far was looked for this; None: there was no day to look on
    mode: str = ""  #: "replay" or "live"; "" takes it from the readings

    @property
    def block_days(self) -> int:
        """Days that a block takes: a replayed week, a day in production; a week where nothing tells."""
        modes = {self.mode} - {""} or {reading.mode for reading in self.readings.values()}
        return block_days(modes.pop()) if len(modes) == 1 else BLOCK_DAYS


def last_finished_day(mode: str, today: date) -> date:
    """The last day that is over: today in a replay, which stands at the end of a block; in production yesterday."""
    return today - timedelta(days=1) if mode == "live" and today > date.min else today


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A computed proposal: `choice` is continue, change, pause, stop or resume; `text` says why."""

    choice: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Where one measure leads, as of one day; what cannot be said is None, and `text` says why."""

    name: str
    role: str  #: "metric" or "guardrail"
    faults: str
    as_of: date
    due: date
    points: int  #: weeks of evidence that it rests on
    estimate: float
    odds: float | None  #: that the target is proven by the due date, 0 to 1
    expected_on: date | None  #: when it would be proven if the estimate stays as it is; None: not within three years
    ceiling: float | None  #: the best it can still be by the due date, if every block to come were perfect
    text: str


#: The day on which each target was first met, by role, measure and faults.
MetOn = dict[tuple[str, str, str], date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the looks of a milestone found, up to the last of them."""

    until: date  #: the last look
    met_on: MetOn  #: the first look that met each target
    proven_on: date | None  #: the look that found all of them met; none was taken after it
    sha256: str = ""  #: of all that the looks rested on; "" until it is kept

    def to_json(self) -> dict[str, Any]:
        """As plain data, to be kept with an evaluation."""
        return {
            "until": self.until.isoformat(),
            "proven_on": self.proven_on.isoformat() if self.proven_on else None,
            "met_on": [[*key, day.isoformat()] for key, day in sorted(self.met_on.items())],
            "sha256": self.sha256,
        }
