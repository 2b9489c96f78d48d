"""Put a gain and its range into sentences.

Gains are shares of the baseline's processing time: 0.65 reads "65% less time". No store, no request, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from roadmap.wording.dates import day
from roadmap.wording.numbers import digits_apart, digits_for, digits_of, percent, plural

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOfBothSides:
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
    sides: RunsOfBothSides | None = None  #: who has run, where nothing can be compared

    @property
    def has_runs(self) -> bool:
        """Whether either side has run, be there anything to compare or not."""
        return bool(self.blocks or (self.sides and (self.sides.ours or self.sides.theirs)))


#: What faults runs met, as a name, and as it stands in a sentence.
FAULTS_NAME = {"standard": "standard faults", "none": "no faults", "real": "as it happened"}


FAULTS_PHRASE = {"standard": "under standard faults", "none": "without faults", "real": "as it happened"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer in words: which situation it is, what to say first, what to add, and which command comes next."""

    situation: str
    headline: str
    detail: str
    step: str = ""  #: what the command does; "" where there is none
    command: str = ""


def answer(gain: Gain) -> Answer:
    """The one sentence for a gain, and the one after it, by the table of situations.

    A gain beyond its target is called proven only where the whole milestone is; a proof stays said when a later
    look is worse.
    """
    found = _measured(gain)
    if found.situation == "proven" and gain.proven_on is None and gain.lacks:
        said = found.headline.removeprefix("Proven. ").removesuffix(".")
        return replace(
            found,
            situation="target_reached",
            headline=f"{said}, but {gain.code} is not proven.",
            detail=f"{found.detail} Not reached: {gain.lacks}.",
        )
    if found.situation not in {"proven", "none", "one_sided"} and gain.proven_on is not None:
        return replace(
            found,
            situation="regressed",
            headline=f"Proven on {day(gain.proven_on, year=False)}, regressed since.",
            detail=f"{gained(gain.estimate, gain.low, gain.high, gain.target).capitalize()} by now. {found.detail}",
        )
    return found


def _measured(gain: Gain) -> Answer:
    if not gain.blocks:
        return _nothing_compared(gain)
    if gain.blocks < gain.min_blocks or gain.estimate is None or gain.low is None or gain.high is None:
        return Answer(situation="early", headline="Too early to say.", detail=too_early(gain))
    digits = digits_for(gain.low, gain.high)
    low, high = (digits_apart(bound, gain.target, digits) for bound in (gain.low, gain.high))
    shown = digits_of(gain.estimate, gain.low, gain.high, gain.target)
    if gain.high < 0:
        more = f"{percent(-gain.estimate, shown)} more time"
        span = f"Likely between {percent(-gain.high, high)} and {percent(-gain.low, low)} more"
        return Answer(
            situation="slower", headline=f"Slower than the monolith. Runs take {more}.", detail=span + _target(gain)
        )
    if gain.low <= 0:
        best = (
            f"Best estimate {less_time(gain.estimate, shown)}, but it could be anywhere from {less_time(gain.low, low)}"
        )
        return Answer(
            situation="no_difference",
            headline="No clear difference from the monolith.",
            detail=f"{best} to {less_time(gain.high, high)}.",
        )
    between = f"Likely between {percent(gain.low, low)} and {percent(gain.high, high)}"
    said = f"Runs take {percent(gain.estimate, shown)} less time."
    if gain.target is None:
        return Answer(situation="measured", headline=said, detail=f"{between}; no target was set.")
    if gain.low >= gain.target:
        return Answer(situation="proven", headline=f"Proven. {said}", detail=between + _target(gain))
    if gain.high < gain.target:
        late = gain.today > gain.due
        first = "Missed." if late else "Short of the target."
        return Answer(
            situation="missed" if late else "short", headline=f"{first} {said}", detail=between + _target(gain)
        )
    best = f"Best estimate {percent(gain.estimate, shown)}, but it could be anywhere from"
    span = f"{percent(gain.low, low)} to {percent(gain.high, high)}"
    return Answer(
        situation="not_proven",
        headline=f"Not proven yet. {said}",
        detail=f"{best} {span}. The target is {percent(gain.target)}.",
    )


def _nothing_compared(gain: Gain) -> Answer:
    """No block that tells anything: because nobody has run, or one side only, or both apart."""
    begun, sides = gain.start <= gain.today, gain.sides
    step, command = (sides.step, sides.command) if begun and sides else ("", "")
    if begun and sides and gain.has_runs:
        return Answer(
            situation="one_sided", headline="Too early to say.", detail=sides.said, step=step, command=command
        )
    headline, detail = _no_runs(gain)
    return Answer(situation="none", headline=headline, detail=detail, step=step, command=command)


def _no_runs(gain: Gain) -> tuple[str, str]:
    return (
        f"No runs yet on {gain.code}.",
        f"{'Starts' if gain.start > gain.today else 'Started'} {day(gain.start, year=False)}.",
    )


def early_look(gain: Gain) -> str:
    """What a milestone without enough evidence shows so far: a number, no verdict."""
    if not gain.blocks:
        if gain.start <= gain.today and gain.sides and gain.sides.ours:
            return f"Early look at {gain.code}: too early to say. {gain.sides.said}"
        return " ".join(_no_runs(gain))
    seen = f" So far {less_time(gain.estimate, 0)}, without a verdict." if gain.estimate is not None else ""
    return f"Early look at {gain.code}: {too_early(gain)}{seen}"


def too_early(gain: Gain) -> str:
    """How much evidence there is, and when there could be enough at today's rate."""
    have = f"{gain.blocks} of {gain.min_blocks} {gain.unit}."
    if gain.blocks >= gain.min_blocks:
        return f"{have} No range can be given yet."
    enough = gain.today + timedelta(days=gain.block_days * (gain.min_blocks - gain.blocks))
    if enough > gain.due:
        return f"{have} At today's rate not before {day(enough, year=False)}, after the due date."
    return f"{have} Enough around {day(enough, year=False)} at today's rate."


def _target(gain: Gain) -> str:
    return "." if gain.target is None else f"; the target is {percent(gain.target)}."


def less_time(share: float | None, digits: int = 0) -> str:
    """A gain as people say it: "65% less time", "4% more time", "the same time"."""
    if share is None:
        return "no number"
    if round(share * 100, digits) == 0:
        return "the same time"
    return f"{percent(abs(share), digits)} {'less' if share > 0 else 'more'} time"


def gained(estimate: float | None, low: float | None, high: float | None, target: float | None = None) -> str:
    """A gain with as many digits as its range supports: "65% less time", the same wherever it is said."""
    return less_time(estimate, digits_of(estimate, low, high, target))


def under_faults(faults: str, mode: str = "replay") -> str:
    """Return the faults that runs met as a phrase: "under standard faults"; in production always "as it happened"."""
    return FAULTS_PHRASE.get("real" if mode == "live" else faults, f"under {faults} faults")
