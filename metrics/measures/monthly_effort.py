"""What both sides take in a month, in absolute numbers: hands, waiting, failures, machine time, and money."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from metrics.measures.effort import delay
from metrics.measures.effort_saved import cell_effort, known_cells
from metrics.measures.unsized_time import UNSIZED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from metrics.measures.window import Window
    from metrics.prices import Prices

#: Days of a month, on average.
MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SideMonth:
    """What one side takes in a month, of one round of a replay. None: it is not known."""

    exchanges: float
    records: float | None  #: that the partner holds
    touches: float | None  #: how often a person stepped in
    touch_hours: float | None  #: priced: touches x touch_minutes
    first_failed: float
    still_failed: float
    machine_hours: float
    wait_p50_s: float | None  #: from when a file was due until it was delivered
    wait_p95_s: float | None
    money: float | None  #: in production, where there are prices


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyEffort:
    """Both sides in the same blocks, feeds and file sizes."""

    days: int  #: of the blocks that count
    blocks: int
    subject: SideMonth
    control: SideMonth
    same_records_money: float | None  #: what the control would have taken for the records of the subject, a month


def monthly_effort(window: Window, prices: Prices | None) -> MonthlyEffort | None:
    """Return what both sides take in a month, over the cells that both have; None where there are none.

    Several rounds of a replay repeat the same files: each cell counts once, as the mean of its rounds.
    """
    cells = window.paired[0].known
    used = np.asarray(cells.any(axis=0))
    if not used.any():
        return None
    days = sum(_days(window.blocks[place]) for place in np.flatnonzero(used))
    as_subject = replace(window, hashed=False), replace(window, subject=window.control, hashed=False)
    subject, control = (_side(side, cells, MONTH_DAYS / days, prices) for side in as_subject)
    return MonthlyEffort(
        days=days,
        blocks=int(used.sum()),
        subject=subject,
        control=control,
        same_records_money=_same_records_money(window, MONTH_DAYS / days, prices),
    )


def _same_records_money(window: Window, per_month: float, prices: Prices | None) -> float | None:
    """Return what the control takes per record, times the records of the subject, stratum by stratum."""
    if prices is None or window.question.mode != "live":
        return None
    known = known_cells(window)
    if not known.any():
        return None
    effort = np.where(known, cell_effort(window.control, prices), 0.0).sum(axis=1)
    held = [np.where(known, side["held"], 0.0).sum(axis=1) for side in (window.control, window.subject)]
    have = held[0] > 0
    return float((effort[have] / held[0][have] * held[1][have]).sum()) * per_month


def _side(window: Window, cells: NDArray[np.bool_], per_month: float, prices: Prices | None) -> SideMonth:
    """Return what the subject of a window takes in a month."""
    side = window.subject
    unsized = _unsized_cells(window, cells)
    rounds = np.where(side["rounds"] > 0, side["rounds"], 1.0)

    def total(column: str) -> float | None:
        values = (side[column] / rounds)[cells]
        return None if np.isnan(values).any() else float(values.sum()) * per_month

    def count(column: str) -> float:
        values = side[column] / rounds
        return float(np.nansum(values[cells]) + np.nansum(values[unsized])) * per_month

    touches = total("operator_touches")
    money = None
    if window.question.mode == "live" and prices is not None and touches is not None:
        money = float((cell_effort(side, prices) / rounds)[cells].sum()) * per_month
    return SideMonth(
        exchanges=count("exchanges"),
        records=total("held"),
        touches=touches,
        touch_hours=touches * prices.touch_minutes / 60 if prices and touches is not None else None,
        first_failed=count("first_failed"),
        still_failed=count("still_failed"),
        machine_hours=(total("busy_ns") or 0.0) / 3.6e12,
        wait_p50_s=delay(window, "delay_p50", "delay_p50_us", 0.5).estimate,
        wait_p95_s=delay(window, "delay_p95", "delay_p95_us", 0.95).estimate,
        money=money,
    )


def _unsized_cells(window: Window, cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells of files of unknown size, of the feeds and blocks of `cells`, that are not in `cells`.

    In production, an exchange that failed before a record was counted has no size, and the other side nothing of that
    kind; without these cells a failure like that would count for nobody.
    """
    unsized = np.zeros_like(cells)
    for row, (partner, feed, size) in enumerate(window.strata):
        if size == UNSIZED:
            same_feed = [place for place, other in enumerate(window.strata) if other[:2] == (partner, feed)]
            unsized[row] = cells[same_feed].any(axis=0)
    return unsized & ~cells


def _days(block: tuple[str, str]) -> int:
    return (date.fromisoformat(block[1]) - date.fromisoformat(block[0])).days + 1
