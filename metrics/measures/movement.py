"""Feeds that move from the monolith to the service: the comparisons and the stages behind the measures of a move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from metrics.question import Question, in_scope

if TYPE_CHECKING:
    from sqlite_utils import Database

#: Stages at which the service alone sends the files of a feed.
CUT_OVER = frozenset({"service", "retired"})


class ComparedBlock(NamedTuple):
    """The files of one feed that were compared in one block, by the newest comparison of each."""

    block_end: str
    partner: str
    feed: str
    files: int
    compared: int  #: records
    equal: int
    unexplained: int


class StageChange(NamedTuple):
    """A feed comes to a stage."""

    block_end: str
    changed_at_us: int
    partner: str
    feed: str
    stage: str


@dataclass(frozen=True, slots=True)
class Movement:
    """Comparisons of the days of a question, and all changes of stages up to its end."""

    blocks: tuple[ComparedBlock, ...] = ()
    changes: tuple[StageChange, ...] = ()

    def until(self, end: str) -> Movement:
        """Return what was known at the end of an earlier day."""
        return Movement(
            tuple(block for block in self.blocks if block.block_end <= end),
            tuple(change for change in self.changes if change.block_end <= end),
        )

    def inputs(self) -> tuple[object, ...]:
        """Return what a number rests on, to be hashed; nothing where no feed moves."""
        return (self.blocks, self.changes) if self.blocks or self.changes else ()

    def cut_over(self) -> dict[tuple[str, str], StageChange]:
        """Return the feeds (partner, feed) that are cut over at the end, and since which change."""
        since: dict[tuple[str, str], StageChange] = {}
        for change in self.changes:
            feed = (change.partner, change.feed)
            if change.stage not in CUT_OVER:
                since.pop(feed, None)
            else:
                since.setdefault(feed, change)
        return since

    def feeds(self) -> set[tuple[str, str]]:
        """Return the feeds that have a route."""
        return {(change.partner, change.feed) for change in self.changes}


#: The movement of feeds that have no route.
NOTHING_MOVES = Movement()


def read_movement(db: Database, question: Question) -> Movement:
    """Read the comparisons and stages of a question's feeds; nothing from a store that only older releases wrote."""
    if not db.table("parity").exists():
        return NOTHING_MOVES
    key = (question.mode, question.faults, question.series or "")
    days = (question.start.isoformat(), question.end.isoformat())
    where = "mode = ? AND faults = ? AND series = ?"
    blocks = db.execute(
        "SELECT block_end, partner, feed, COUNT(*), SUM(compared), SUM(equal), SUM(unexplained) FROM parity "  # noqa: S608
        f"WHERE {where} AND block >= ? AND block_end <= ? GROUP BY block_end, partner, feed "
        "ORDER BY block_end, partner, feed",
        (*key, *days),
    ).fetchall()
    changes = db.execute(
        f"SELECT block_end, changed_at_us, partner, feed, stage FROM route WHERE {where} AND block_end <= ? "  # noqa: S608
        "ORDER BY changed_at_us, partner, feed",
        (*key, days[1]),
    ).fetchall()
    return Movement(
        tuple(ComparedBlock(*row) for row in blocks if in_scope(question.scope, row[1], row[2])),
        tuple(StageChange(*row) for row in changes if in_scope(question.scope, row[2], row[3])),
    )
