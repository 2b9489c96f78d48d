"""What a milestone gained with each partner: the same question as its own, one partner's feeds at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.measures import comparison
from metrics.measures.window import load_window
from metrics.question import block_word
from roadmap.judge.evidence import question
from roadmap.wording import numbers

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.measures.reading import Reading
    from metrics.measures.window import Window
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerGain:
    """One partner's gain: shares of the baseline's time; without a range it is no number to show."""

    partner: str
    estimate: float | None
    low: float | None
    high: float | None
    blocks: int
    runs: int  #: of the partner in the blocks that the milestone's reading counts, both sides, all rounds

    @property
    def known(self) -> bool:
        """Whether there are runs enough to say something."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneGains:
    """The gains of one milestone by partner, those known first and the largest on top."""

    code: str
    faults: str  #: as the plan names them
    target: float | None
    start: date
    end: date
    min_blocks: int
    unit: str  #: what a block is called: "week" or "day"
    partners: tuple[PartnerGain, ...]

    @property
    def key(self) -> str:
        """By which the runs that they count are found."""
        return f"{self.code}:busy_time_saved:{self.faults}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GainSplit:
    """With which partners the service takes less time and with which more, by their likely ranges."""

    less: tuple[str, ...]  #: the whole range is
    more: tuple[str, ...]
    unclear: tuple[str, ...]  #: the range holds the same time, too
    unknown: tuple[str, ...]  #: too few runs for a range


def split_by_direction(found: MilestoneGains) -> GainSplit:
    """The partners of a milestone by their likely ranges, in alphabetical order."""
    ranges = sorted((one.partner, one.low, one.high) for one in found.partners if one.known)
    less = tuple(name for name, low, _ in ranges if low is not None and low > 0)
    more = tuple(name for name, _, high in ranges if high is not None and high < 0)
    unclear = tuple(name for name, _, _ in ranges if name not in {*less, *more})
    unknown = tuple(sorted(one.partner for one in found.partners if not one.known))
    return GainSplit(less=less, more=more, unclear=unclear, unknown=unknown)


def describe_split(found: GainSplit, named: int = 0) -> str:
    """How many partners each, and of those with more time so many by name: "Less time with 8 of 14 partners, more…"."""
    of = len(found.less) + len(found.more) + len(found.unclear)
    if not of:
        return ""
    parts = [f"Less time with {len(found.less)} of {numbers.plural(of, 'partner')}"]
    if found.more:
        rest = f" and {numbers.plural(len(found.more) - named, 'other')}" if len(found.more) > named else ""
        parts.append(f"more with {len(found.more)}" + (f" ({', '.join(found.more[:named])}{rest})" if named else ""))
    if found.unclear:
        parts.append(f"unclear with {len(found.unclear)}")
    return ", ".join(parts)


def gains_by_milestone(db: Database, view: View) -> dict[str, MilestoneGains]:
    """By milestone code, for those of which the time saved was asked and measured."""
    found = {}
    for milestone, verdict in zip(view.plan.milestones, view.verdicts, strict=True):
        one = _milestone_gains(db, milestone, verdict, view.mode)
        if one is not None:
            found[milestone.code] = one
    return found


def _milestone_gains(db: Database, milestone: Milestone, verdict: Verdict, mode: str) -> MilestoneGains | None:
    timed = next((c for c in verdict.criteria if c.name == "busy_time_saved" and c.reading and c.reading.blocks), None)
    if timed is None or timed.reading is None:
        return None
    asked = question(milestone, timed.reading.end, mode, timed.faults)
    window = load_window(db, replace(asked, series=timed.reading.series)).until(timed.reading.end)
    partners = sorted({partner for partner, _, _ in window.strata})
    counted = _counted_blocks(window)
    every = [_partner_gain(window, partner, counted) for partner in partners]
    every.sort(key=lambda gain: (not gain.known, -(gain.estimate or 0.0) if gain.known else 0.0, gain.partner))
    return MilestoneGains(
        code=milestone.code,
        faults=timed.faults,
        target=timed.target,
        start=timed.reading.start,
        end=timed.reading.end,
        min_blocks=asked.min_blocks,
        unit=block_word(mode),
        partners=tuple(gain for gain in every if gain.runs),
    )


def _counted_blocks(window: Window) -> tuple[Any, Any]:
    """Which blocks the milestone's own reading counts, of the subject and of the control."""
    cells = window.both if window.is_paired() else window.apart
    return cells[0].there.any(axis=0), cells[1].there.any(axis=0)


def _partner_gain(window: Window, partner: str, counted: tuple[Any, Any]) -> PartnerGain:
    rows = [place for place, stratum in enumerate(window.strata) if stratum[0] == partner]
    found: Reading = comparison.compute_busy_time_saved(window.select(rows))
    control = window.control if window.is_paired() else window.history
    sides = zip((window.subject, control), counted, strict=True)
    runs = sum(int(np.nansum(side["attempts"][rows][:, blocks])) for side, blocks in sides)
    return PartnerGain(
        partner=partner, estimate=found.estimate, low=found.low, high=found.high, blocks=found.blocks, runs=runs
    )
