"""The rollups a question is about, read once: a grid of strata and blocks for either side, and the pinned weights.

Every reading is made from such a `Window`. `Window.until` cuts it at an earlier day without reading again, so that
judging at the end of every block stays cheap: it gives the numbers, and the hash, that asking on that day gives. Where
a side has nothing the grid holds `nan`, never 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metrics.measures.input_hashes import RunningHashes
from metrics.measures.rollup_grid import (
    Outage,
    blocks_of,
    build_grid,
    read_answers,
    read_faults_sha256,
    read_outages,
    read_rows,
)
from metrics.measures.unsized_time import distribute_unsized_time
from metrics.measures.weights import pinned_since, pinned_weights
from metrics.question import Question, Stratum, in_scope, system_and_level
from metrics.stats.cost_index import PairedTotals, Totals, known_cells, pair_cells
from metrics.store.database import Snapshot
from metrics.store.migrations import RESILIENCE_COLUMNS
from metrics.store.series import METHOD, newest_series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray
    from sqlite_utils import Database

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Block = tuple[str, str]  # first and last day
    Read = dict[tuple[Any, ...], list[tuple[Any, ...]]]  # rows by what was asked for


#: What is read of the control from before the window, too: production is compared with what went before. It comes
#: first in every row that is read.
HISTORY = ("busy_ns", "held", "attempts", "exchanges", "first_failed", "still_failed", "rounds", "imported")

#: What is read of each rollup row, in this order.
COLUMNS = (
    *HISTORY, "due", "twice", "lost", "calls", "operator_touches", "peak_rss_bytes", "delay_p50_us", "delay_p95_us",
    *RESILIENCE_COLUMNS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rollups of a question: one value a stratum and block, for either side; `nan` where a side has none."""

    question: Question  #: with its series filled in, when there is one
    blocks: tuple[Block, ...]  #: first and last day of each block that the subject or control has
    strata: tuple[Stratum, ...]
    weights: Floats  #: one a stratum, of the control's busy time
    pinned_since: str | None  #: ISO day; None: they are not pinned but the control's own, as they stood at the end
    subject: Mapping[str, Floats]  #: by name of COLUMNS: strata x blocks
    control: Mapping[str, Floats]
    both: tuple[Totals, Totals]  #: time and records of subject and control in the cells that both have
    apart: tuple[Totals, Totals]  #: of the subject, and of the control's history, in the cells that each has
    imported: Bools  #: strata x blocks: whether either side's runs were read from a log of its own
    same_inputs: Bools  #: strata x blocks: whether both sides are known to have been given the same files
    history_blocks: tuple[Block, ...]  #: all blocks of the control up to the end, those before the start too
    history: Mapping[str, Floats]  #: by name of HISTORY: strata x those blocks
    answers: tuple[tuple[str, int, int], ...]  #: last day of the block, compared, equal
    outages: tuple[Outage, ...] = ()  #: of the subject, by day and partner
    faults_sha256: str | None = None  #: of the file of fault rates that the series was measured under
    digests: tuple[RunningHashes, RunningHashes, RunningHashes]  #: of subject, control and history, uncut
    hashed: bool = True  #: False: `sha256` returns "", for readings that are shown or judged on the way but not stored

    def until(self, day: date) -> Window:
        """The same window, cut at an earlier day."""
        end = day.isoformat()
        kept = sum(block_end <= end for _, block_end in self.blocks)
        past = sum(block_end <= end for _, block_end in self.history_blocks)
        history = {name: values[:, :past] for name, values in self.history.items()}
        since = self._pinned_by(end)
        return replace(
            self,
            question=replace(self.question, end=day),
            blocks=self.blocks[:kept],
            weights=_busy_time_shares(history) if since is None else self.weights,
            pinned_since=since,
            subject={name: values[:, :kept] for name, values in self.subject.items()},
            control={name: values[:, :kept] for name, values in self.control.items()},
            both=(self.both[0].first(kept), self.both[1].first(kept)),
            apart=(self.apart[0].first(kept), self.apart[1].first(past)),
            imported=self.imported[:, :kept],
            same_inputs=self.same_inputs[:, :kept],
            history_blocks=self.history_blocks[:past],
            history=history,
            answers=tuple(answer for answer in self.answers if answer[0] <= end),
            outages=tuple(outage for outage in self.outages if outage.block_end <= end),
        )

    def select(self, rows: Sequence[int]) -> Window:
        """Return the window of some strata, by their positions in `strata`.

        It asks of one partner or feed what is asked of all, without reading the rollups again. It is not hashed, as
        `digests` are of all strata.
        """
        picked = np.array(rows, dtype=np.intp)
        return replace(
            self,
            strata=tuple(self.strata[row] for row in rows),
            weights=self.weights[picked],
            subject={name: values[picked] for name, values in self.subject.items()},
            control={name: values[picked] for name, values in self.control.items()},
            history={name: values[picked] for name, values in self.history.items()},
            both=(self.both[0].of(picked), self.both[1].of(picked)),
            apart=(self.apart[0].of(picked), self.apart[1].of(picked)),
            imported=self.imported[picked],
            same_inputs=self.same_inputs[picked],
            hashed=False,
        )

    def _pinned_by(self, end: str) -> str | None:
        """Since when the weights are pinned, as an ISO day; None where that is after the end asked for."""
        since = self.pinned_since
        return since if since is not None and since <= end else None

    def shared(self) -> int:
        """How many blocks both sides have, time and records known, in at least one stratum."""
        return int(self.both[0].there.any(axis=0).sum())

    def is_paired(self) -> bool:
        """Whether both sides are compared block by block; else with all that is known of the control.

        A replay always is. In production it takes blocks enough that both have; while there are fewer, what the control
        did before counts, once there is enough of that, or nothing better.
        """
        shared, least = self.shared(), self.question.min_blocks
        if self.question.mode != "live" or shared >= least:
            return True
        return shared > 0 and min(int(side.there.any(axis=0).sum()) for side in self.apart) < least

    def seen(self) -> list[Block]:
        """The blocks in which the subject has run."""
        lacks = np.asarray(np.isnan(self.subject["attempts"]).all(axis=0))
        return [block for block, is_lacking in zip(self.blocks, lacks, strict=True) if not is_lacking]

    def sha256(self, *names: str) -> str:
        """Hash of what a number was made from: these columns of both sides, weights, blocks, answers, outages.

        In production what the control did before counts too, and so does whether both sides had the same files. It is
        "" where the window is not `hashed`.
        """
        if not self.hashed:
            return ""
        live = self.question.mode == "live"
        weighed = [(self.strata[i], float(self.weights[i])) for i in np.flatnonzero(self.weights > 0)]
        told = (METHOD, weighed, self.answers, self.outages, self.faults_sha256)
        digest = hashlib.sha256(repr(told).encode())
        asked = (*names, "imported") if live else names
        sides = [(side, len(self.blocks), asked) for side in self.digests[:2]]
        if live:
            sides.append((self.digests[2], len(self.history_blocks), tuple(n for n in asked if n in HISTORY)))
            digest.update(self.digests[0].at("same_inputs", len(self.blocks)))
        for side, blocks, columns in sides:
            digest.update(side.cells(blocks))
            for name in columns:
                digest.update(side.at(name, blocks))
        return digest.hexdigest()

    def rests_on(self, day: date) -> str:
        """Hash of everything that this window holds up to a day: where it is the same, every number until then is."""
        end = day.isoformat()
        blocks = sum(block_end <= end for _, block_end in self.blocks)
        past = sum(block_end <= end for _, block_end in self.history_blocks)
        pinned = [(self.strata[i], float(self.weights[i])) for i in np.flatnonzero(self.weights > 0)]
        answers = [answer for answer in self.answers if answer[0] <= end]
        outages = [outage for outage in self.outages if outage.block_end <= end]
        told = (METHOD, None if self._pinned_by(end) is None else pinned, answers, outages, self.faults_sha256)
        digest = hashlib.sha256(repr(told).encode())
        for side, first in zip(self.digests, (blocks, blocks, past), strict=True):
            digest.update(side.cells(first) + side.everything(first))
        return digest.hexdigest()


def load_window(db: Database, question: Question, read: Read | None = None) -> Window:
    """Read the rollups of a question; a snapshot of the store reads those of each question once.

    Args:
        db: the store.
        question: without a series, the newest one is filled in.
        read: rows that were read for other questions; they are not read again, and rows read here are added. In
            production all milestones share one control and all its past.

    Raises:
        BadInput: the subject or control is not one.
    """
    series = question.series if question.series is not None else newest_series(db, question.mode, question.faults)
    asked = replace(question, series=series)
    if not isinstance(db, Snapshot):
        return _read_window(db, asked, {} if read is None else read)
    if asked not in db.computed:
        rows = db.computed.setdefault("rows", {}) if read is None else read
        db.computed[asked] = _read_window(db, asked, rows)
    return cast("Window", db.computed[asked])


def _read_window(db: Database, asked: Question, read: Read) -> Window:
    sides = [system_and_level(asked.subject), system_and_level(asked.control)]
    first, last = asked.start.isoformat(), "9999"
    names = (*COLUMNS, "inputs_sha256")
    live = asked.mode == "live"
    pinned = {key: weight for key, weight in pinned_weights(db, asked).items() if in_scope(asked.scope, *key[:2])}
    since = pinned_since(db, asked) if pinned else None
    # a replay is compared week by week: what came before its window only weighs, and only until weights are pinned
    with_past = live or since is None or since > first
    whole = _read_once(read, db, asked, sides[1], names, ("" if with_past else first, last))
    rows = [_read_once(read, db, asked, sides[0], names, (first, last)), [row for row in whole if row[0] >= first]]
    past = whole if with_past else []
    strata = tuple(sorted({row[2:5] for side in (*rows, past) for row in side} | set(pinned)))
    blocks, history_blocks = blocks_of(*rows), blocks_of(past)
    (subject, files1), (control, files0) = (build_grid(side, strata, blocks, COLUMNS) for side in rows)
    history, _ = build_grid(past, strata, history_blocks, HISTORY)
    if live:
        subject, control, history = (
            side | {"busy_ns": distribute_unsized_time(side["busy_ns"], side["held"], strata)}
            for side in (subject, control, history)
        )
    same_inputs = np.asarray((files1 == files0) & (files1 != ""), dtype=bool)
    digests = (
        RunningHashes({**subject, "same_inputs": same_inputs}, ~np.isnan(subject["attempts"]), blocks, strata),
        RunningHashes(control, ~np.isnan(control["attempts"]), blocks, strata),
        RunningHashes(history, ~np.isnan(history["attempts"]), history_blocks, strata),
    )
    return Window(
        question=asked,
        blocks=blocks,
        strata=strata,
        weights=np.array([pinned.get(key, 0.0) for key in strata]) if pinned else _busy_time_shares(history),
        pinned_since=since,
        subject=subject,
        control=control,
        both=pair_cells(
            PairedTotals(
                subject_busy_s=subject["busy_ns"] / 1e9,
                subject_held=subject["held"],
                control_busy_s=control["busy_ns"] / 1e9,
                control_held=control["held"],
            )
        ),
        apart=(
            known_cells(subject["busy_ns"] / 1e9, subject["held"]),
            known_cells(history["busy_ns"] / 1e9, history["held"]),
        ),
        imported=(np.nan_to_num(subject["imported"]) + np.nan_to_num(control["imported"])) > 0,
        same_inputs=same_inputs,
        history_blocks=history_blocks,
        history=history,
        answers=read_answers(db, asked, *sides[0]),
        outages=read_outages(db, asked, *sides[0]),
        faults_sha256=read_faults_sha256(db, asked),
        digests=digests,
    )


def _read_once(
    read: Read, db: Database, asked: Question, side: tuple[str, int], names: tuple[str, ...], between: tuple[str, str]
) -> list[tuple[Any, ...]]:
    """Rows of one side, read unless they are known."""
    key = (asked.scope, asked.end, asked.mode, asked.faults, asked.series, side, between)
    if key not in read:
        read[key] = read_rows(db, asked, *side, names, between)
    return read[key]


def _busy_time_shares(history: Mapping[str, Floats]) -> Floats:
    """The control's shares of busy time as they stand."""
    busy = np.nansum(history["busy_ns"], axis=1)
    return np.asarray(busy / (busy.sum() or 1.0))
