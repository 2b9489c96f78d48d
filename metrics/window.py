"""The rollups a question is about, read once: a grid of strata and blocks for either side, and the pinned weights.

Every reading is made from such a `Window`. `Window.until` cuts it at an earlier day without reading again, so that
judging at the end of every block stays cheap. Where a side has nothing the grid holds `nan`, never 0.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.errors import BadInput
from metrics.events import parse_subject
from metrics.schema import SINCE_MISHAPS
from metrics.store import METHOD, last_series

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from numpy.typing import NDArray
    from sqlite_utils import Database

    Floats = NDArray[np.float64]
    Stratum = tuple[str, str, int]  # partner, feed, size band

#: What is read of each rollup row, in this order.
COLUMNS = (
    "busy_ns", "held", "due", "twice", "lost", "exchanges", "attempts", "first_failed", "still_failed", "rounds",
    *SINCE_MISHAPS,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a number is about."""

    subject: str  #: "service@1"
    control: str = "monolith"
    scope: tuple[str, ...] = ("*/*",)  #: globs over PARTNER/FEED
    start: date  #: first day, inclusive
    end: date  #: last day, inclusive: blocks that end by then count
    faults: str = "standard"
    mode: str = "replay"
    series: str | None = None  #: None: the newest of this mode and these faults
    alpha: float = 0.05  #: one-sided risk of a false "proven"
    min_blocks: int = 12
    bound: str = "anytime"  #: or "fixed": one look, t interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A day on which a partner took nothing: calls that the subject made all the same, the mean of its rounds."""

    block_end: str
    day: str
    partner: str
    hours: float
    calls: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The rollups of a question: one value a stratum and block, for either side; `nan` where a side has none."""

    question: Question  #: with its series filled in, when there is one
    blocks: tuple[tuple[str, str], ...]  #: first and last day of each block that the subject or control has
    strata: tuple[Stratum, ...]
    weights: Floats  #: one a stratum, of the control's busy time
    subject: Mapping[str, Floats]  #: by name of COLUMNS: strata x blocks
    control: Mapping[str, Floats]
    answers: tuple[tuple[str, int, int], ...]  #: last day of the block, compared, equal
    outages: tuple[Outage, ...] = ()  #: of the subject, by day and partner

    def until(self, day: date) -> Window:
        """The same window, cut at an earlier day."""
        end = day.isoformat()
        kept = sum(block_end <= end for _, block_end in self.blocks)
        return replace(
            self,
            question=replace(self.question, end=day),
            blocks=self.blocks[:kept],
            subject={name: values[:, :kept] for name, values in self.subject.items()},
            control={name: values[:, :kept] for name, values in self.control.items()},
            answers=tuple(answer for answer in self.answers if answer[0] <= end),
            outages=tuple(outage for outage in self.outages if outage.block_end <= end),
        )

    def paired(self) -> NDArray[np.bool_]:
        """Which blocks both sides have, holdings counted, in at least one stratum."""
        both = ~np.isnan(self.subject["held"]) & ~np.isnan(self.control["held"])
        return np.asarray(both.any(axis=0))

    def seen(self) -> list[tuple[str, str]]:
        """The blocks in which the subject has run."""
        lacks = np.isnan(self.subject["attempts"])
        return [block for i, block in enumerate(self.blocks) if not lacks[:, i].all()]

    def sha256(self, *names: str) -> str:
        """Hash of what a number was made from: these columns of both sides, weights, blocks, answers, outages."""
        sides = (self.subject, self.control)
        # Strata that show only after this window's end are left out, or its hash would change with the future.
        known = (self.weights > 0) | ~np.all([np.isnan(side["attempts"]).all(axis=1) for side in sides], axis=0)
        strata = [stratum for stratum, is_known in zip(self.strata, known, strict=True) if is_known]
        digest = hashlib.sha256(repr((METHOD, self.blocks, strata, self.answers, self.outages)).encode())
        for values in (self.weights, *(side[name] for side in sides for name in names)):
            digest.update(np.ascontiguousarray(values[known]).tobytes())
        return digest.hexdigest()


def load(db: Database, question: Question) -> Window:
    """Read the rollups of a question.

    Raises:
        BadInput: the subject or control is not one.
    """
    sides = [_parse(question.subject), _parse(question.control)]
    series = question.series if question.series is not None else last_series(db, question.mode, question.faults)
    asked = replace(question, series=series)
    rows = [_rows(db, asked, system, level) for system, level in sides]
    pinned = {key: weight for key, weight in weights(db, asked).items() if in_scope(asked.scope, *key[:2])}
    cells = [row for side in rows for row in side if in_scope(asked.scope, row[2], row[3])]
    strata = tuple(sorted({(row[2], row[3], row[4]) for row in cells} | set(pinned)))
    ends: dict[str, str] = {}
    for row in cells:
        ends[row[0]] = max(row[1], ends.get(row[0], ""))
    blocks = tuple(sorted(ends.items()))
    return Window(
        question=asked,
        blocks=blocks,
        strata=strata,
        weights=np.array([pinned.get(key, 0.0) for key in strata]),
        subject=_grid(rows[0], strata, blocks),
        control=_grid(rows[1], strata, blocks),
        answers=_answers(db, asked, *sides[0]),
        outages=_outages(db, asked, *sides[0]),
    )


def _parse(name: str) -> tuple[str, int]:
    try:
        return parse_subject(name)
    except ValueError as error:
        raise BadInput(str(error)) from error


@cache
def in_scope(scope: tuple[str, ...], partner: str, feed: str) -> bool:
    """Whether a scope's globs pick a partner's feed."""
    return any(fnmatchcase(f"{partner}/{feed}", glob) for glob in scope)


def _rows(db: Database, asked: Question, system: str, level: int) -> list[tuple[Any, ...]]:
    # a database that only older releases have written lacks what they did not count; a reader may not add it
    there = set(db.table("run_block").columns_dict)
    names = (name if name in there else "NULL" for name in COLUMNS)
    sql = (
        f"SELECT block, block_end, partner, feed, band, {', '.join(names)} FROM run_block "  # noqa: S608
        "WHERE block >= ? AND block_end <= ? AND system = ? AND level = ? AND mode = ? AND faults = ? AND series = ?"
    )
    days = (asked.start.isoformat(), asked.end.isoformat())
    return db.execute(sql, (*days, system, level, asked.mode, asked.faults, asked.series)).fetchall()


def _grid(
    rows: list[tuple[Any, ...]], strata: tuple[Stratum, ...], blocks: tuple[tuple[str, str], ...]
) -> dict[str, Floats]:
    across, down = {block: i for i, (block, _) in enumerate(blocks)}, {key: i for i, key in enumerate(strata)}
    grid = np.full((len(COLUMNS), len(strata), len(blocks)), np.nan)
    for row in rows:
        key = (row[2], row[3], row[4])
        if key in down:
            grid[:, down[key], across[row[0]]] = row[5:]
    return dict(zip(COLUMNS, grid, strict=True))


def _answers(db: Database, asked: Question, system: str, level: int) -> tuple[tuple[str, int, int], ...]:
    # a database that only older releases have written has the answers of each round, and no sums of them
    table = "answer_block" if db.table("answer_block").exists() else "answer"
    sql = (
        f"SELECT block_end, partner, feed, SUM(compared), SUM(equal) FROM {table} WHERE system = ? AND level = ? "  # noqa: S608
        "AND control = ? AND mode = ? AND faults = ? AND series = ? AND block >= ? AND block_end <= ? "
        "GROUP BY block, block_end, partner, feed ORDER BY block, partner, feed"
    )
    days = (asked.start.isoformat(), asked.end.isoformat())
    found = db.execute(sql, (system, level, asked.control, asked.mode, asked.faults, asked.series, *days))
    return tuple((end, n, equal) for end, *feed, n, equal in found if in_scope(asked.scope, *feed))


def _outages(db: Database, asked: Question, system: str, level: int) -> tuple[Outage, ...]:
    if not db.table("outage").exists():
        return ()
    sql = (
        "SELECT block_end, day, partner, feed, AVG(hours), AVG(calls) FROM outage WHERE system = ? AND level = ? "
        "AND mode = ? AND faults = ? AND series = ? AND block >= ? AND block_end <= ? "
        "GROUP BY block_end, day, partner, feed ORDER BY day, partner, feed"
    )
    days = (asked.start.isoformat(), asked.end.isoformat())
    found: dict[tuple[str, str, str], Outage] = {}
    for block_end, day, partner, feed, hours, calls in db.execute(
        sql, (system, level, asked.mode, asked.faults, asked.series, *days)
    ):
        if in_scope(asked.scope, partner, feed):
            key = (block_end, day, partner)
            before = found[key].calls if key in found else 0.0  # the partner is down for all its feeds at once
            found[key] = Outage(block_end=block_end, day=day, partner=partner, hours=hours, calls=before + calls)
    return tuple(found.values())


def weights(db: Database, question: Question) -> dict[Stratum, float]:
    """Weight of each stratum: the pinned ones, or while none are pinned the control's shares as they stand.

    `question.series` must be filled in.
    """
    key = (question.series, question.mode, question.faults, question.control)
    sql = (
        "SELECT partner, feed, band, weight FROM baseline_weight WHERE baseline_id = (SELECT MIN(id) FROM baseline "
        "WHERE series = ? AND mode = ? AND faults = ? AND system = ?)"
    )
    pinned = {(partner, feed, band): weight for partner, feed, band, weight in db.execute(sql, key)}
    return pinned or _control_shares(db, question)


def _control_shares(db: Database, question: Question) -> dict[Stratum, float]:
    sql = (
        "SELECT partner, feed, band, SUM(busy_ns) FROM run_block WHERE series = ? AND mode = ? AND faults = ? "
        "AND system = ? AND level = ? GROUP BY partner, feed, band HAVING SUM(busy_ns) > 0 ORDER BY partner, feed, band"
    )
    key = (question.series, question.mode, question.faults, *_parse(question.control))
    busy = {(partner, feed, band): ns for partner, feed, band, ns in db.execute(sql, key)}
    total = sum(busy.values())
    return {stratum: ns / total for stratum, ns in busy.items()}


def pin_baseline(db: Database, question: Question, now_us: int) -> None:
    """Pin the control's weights of this series for good; a second call changes nothing.

    The weights are the control's shares of busy seconds over all its blocks, whatever the question's scope or dates.
    """
    series = question.series if question.series is not None else last_series(db, question.mode, question.faults)
    if series is None:
        return
    asked = replace(question, series=series)
    key = {"series": series, "mode": asked.mode, "faults": asked.faults, "system": asked.control}
    with db.atomic():
        if next(db.table("baseline").rows_where(" AND ".join(f"{name} = :{name}" for name in key), key), None):
            return
        shares = _control_shares(db, asked)
        if not shares:
            return
        sha256 = hashlib.sha256(repr(sorted(shares.items())).encode()).hexdigest()
        pinned = db.table("baseline").insert({"created_at_us": now_us, **key, "sha256": sha256}).last_pk
        rows = [
            {"baseline_id": pinned, "partner": partner, "feed": feed, "band": band, "weight": weight}
            for (partner, feed, band), weight in shares.items()
        ]
        db.table("baseline_weight").insert_all(rows)
