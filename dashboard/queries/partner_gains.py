"""Gains of each milestone by partner: the milestone's own question, restricted to one partner's feeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.measures import comparison
from metrics.measures.window import load_window
from metrics.question import block_word
from roadmap.judge.evidence import milestone_question
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
    """One partner's gain, as shares of the baseline's time; without a range it is not shown as a number."""

    partner: str
    estimate: float | None
    low: float | None
    high: float | None
    blocks: int
    runs: int  #: both sides, all rounds, in the blocks that the milestone's reading counts

    @property
    def has_range(self) -> bool:
        """Whether there are enough runs for a range."""
        return self.low is not None and self.high is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneGains:
    """The gains of one milestone by partner: those with a range first, by size."""

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
        """The name of the reading, by which a filter picks its runs."""
        return f"{self.code}:busy_time_saved:{self.faults}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GainSplit:
    """Partners by whether the service takes less time or more, judged by their likely ranges."""

    less: tuple[str, ...]  #: the whole range is less time
    more: tuple[str, ...]  #: the whole range is more time
    unclear: tuple[str, ...]  #: the range includes the same time
    unknown: tuple[str, ...]  #: too few runs for a range


def split_by_direction(gains: MilestoneGains) -> GainSplit:
    """Split the partners of a milestone by their likely ranges, each group in alphabetical order."""
    ranges = sorted((gain.partner, gain.low, gain.high) for gain in gains.partners if gain.has_range)
    less = tuple(name for name, low, _ in ranges if low is not None and low > 0)
    more = tuple(name for name, _, high in ranges if high is not None and high < 0)
    unclear = tuple(name for name, _, _ in ranges if name not in {*less, *more})
    unknown = tuple(sorted(gain.partner for gain in gains.partners if not gain.has_range))
    return GainSplit(less=less, more=more, unclear=unclear, unknown=unknown)


def describe_split(split: GainSplit, named: int = 0) -> str:
    """Return "Less time with 8 of 14 partners, more with 2"; `named` is how many of the latter are named."""
    total = len(split.less) + len(split.more) + len(split.unclear)
    if not total:
        return ""
    parts = [f"Less time with {len(split.less)} of {numbers.plural(total, 'partner')}"]
    if split.more:
        rest = f" and {numbers.plural(len(split.more) - named, 'other')}" if len(split.more) > named else ""
        parts.append(f"more with {len(split.more)}" + (f" ({', '.join(split.more[:named])}{rest})" if named else ""))
    if split.unclear:
        parts.append(f"unclear with {len(split.unclear)}")
    return ", ".join(parts)


def gains_by_milestone(db: Database, view: View) -> dict[str, MilestoneGains]:
    """Return the gains by milestone code, for the milestones whose time saved was measured."""
    by_code = {}
    for milestone, verdict in zip(view.plan.milestones, view.verdicts, strict=True):
        gains = _milestone_gains(db, milestone, verdict, view.mode)
        if gains is not None:
            by_code[milestone.code] = gains
    return by_code


def _milestone_gains(db: Database, milestone: Milestone, verdict: Verdict, mode: str) -> MilestoneGains | None:
    timed = next((c for c in verdict.criteria if c.name == "busy_time_saved" and c.reading and c.reading.blocks), None)
    if timed is None or timed.reading is None:
        return None
    query = milestone_question(milestone, timed.reading.end, mode, timed.faults)
    window = load_window(db, replace(query, series=timed.reading.series)).until(timed.reading.end)
    partners = sorted({partner for partner, _, _ in window.strata})
    counted = _counted_blocks(window)
    gains = [_partner_gain(window, partner, counted) for partner in partners]
    gains.sort(key=lambda gain: (not gain.has_range, -(gain.estimate or 0.0) if gain.has_range else 0.0, gain.partner))
    return MilestoneGains(
        code=milestone.code,
        faults=timed.faults,
        target=timed.target,
        start=timed.reading.start,
        end=timed.reading.end,
        min_blocks=query.min_blocks,
        unit=block_word(mode),
        partners=tuple(gain for gain in gains if gain.runs),
    )


def _counted_blocks(window: Window) -> tuple[Any, Any]:
    """Return which blocks the milestone's own reading counts, of the subject and of the control."""
    cells = window.paired if window.is_paired() else window.unpaired
    return cells[0].known.any(axis=0), cells[1].known.any(axis=0)


def _partner_gain(window: Window, partner: str, counted: tuple[Any, Any]) -> PartnerGain:
    rows = [place for place, stratum in enumerate(window.strata) if stratum[0] == partner]
    reading: Reading = comparison.compute_busy_time_saved(window.select(rows))
    control = window.control if window.is_paired() else window.history
    sides = zip((window.subject, control), counted, strict=True)
    runs = sum(int(np.nansum(side["attempts"][rows][:, blocks])) for side, blocks in sides)
    return PartnerGain(
        partner=partner, estimate=reading.estimate, low=reading.low, high=reading.high, blocks=reading.blocks, runs=runs
    )
