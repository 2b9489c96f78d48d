"""A gain and its range in, the sentences people read out. Fixed templates; no store, no request, no clock.

Gains are shares of the baseline's processing time (0.65 = "65% less time"), rates are shares (0.02 = "20 of every
1,000"). A missing number becomes a word, never a zero. Pages and the printed report say the same with these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

MISSING = "not recorded"
MINUS = "\N{MINUS SIGN}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer in words: which situation it is, what to say first, and what to add."""

    situation: str
    headline: str
    detail: str


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
    if found.situation not in {"proven", "none"} and gain.proven_on is not None:
        return replace(
            found,
            situation="regressed",
            headline=f"Proven on {day(gain.proven_on)}, regressed since.",
            detail=f"{less(gain.estimate).capitalize()} by now. {found.detail}",
        )
    return found


def _measured(gain: Gain) -> Answer:
    if not gain.blocks:
        when = "Starts" if gain.start > gain.today else "Started"
        return Answer(situation="none", headline=f"No runs yet on {gain.code}.", detail=f"{when} {day(gain.start)}.")
    if gain.blocks < gain.min_blocks or gain.estimate is None or gain.low is None or gain.high is None:
        return Answer(situation="early", headline="Too early to say.", detail=too_early(gain))
    digits = digits_for(gain.low, gain.high, gain.target)
    if gain.high < 0:
        more = f"{percent(-gain.estimate, digits)} more time"
        span = f"Likely between {percent(-gain.high, digits)} and {percent(-gain.low, digits)} more"
        return Answer(
            situation="slower", headline=f"Slower than the monolith. Runs take {more}.", detail=span + _target(gain)
        )
    if gain.low <= 0:
        best = f"Best estimate {less(gain.estimate, digits)}, but it could be anywhere from {less(gain.low, digits)}"
        return Answer(
            situation="no_difference",
            headline="No clear difference from the monolith.",
            detail=f"{best} to {less(gain.high, digits)}.",
        )
    between = f"Likely between {percent(gain.low, digits)} and {percent(gain.high, digits)}"
    said = f"Runs take {percent(gain.estimate, digits)} less time."
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
    best = f"Best estimate {percent(gain.estimate, digits)}, but it could be anywhere from"
    span = f"{percent(gain.low, digits)} to {percent(gain.high, digits)}"
    return Answer(
        situation="not_proven",
        headline=f"Not proven yet. {said}",
        detail=f"{best} {span}. The target is {percent(gain.target)}.",
    )


def early_look(gain: Gain) -> str:
    """What a milestone without enough evidence shows so far: a number, no verdict."""
    if not gain.blocks:
        found = _measured(gain)
        return f"{found.headline} {found.detail}"
    seen = f" So far {less(gain.estimate, 0)}, without a verdict." if gain.estimate is not None else ""
    return f"Early look at {gain.code}: {too_early(gain)}{seen}"


def too_early(gain: Gain) -> str:
    """How much evidence there is, and when there could be enough at today's rate."""
    have = f"{gain.blocks} of {gain.min_blocks} {gain.unit}."
    if gain.blocks >= gain.min_blocks:
        return f"{have} No range can be given yet."
    enough = gain.today + timedelta(days=gain.block_days * (gain.min_blocks - gain.blocks))
    if enough > gain.due:
        return f"{have} At today's rate not before {day(enough)}, after the due date."
    return f"{have} Enough around {day(enough)} at today's rate."


def _target(gain: Gain) -> str:
    return "." if gain.target is None else f"; the target is {percent(gain.target)}."


def less(share: float | None, digits: int = 0) -> str:
    """A gain as people say it: "65% less time", "4% more time", "the same time"."""
    if share is None:
        return "no number"
    if round(share * 100, digits) == 0:
        return "the same time"
    return f"{percent(abs(share), digits)} {'less' if share > 0 else 'more'} time"


def digits_for(low: float, high: float, target: float | None = None) -> int:
    """Decimals of a percentage that a range supports: one only where it is under two points wide.

    One more where a bound would be rounded onto a target it does not reach, so that words and verdict agree.
    """
    digits = 0 if high - low >= 0.02 else 1
    if target is not None and any(
        bound != target and round(bound * 100, digits) == round(target * 100, digits) for bound in (low, high)
    ):
        digits += 1
    return digits


def percent(share: float | None, digits: int = 0) -> str:
    """A share as a percentage, 0.65 -> "65%", with a true minus sign; a missing one in words."""
    if share is None:
        return MISSING
    text = f"{round(share * 100, digits):,.{digits}f}"
    text = text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return text.replace("-", MINUS) + "%"


def span(low: float | None, high: float | None, target: float | None = None) -> str:
    """A likely range of a share: "63% to 67%"; "" where there is none."""
    if low is None or high is None:
        return ""
    digits = digits_for(low, high, target)
    return f"{percent(low, digits)} to {percent(high, digits)}"


def per_thousand(share: float | None) -> str:
    """A rate as a count of every 1,000: "20", "3.4", "0"; a missing one in words."""
    if share is None:
        return MISSING
    many = share * 1000
    return f"{many:.1f}" if 0 < many < 9.95 and round(many, 1) != round(many) else f"{many:,.0f}"


def count(number: float | None) -> str:
    """A count with thousands separators; a missing one in words."""
    return MISSING if number is None else f"{number:,.0f}"


def day(when: date, *, year: bool = False) -> str:
    """A date: "12 Jan", with the year where asked."""
    return f"{when.day} {when:%b}" + (f" {when.year}" if year else "")


def days_between(first: date, last: date) -> str:
    """A stretch of days, both ends included: "1 Jan to 31 Mar 2013"."""
    return f"{day(first, year=first.year != last.year)} to {day(last, year=True)}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A counted noun: "1 week", "13 weeks"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def tight(text: str) -> str:
    """A sentence of another room with its percentages written as on these pages: "60 %" as "60%"."""
    return text.replace(" %", "%")


def shortened(text: str, most: int) -> str:
    """A text on one line and no longer than that, cut between words where it can be; "" for no room at all."""
    line = tight(" ".join(text.split()))
    if len(line) <= most:
        return line
    head = line[: max(most - 1, 0)]
    cut = head.rpartition(" ")[0]
    return f"{(cut if len(cut) > most // 2 else head).rstrip(' ,;:')}…" if head else ""
