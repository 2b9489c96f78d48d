"""What each side has run where nothing can be compared yet: said as it is, with the command that comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from metrics.events import parse_subject
from metrics.window import load
from roadmap.words import count

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.question import Question
    from metrics.reading import Reading

#: Why both sides together give no number, in a replay, which is compared week by week.
NOTHING_SHARED = "no week in which both have delivered the same feed"


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
            both = f"{count(self.ours, 'run')} of {self.subject} and {self.theirs:,} of the {self.control}"
            return f"{both}, and nothing to compare: {self.why}."
        if self.ours:
            return f"{count(self.ours, 'run')} of {self.subject}, none of the {self.control} to compare with."
        if self.theirs:
            return f"{count(self.theirs, 'run')} of the {self.control}, none of {self.subject} to compare with."
        return f"No run of {self.subject} or the {self.control}."


def look(db: Database, asked: Question, reading: Reading) -> Sides:
    """Both sides of a question whose `busy_time_saved` compares nothing."""
    window = load(db, asked)
    live = asked.mode == "live"
    ours, theirs = (
        int(np.nansum(side["attempts"])) for side in (window.subject, window.history if live else window.control)
    )
    step, command = _next(asked, ours, theirs)
    why = (reading.missing if live else NOTHING_SHARED) if ours and theirs else ""
    return Sides(
        subject=asked.subject, control=asked.control, ours=ours, theirs=theirs, why=why, step=step, command=command
    )


def _next(asked: Question, ours: int, theirs: int) -> tuple[str, str]:
    """What to do about it; nothing where both have run in production, as only more of it helps."""
    if asked.mode != "live":
        named = f"milepost metrics measure --subjects {asked.control},{asked.subject} --faults {asked.faults}"
        return "Both are measured by", named
    if not ours:
        return "It runs with", f"milepost run --level {parse_subject(asked.subject)[1]}"
    return ("The monolith’s runs are recorded with", "milepost metrics record") if not theirs else ("", "")
