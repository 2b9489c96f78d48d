"""What is known of one gain: a share of the baseline's time, its range, and the runs behind it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadmap.numbers import plural

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """How many runs of either side a question finds, in its scope and up to its end."""

    subject: str
    control: str
    ours: int  #: runs of the subject since the start
    theirs: int  #: runs of the control: all of its past in production, since the start in a replay
    why: str  #: "" or what keeps the two from being compared though both have run
    step: str = ""  #: what to do next, in words that the command ends
    command: str = ""

    @property
    def said(self) -> str:
        """Who has run and who has not, as one sentence."""
        if self.ours and self.theirs:
            both = f"{plural(self.ours, 'run')} of {self.subject} and {self.theirs:,} of the {self.control}"
            return f"{both}, and nothing to compare: {self.why}."
        if self.ours:
            return f"{plural(self.ours, 'run')} of {self.subject}, none of the {self.control} to compare with."
        if self.theirs:
            return f"{plural(self.theirs, 'run')} of the {self.control}, none of {self.subject} to compare with."
        return f"No run of {self.subject} or the {self.control}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What is known of one gain: shares of the baseline's time, their likely range, and the weeks behind them."""

    estimate: float | None
    low: float | None
    high: float | None
    target: float | None
    blocks: int
    min_blocks: int
    today: date
    start: date
    due: date
    code: str = ""  #: the milestone it belongs to, as people call it
    proven_on: date | None = None  #: when the whole milestone was proven
    lacks: str = ""  #: what else keeps the milestone from being proven
    unit: str = "weeks"
    block_days: int = 7  #: how long one of them takes
    sides: Sides | None = None  #: who has run, where nothing can be compared

    @property
    def has_runs(self) -> bool:
        """Whether either side has run, be there anything to compare or not."""
        return bool(self.blocks or (self.sides and (self.sides.ours or self.sides.theirs)))
