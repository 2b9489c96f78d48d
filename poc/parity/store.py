"""The results of comparisons in the ledger: one of each file, and what they say of a feed by its dispositions."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.ledger.tables.parity import PARITY_DIFFERENCE, PARITY_FILE
from poc.parity.dispositions import single_records
from poc.parity.result import MAX_EXAMPLES, Example
from poc.parity.state import ParityState
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from poc.ledger.ledger import Ledger
    from poc.parity.dispositions import Dispositions, Judgement
    from poc.parity.result import Comparison

_IDENTITY = ("partner", "feed", "sha256")


def _of_file(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == sa.bindparam(f"of_{name}") for name in _IDENTITY))


DELETE_FILE, DELETE_DIFFERENCES = (
    sa.delete(table).where(_of_file(table)) for table in (PARITY_FILE, PARITY_DIFFERENCE)
)
INSERT_FILE, INSERT_DIFFERENCE = sa.insert(PARITY_FILE), sa.insert(PARITY_DIFFERENCE)
_SINCE = sa.and_(
    PARITY_FILE.c.partner == sa.bindparam("of_partner"),
    PARITY_FILE.c.feed == sa.bindparam("of_feed"),
    PARITY_FILE.c.compared_at_us >= sa.bindparam("since_us"),
)
SELECT_FILES = sa.select(PARITY_FILE).where(_SINCE).order_by(PARITY_FILE.c.compared_at_us, PARITY_FILE.c.sha256)
SELECT_DIFFERENCES = (
    sa.select(PARITY_DIFFERENCE)
    .join_from(
        PARITY_FILE,
        PARITY_DIFFERENCE,
        sa.and_(*(PARITY_FILE.c[name] == PARITY_DIFFERENCE.c[name] for name in _IDENTITY)),
    )
    .where(_SINCE)
)
SELECT_TOTALS = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(PARITY_FILE.c.left_records + PARITY_FILE.c.right_records), 0),
    sa.func.min(PARITY_FILE.c.compared_at_us),
    sa.func.max(PARITY_FILE.c.compared_at_us),
).where(_SINCE)
SELECT_FEEDS = sa.select(PARITY_FILE.c.partner, PARITY_FILE.c.feed).distinct().order_by("partner", "feed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedFile:
    """One file whose two outputs were compared. `differences` are counted by field and cause."""

    partner: str
    feed: str
    sha256: str
    file: str
    stage: str
    left_name: str
    right_name: str
    compared_at_us: int
    left_records: int
    right_records: int
    equal_records: int
    differences: Mapping[tuple[str, str], int]
    examples: tuple[Example, ...]

    @property
    def compared_records(self) -> int:
        """Records that either side sent; a pair of records counts once."""
        return (self.left_records + self.right_records + single_records(self.differences)) // 2


def store_comparison(
    ledger: Ledger, partner: str, feed: str, file: str, sha256: str, stage: str, result: Comparison, now_us: int
) -> None:
    """Store the comparison of one file, in the place of an earlier one, and commit. Raises TryLater, LedgerDamaged."""
    identity = {"partner": partner, "feed": feed, "sha256": sha256}
    old = {f"of_{name}": value for name, value in identity.items()}
    for statement in (DELETE_FILE, DELETE_DIFFERENCES):
        ledger.change(statement, old)
    row = {
        **identity, "file": file, "stage": stage, "left_name": result.left_name, "right_name": result.right_name,
        "compared_at_us": now_us, "left_records": result.left_records, "right_records": result.right_records,
        "equal_records": result.equal_records, "examples": examples_json(result),
    }  # fmt: skip
    ledger.change(INSERT_FILE, row)
    counts = [
        {**identity, "field": name, "cause": cause, "differences": count}
        for (name, cause), count in result.differences.items()
    ]
    if counts:
        ledger.change(INSERT_DIFFERENCE, *counts)
    ledger.commit()


def examples_json(result: Comparison) -> str:
    """Return the examples of a comparison as JSON."""
    listed = [
        [e.cause, e.field, e.left_record, e.right_record, cut(e.left), cut(e.right), [cut(text) for text in e.key]]
        for examples in result.examples.values()
        for e in examples[:MAX_EXAMPLES]
    ]
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":"))


def cut(text: str | None) -> str | None:
    """Return the beginning of a value: an example needs no more."""
    return None if text is None else truncate(text)


def compared_files(ledger: Ledger, partner: str, feed: str, since_us: int = 0) -> list[ComparedFile]:
    """Return the files of a feed that were compared since a time, in that order. Raises TryLater, LedgerDamaged."""
    values = {"of_partner": partner, "of_feed": feed, "since_us": since_us}
    by_file = _differences_by_file(ledger, values)
    names = [column.name for column in PARITY_FILE.columns]
    rows = [dict(zip(names, row, strict=True)) for row in ledger.execute(SELECT_FILES, values)]
    return [_compared_file(row, by_file.get(row["sha256"], {})) for row in rows]


def _compared_file(row: dict[str, Any], differences: Mapping[tuple[str, str], int]) -> ComparedFile:
    listed = json.loads(row.pop("examples"))
    examples = tuple(
        Example(cause, name, left_record, right_record, left, right, tuple(key))
        for cause, name, left_record, right_record, left, right, key in listed
    )
    return ComparedFile(**row, differences=differences, examples=examples)


def compared_feeds(ledger: Ledger) -> list[tuple[str, str]]:
    """Return the feeds (partner, feed) of which a file was compared. Raises TryLater, LedgerDamaged."""
    return [(row[0], row[1]) for row in ledger.execute(SELECT_FEEDS, {})]


def read_state(
    ledger: Ledger, dispositions: Dispositions, partner: str, feed: str, today: date, since_us: int = 0
) -> ParityState:
    """Return what the comparisons of a feed since a time say, by the dispositions of a day.

    Only files with differences are read one by one: a service asks after each turn of the feed.

    Raises TryLater, LedgerDamaged.
    """
    values = {"of_partner": partner, "of_feed": feed, "since_us": since_us}
    files, records, oldest_at_us, newest_at_us = ledger.execute(SELECT_TOTALS, values)[0]
    judged = [dispositions.judge(feed, each, today) for each in _differences_by_file(ledger, values).values()]
    single = sum(judgement.single_records for judgement in judged)
    return _state(judged, files, (records + single) // 2, oldest_at_us, newest_at_us)


def _differences_by_file(ledger: Ledger, values: Mapping[str, object]) -> dict[str, dict[tuple[str, str], int]]:
    by_file: dict[str, dict[tuple[str, str], int]] = {}
    for _, _, sha256, name, cause, count in ledger.execute(SELECT_DIFFERENCES, values):
        by_file.setdefault(sha256, {})[name, cause] = count
    return by_file


def state_of(files: list[ComparedFile], dispositions: Dispositions, today: date) -> ParityState:
    """Return what comparisons of files of one feed, in their order, say together."""
    judged = [dispositions.judge(file.feed, file.differences, today) for file in files]
    return _state(
        judged,
        len(files),
        sum(file.compared_records for file in files),
        files[0].compared_at_us if files else None,
        files[-1].compared_at_us if files else None,
    )


def _state(
    judged: list[Judgement], files: int, records: int, oldest_at_us: int | None, newest_at_us: int | None
) -> ParityState:
    by_cause: Counter[str] = Counter()
    for judgement in judged:
        by_cause.update(judgement.unexplained_by_cause())
    return ParityState(
        files_compared=files,
        records_compared=records,
        unexplained=by_cause.total(),
        accepted=sum(judgement.accepted.total() for judgement in judged),
        to_fix=sum(judgement.to_fix.total() for judgement in judged),
        unexplained_files=sum(judgement.unexplained.total() > 0 for judgement in judged),
        by_cause=dict(by_cause),
        oldest_at_us=oldest_at_us,
        newest_at_us=newest_at_us,
    )
