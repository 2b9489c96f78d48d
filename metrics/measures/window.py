"""The rollups of a question, read once: a grid of strata x blocks per side, and the weights of the strata.

Every reading is computed from such a `Window`. `Window.until` cuts it at an earlier day without reading again, so that
an evaluation at the end of every block stays cheap: it gives the numbers and the hash that a window read for that day
gives. Cells without data are `nan`, never 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metrics.measures.input_hashes import RunningHashes
from metrics.measures.movement import NOTHING_MOVES, Movement, read_movement
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
    RowCache = dict[tuple[Any, ...], list[tuple[Any, ...]]]  # rows by the key of their query


#: The columns that are also read of the control before the start of the window: in production the subject may be
#: compared with them. They are the first columns of every row that is read.
HISTORY = ("busy_ns", "held", "attempts", "exchanges", "first_failed", "still_failed", "rounds", "imported")

#: The columns of a rollup row that are read, in this order.
COLUMNS = (
    *HISTORY, "due", "twice", "lost", "calls", "operator_touches", "peak_rss_bytes", "delay_p50_us", "delay_p95_us",
    *RESILIENCE_COLUMNS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rollups of a question: one value per stratum and block, for each side; `nan` where a side has none."""

    question: Question  #: with its series resolved, where the store has one
    blocks: tuple[Block, ...]  #: first and last day of each block of the subject or control
    strata: tuple[Stratum, ...]
    weights: Floats  #: one per stratum: its share of the control's busy time
    pinned_since: str | None  #: ISO day; None: not pinned, but computed from the control's busy time up to the end
    subject: Mapping[str, Floats]  #: strata x blocks, by name of COLUMNS
    control: Mapping[str, Floats]
    paired: tuple[Totals, Totals]  #: time and records of subject and control in the cells that both have
    unpaired: tuple[Totals, Totals]  #: of the subject, and of the control's history, in the cells that each has
    imported: Bools  #: strata x blocks: whether runs of either side were imported from a log
    same_inputs: Bools  #: strata x blocks: whether both sides are known to have received the same files
    history_blocks: tuple[Block, ...]  #: all blocks of the control up to the end, also those before the start
    history: Mapping[str, Floats]  #: strata x those blocks, by name of HISTORY
    answers: tuple[tuple[str, int, int], ...]  #: last day of the block, records compared, records equal
    outages: tuple[Outage, ...] = ()  #: of the subject, by day and partner
    faults_sha256: str | None = None  #: of the file of fault rates under which the series was measured
    hashes: tuple[RunningHashes, RunningHashes, RunningHashes]  #: of subject, control and history, never cut
    movement: Movement = NOTHING_MOVES  #: comparisons and stages of feeds that move
    hashed: bool = True  #: False: `sha256` returns "", for readings that are shown or evaluated but not stored

    def until(self, day: date) -> Window:
        """Return the window cut at an earlier day."""
        end = day.isoformat()
        count = sum(block_end <= end for _, block_end in self.blocks)
        past = sum(block_end <= end for _, block_end in self.history_blocks)
        history = {name: values[:, :past] for name, values in self.history.items()}
        since = self._pinned_by(end)
        return replace(
            self,
            question=replace(self.question, end=day),
            blocks=self.blocks[:count],
            weights=_busy_time_shares(history) if since is None else self.weights,
            pinned_since=since,
            subject={name: values[:, :count] for name, values in self.subject.items()},
            control={name: values[:, :count] for name, values in self.control.items()},
            paired=(self.paired[0].first_blocks(count), self.paired[1].first_blocks(count)),
            unpaired=(self.unpaired[0].first_blocks(count), self.unpaired[1].first_blocks(past)),
            imported=self.imported[:, :count],
            same_inputs=self.same_inputs[:, :count],
            history_blocks=self.history_blocks[:past],
            history=history,
            answers=tuple(answer for answer in self.answers if answer[0] <= end),
            outages=tuple(outage for outage in self.outages if outage.block_end <= end),
            movement=self.movement.until(end),
        )

    def select(self, rows: Sequence[int]) -> Window:
        """Return the window of some strata, by their positions in `strata`.

        It answers for one partner or feed what the whole window answers, without reading the rollups again. It is not
        `hashed`, because `hashes` cover all strata.
        """
        picked = np.array(rows, dtype=np.intp)
        return replace(
            self,
            strata=tuple(self.strata[row] for row in rows),
            weights=self.weights[picked],
            subject={name: values[picked] for name, values in self.subject.items()},
            control={name: values[picked] for name, values in self.control.items()},
            history={name: values[picked] for name, values in self.history.items()},
            paired=(self.paired[0].select(picked), self.paired[1].select(picked)),
            unpaired=(self.unpaired[0].select(picked), self.unpaired[1].select(picked)),
            imported=self.imported[picked],
            same_inputs=self.same_inputs[picked],
            hashed=False,
        )

    def _pinned_by(self, end: str) -> str | None:
        """Return the ISO day since when the weights are pinned; None where that is after `end`."""
        since = self.pinned_since
        return since if since is not None and since <= end else None

    def count_shared_blocks(self) -> int:
        """Count the blocks for which both sides have known time and records in at least one stratum."""
        return int(self.paired[0].known.any(axis=0).sum())

    def is_paired(self) -> bool:
        """Tell whether both sides are compared block by block, and not the subject with the control's history.

        A replay is always paired. Production is paired if both sides share enough blocks; with fewer shared blocks it
        is unpaired if each side has enough blocks of its own, or if no block is shared.
        """
        shared, min_blocks = self.count_shared_blocks(), self.question.min_blocks
        if self.question.mode != "live" or shared >= min_blocks:
            return True
        return shared > 0 and min(int(side.known.any(axis=0).sum()) for side in self.unpaired) < min_blocks

    def subject_blocks(self) -> list[Block]:
        """Return the blocks in which the subject has run."""
        is_empty = np.asarray(np.isnan(self.subject["attempts"]).all(axis=0))
        return [block for block, empty in zip(self.blocks, is_empty, strict=True) if not empty]

    def sha256(self, *names: str) -> str:
        """Return the hash of a number's inputs: these columns of both sides, weights, blocks, answers and outages.

        In production it includes the control's history, and whether both sides received the same files. It is "" where
        the window is not `hashed`.
        """
        if not self.hashed:
            return ""
        live = self.question.mode == "live"
        weights = [(self.strata[i], float(self.weights[i])) for i in np.flatnonzero(self.weights > 0)]
        inputs = (METHOD, weights, self.answers, self.outages, self.faults_sha256, *self.movement.inputs())
        digest = hashlib.sha256(repr(inputs).encode())
        columns = (*names, "imported") if live else names
        sides = [(hashes, len(self.blocks), columns) for hashes in self.hashes[:2]]
        if live:
            sides.append((self.hashes[2], len(self.history_blocks), tuple(n for n in columns if n in HISTORY)))
            digest.update(self.hashes[0].of_column("same_inputs", len(self.blocks)))
        for hashes, blocks, side_columns in sides:
            digest.update(hashes.of_cells(blocks))
            for name in side_columns:
                digest.update(hashes.of_column(name, blocks))
        return digest.hexdigest()

    def sha256_until(self, day: date) -> str:
        """Return the hash of all data up to a day: if it is the same, every number up to then is the same."""
        end = day.isoformat()
        blocks = sum(block_end <= end for _, block_end in self.blocks)
        past = sum(block_end <= end for _, block_end in self.history_blocks)
        pinned = [(self.strata[i], float(self.weights[i])) for i in np.flatnonzero(self.weights > 0)]
        answers = [answer for answer in self.answers if answer[0] <= end]
        outages = [outage for outage in self.outages if outage.block_end <= end]
        weights = None if self._pinned_by(end) is None else pinned
        inputs = (METHOD, weights, answers, outages, self.faults_sha256, *self.movement.until(end).inputs())
        digest = hashlib.sha256(repr(inputs).encode())
        for hashes, first in zip(self.hashes, (blocks, blocks, past), strict=True):
            digest.update(hashes.of_cells(first) + hashes.of_all_columns(first))
        return digest.hexdigest()


def load_window(db: Database, question: Question, cache: RowCache | None = None) -> Window:
    """Read the rollups of a question; a snapshot of the store reads those of each question once.

    Args:
        db: the store.
        question: without a series, the newest one is filled in.
        cache: rows that were read for other questions; they are not read again, and rows read here are added. In
            production all milestones share one control and all its history.

    Raises:
        BadInput: the subject or control is not the name of one.
    """
    series = question.series
    if series is None:
        series = newest_series(db, question.mode, question.faults, question.start)
    resolved = replace(question, series=series)
    if not isinstance(db, Snapshot):
        return _read_window(db, resolved, {} if cache is None else cache)
    if resolved not in db.computed:
        rows = db.computed.setdefault("rows", {}) if cache is None else cache
        db.computed[resolved] = _read_window(db, resolved, rows)
    return cast("Window", db.computed[resolved])


def _read_window(db: Database, question: Question, cache: RowCache) -> Window:
    """Read the rollups of a question whose series is question."""
    sides = [system_and_level(question.subject), system_and_level(question.control)]
    first, last = question.start.isoformat(), "9999"
    names = (*COLUMNS, "inputs_sha256")
    live = question.mode == "live"
    pinned = {key: weight for key, weight in pinned_weights(db, question).items() if in_scope(question.scope, *key[:2])}
    since = pinned_since(db, question) if pinned else None
    # a replay is compared week by week: the history only gives the weights, and only until they are pinned
    with_past = live or since is None or since > first
    whole = _read_once(cache, db, question, sides[1], names, ("" if with_past else first, last))
    rows = [_read_once(cache, db, question, sides[0], names, (first, last)), [row for row in whole if row[0] >= first]]
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
    hashes = (
        RunningHashes({**subject, "same_inputs": same_inputs}, ~np.isnan(subject["attempts"]), blocks, strata),
        RunningHashes(control, ~np.isnan(control["attempts"]), blocks, strata),
        RunningHashes(history, ~np.isnan(history["attempts"]), history_blocks, strata),
    )
    return Window(
        question=question,
        blocks=blocks,
        strata=strata,
        weights=np.array([pinned.get(key, 0.0) for key in strata]) if pinned else _busy_time_shares(history),
        pinned_since=since,
        subject=subject,
        control=control,
        paired=pair_cells(
            PairedTotals(
                subject_busy_s=subject["busy_ns"] / 1e9,
                subject_held=subject["held"],
                control_busy_s=control["busy_ns"] / 1e9,
                control_held=control["held"],
            )
        ),
        unpaired=(
            known_cells(subject["busy_ns"] / 1e9, subject["held"]),
            known_cells(history["busy_ns"] / 1e9, history["held"]),
        ),
        imported=(np.nan_to_num(subject["imported"]) + np.nan_to_num(control["imported"])) > 0,
        same_inputs=same_inputs,
        history_blocks=history_blocks,
        history=history,
        answers=read_answers(db, question, *sides[0]),
        outages=read_outages(db, question, *sides[0]),
        movement=read_movement(db, question),
        faults_sha256=read_faults_sha256(db, question),
        hashes=hashes,
    )


def _read_once(
    cache: RowCache,
    db: Database,
    question: Question,
    side: tuple[str, int],
    names: tuple[str, ...],
    span: tuple[str, str],
) -> list[tuple[Any, ...]]:
    """Return the rows of one side, from the cache where it has them."""
    key = (question.scope, question.end, question.mode, question.faults, question.series, side, span)
    if key not in cache:
        cache[key] = read_rows(db, question, *side, names, span)
    return cache[key]


def _busy_time_shares(history: Mapping[str, Floats]) -> Floats:
    """Return the share of each stratum in the control's busy time."""
    busy = np.nansum(history["busy_ns"], axis=1)
    return np.asarray(busy / (busy.sum() or 1.0))
