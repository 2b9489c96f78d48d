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
    """How many runs of each side are in the scope of a question, up to its end."""

    subject: str
    control: str
    subject_runs: int  #: since the start
    control_runs: int  #: all of its past in production, since the start in a replay
    why: str  #: why the two cannot be compared although both have run; else ""
    step: str = ""  #: what to do next, in words that `command` completes
    command: str = ""

    @property
    def sentence(self) -> str:
        """Which side has run, as one sentence."""
        if self.subject_runs and self.control_runs:
            both = (
                f"{plural(self.subject_runs, 'run')} of {self.subject} and {self.control_runs:,} of the {self.control}"
            )
            return f"{both}, and nothing to compare: {self.why}."
        if self.subject_runs:
            return f"{plural(self.subject_runs, 'run')} of {self.subject}, none of the {self.control} to compare with."
        if self.control_runs:
            return f"{plural(self.control_runs, 'run')} of the {self.control}, none of {self.subject} to compare with."
        return f"No run of {self.subject} or the {self.control}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One gain, as shares of the baseline's time, with its likely range and the blocks of evidence behind it."""

    estimate: float | None
    low: float | None
    high: float | None
    target: float | None
    blocks: int
    min_blocks: int
    today: date
    start: date
    due: date
    code: str = ""  #: of its milestone
    proven_on: date | None = None  #: when the whole milestone was proven
    lacks: str = ""  #: the other targets that are not reached
    unit: str = "weeks"  #: what blocks are called
    block_days: int = 7
    sides: RunsOfBothSides | None = None  #: the runs of each side, where nothing can be compared

    @property
    def has_runs(self) -> bool:
        """Whether either side has run, comparable or not."""
        return bool(self.blocks or (self.sides and (self.sides.subject_runs or self.sides.control_runs)))


#: The faults that runs met, as a name, and below as a phrase in a sentence.
FAULTS_NAME = {
    "standard": "standard faults", "none": "no faults", "stress": "stress series", "real": "as it happened",
}  # fmt: skip


FAULTS_PHRASE = {
    "standard": "under standard faults", "none": "without faults", "stress": "in the stress series",
    "real": "as it happened",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A gain in words: its situation, a headline, a detail, and the next command."""

    situation: str
    headline: str
    detail: str
    step: str = ""  #: what the command does; "" where there is none
    command: str = ""


def answer(gain: Gain) -> Answer:
    """Return the headline and the detail for a gain, by the table of situations.

    A gain beyond its target is called proven only if the whole milestone is. A proof stays when a later evaluation is
    worse: the gain has then "regressed since".
    """
    result = _measured(gain)
    if result.situation == "proven" and gain.proven_on is None and gain.lacks:
        clause = result.headline.removeprefix("Proven. ").removesuffix(".")
        return replace(
            result,
            situation="target_reached",
            headline=f"{clause}, but {gain.code} is not proven.",
            detail=f"{result.detail} Not reached: {gain.lacks}.",
        )
    if result.situation not in {"proven", "none", "one_sided"} and gain.proven_on is not None:
        return replace(
            result,
            situation="regressed",
            headline=f"Proven on {day(gain.proven_on, year=False)}, regressed since.",
            detail=f"{gained(gain.estimate, gain.low, gain.high, gain.target).capitalize()} by now. {result.detail}",
        )
    return result


def _measured(gain: Gain) -> Answer:
    if not gain.blocks:
        return _nothing_compared(gain)
    if gain.blocks < gain.min_blocks or gain.estimate is None or gain.low is None or gain.high is None:
        return Answer(situation="early", headline="Too early to say.", detail=too_early(gain))
    digits = digits_for(gain.low, gain.high)
    low, high = (digits_apart(bound, gain.target, digits) for bound in (gain.low, gain.high))
    estimate_digits = digits_of(gain.estimate, gain.low, gain.high, gain.target)
    if gain.high < 0:
        more = f"{percent(-gain.estimate, estimate_digits)} more time"
        span = f"Likely between {percent(-gain.high, high)} and {percent(-gain.low, low)} more"
        return Answer(
            situation="slower", headline=f"Slower than the monolith. Runs take {more}.", detail=span + _target(gain)
        )
    if gain.low <= 0:
        estimate = less_time(gain.estimate, estimate_digits)
        best = f"Best estimate {estimate}, but it could be anywhere from {less_time(gain.low, low)}"
        return Answer(
            situation="no_difference",
            headline="No clear difference from the monolith.",
            detail=f"{best} to {less_time(gain.high, high)}.",
        )
    between = f"Likely between {percent(gain.low, low)} and {percent(gain.high, high)}"
    headline = f"Runs take {percent(gain.estimate, estimate_digits)} less time."
    if gain.target is None:
        return Answer(situation="measured", headline=headline, detail=f"{between}; no target was set.")
    if gain.low >= gain.target:
        return Answer(situation="proven", headline=f"Proven. {headline}", detail=between + _target(gain))
    if gain.high < gain.target:
        late = gain.today > gain.due
        first = "Missed." if late else "Short of the target."
        return Answer(
            situation="missed" if late else "short", headline=f"{first} {headline}", detail=between + _target(gain)
        )
    best = f"Best estimate {percent(gain.estimate, estimate_digits)}, but it could be anywhere from"
    span = f"{percent(gain.low, low)} to {percent(gain.high, high)}"
    return Answer(
        situation="not_proven",
        headline=f"Not proven yet. {headline}",
        detail=f"{best} {span}. The target is {percent(gain.target)}.",
    )


def _nothing_compared(gain: Gain) -> Answer:
    """Return the answer without a comparable block: neither side has run, only one has, or the two do not overlap."""
    started, sides = gain.start <= gain.today, gain.sides
    step, command = (sides.step, sides.command) if started and sides else ("", "")
    if started and sides and gain.has_runs:
        return Answer(
            situation="one_sided", headline="Too early to say.", detail=sides.sentence, step=step, command=command
        )
    headline, detail = _no_runs(gain)
    return Answer(situation="none", headline=headline, detail=detail, step=step, command=command)


def _no_runs(gain: Gain) -> tuple[str, str]:
    return (
        f"No runs yet on {gain.code}.",
        f"{'Starts' if gain.start > gain.today else 'Started'} {day(gain.start, year=False)}.",
    )


def early_look(gain: Gain) -> str:
    """Return what a milestone without enough evidence shows so far: a number, no verdict."""
    if not gain.blocks:
        if gain.start <= gain.today and gain.sides and gain.sides.subject_runs:
            return f"Early look at {gain.code}: too early to say. {gain.sides.sentence}"
        return " ".join(_no_runs(gain))
    so_far = f" So far {less_time(gain.estimate, 0)}, without a verdict." if gain.estimate is not None else ""
    return f"Early look at {gain.code}: {too_early(gain)}{so_far}"


def too_early(gain: Gain) -> str:
    """Return how much evidence there is, and when there will be enough at the present rate."""
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
    """Format a gain: "65% less time", "4% more time", "the same time"."""
    if share is None:
        return "no number"
    if round(share * 100, digits) == 0:
        return "the same time"
    return f"{percent(abs(share), digits)} {'less' if share > 0 else 'more'} time"


def gained(estimate: float | None, low: float | None, high: float | None, target: float | None = None) -> str:
    """Format a gain with the digits that its range supports: "65% less time"."""
    return less_time(estimate, digits_of(estimate, low, high, target))


def under_faults(faults: str, mode: str = "replay") -> str:
    """Return the faults that runs met as a phrase: "under standard faults"; in production always "as it happened"."""
    return FAULTS_PHRASE.get("real" if mode == "live" else faults, f"under {faults} faults")
