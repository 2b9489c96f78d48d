"""What each side has run where nothing can be compared yet: said as it is, with the command that comes next. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from roadmap.answers import plural


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
