"""The values of a judgement: evidence, verdict, reasons, forecasts, advice and decisions."""

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
    """A reason for a status: a code for programs, a text with its numbers, and what would change it."""

    code: str
    text: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkin:
    """What a person said about a milestone on one day."""

    id: int
    text: str
    by: str  #: "" where nobody was named
    done: int | None  #: None: no number was given
    of: int | None
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on a milestone as of one day."""

    code: str
    title: str
    objective: str
    subject: str
    owner: str
    start: date
    due: date
    first_due: date  #: of the first plan; `slip_days` is how far `due` has moved from it
    revision: int  #: of the plan; 1 is the first
    last_start: date  #: the last responsible start
    status: str  #: a key of `STATUS` in roadmap.wording.verdicts
    as_of: date
    reasons: tuple[Reason, ...]
    criteria: tuple[Criterion, ...]
    forecasts: tuple[Forecast, ...]  #: empty once proven
    proven_on: date | None
    measured_from: date | None  #: first day on which the subject was measured, since the start
    measured_to: date | None  #: last day of it
    spent: float | None  #: None: nothing recorded, which is not 0
    budget: float | None
    advice: Advice
    checkin: Checkin | None = None  #: the latest; it changes no status
    counts: str = ""  #: what check-ins count, such as "partners moved"

    @property
    def slip_days(self) -> int:
        """Days from the first plan's due date to the present one; negative if it was moved forward in time."""
        return (self.due - self.first_due).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision on a milestone: continue, change, pause, stop or resume."""

    id: int
    choice: str
    owner: str
    why: str
    until: str  #: the last day of a pause as an ISO date, or ""; with any other words a pause holds until resumed
    as_of: date

    @property
    def last_day(self) -> date | None:
        """The last day of a pause; None if it has no end or is no pause."""
        try:
            return date.fromisoformat(self.until) if self.choice == "pause" else None
        except ValueError:
            return None

    def ended(self, today: date) -> bool:
        """Return whether this is a pause whose last day is past."""
        return self.last_day is not None and today > self.last_day

    def holds(self, today: date) -> bool:
        """Return whether this keeps a milestone paused or stopped on a day."""
        return self.choice in {"pause", "stop"} and not self.ended(today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence on a milestone up to a day; empty where nothing was measured.

    `readings` are those of the last evaluation inside the window, by measure and faults; `proof` are those of the
    evaluation that proved the milestone.
    """

    readings: Mapping[tuple[str, str], Reading] = field(default_factory=dict)
    proof: Mapping[tuple[str, str], Reading] = field(default_factory=dict)
    met_on: Mapping[tuple[str, str, str], date] = field(default_factory=dict)  #: by role, measure, faults
    proven_on: date | None = None
    first_day: date | None = None  #: on which the subject was measured, since the start
    last_day: date | None = None
    decision: Decision | None = None  #: the latest
    checkin: Checkin | None = None  #: the latest
    spent: float | None = None  #: None: nothing recorded, which is not 0
    planned_on: date | None = None  #: the day on which the present plan was recorded
    first_due: date | None = None  #: of the first plan; None: the present plan is the first
    plan_revision: int = 1
    stalled_before: bool = False  #: whether the previous review found it stalled
    checkpoint: Checkpoint | None = None  #: of the evaluations so far; None: there was no day to evaluate
    mode: str = ""  #: "replay" or "live"; "" means that of the readings

    @property
    def block_days(self) -> int:
        """Days of a block: 7 in a replay, 1 in production; 7 while the mode is unknown."""
        modes = {self.mode} - {""} or {reading.mode for reading in self.readings.values()}
        return block_days(modes.pop()) if len(modes) == 1 else BLOCK_DAYS


def last_finished_day(mode: str, today: date) -> date:
    """Return the last day that is complete: today in a replay, which ends with a block; in production yesterday."""
    return today - timedelta(days=1) if mode == "live" and today > date.min else today


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A computed proposal: `choice` is continue, change, pause, stop or resume; `text` is its reason."""

    choice: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The forecast of one target as of one day; an unknown number is None, and `text` gives the reason."""

    name: str
    role: str  #: "metric" or "guardrail"
    faults: str
    as_of: date
    due: date
    points: int  #: weeks of evidence behind it
    estimate: float
    odds: float | None  #: probability that the target is proven by the due date, 0 to 1
    expected_on: date | None  #: when it is proven if the estimate stays as it is; None: not within three years
    ceiling: float | None  #: the best value possible by the due date, with perfect blocks from now on
    text: str


#: The day on which each target was first met, by role, measure and faults.
MetOn = dict[tuple[str, str, str], date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the evaluations of a milestone found so far, so that the next judgement need not repeat them."""

    until: date  #: the day of the last evaluation
    met_on: MetOn  #: the day on which each target was first met
    proven_on: date | None  #: the day on which all were met; nothing is evaluated after it
    sha256: str = ""  #: of the inputs of all evaluations; "" until it is recorded

    def to_json(self) -> dict[str, Any]:
        """Return the checkpoint as plain data, to be recorded with an evaluation."""
        return {
            "until": self.until.isoformat(),
            "proven_on": self.proven_on.isoformat() if self.proven_on else None,
            "met_on": [[*key, day.isoformat()] for key, day in sorted(self.met_on.items())],
            "sha256": self.sha256,
        }
