"""Rows checked once more, each for itself, and held against the keys of what was delivered.

Rows that a person edited, or that were broken as they came, must not run into each other: an open quote in one would
take the next into its cell. So they count as read only where cutting them gives back exactly these rows; where it does
not, they are read in halves, and at last one by one.

A key that was delivered is taken, whatever the contract as it is now says of the rest of its row. So of delivered rows
nothing but the keys is read, and no rule is asked of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain, islice
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import ROW, Batch, Finding, RejectedRow
from poc.errors import BadInput
from poc.formats.registry import make_reader
from poc.stages.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from poc.config.partner import Feed
    from poc.contract.contract import Contract
    from poc.formats.registry import FileReader
    from poc.ledger.ledger import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed

#: Rows read together at the most.
CHUNK_ROWS = 1000


@dataclass(frozen=True, slots=True)
class RevalidatedRows:
    """What became of rows: those that are good, mapped, in the order of their numbers; and those that are bad."""

    good: tuple[pl.DataFrame, ...]
    bad: tuple[RejectedRow, ...]

    @property
    def reserved(self) -> tuple[int, ...]:
        """The numbers of the good rows."""
        return tuple(int(row) for frame in self.good for row in frame[ROW])


@dataclass(frozen=True, slots=True)
class RowTexts:
    """Rows by number, as they are to be."""

    lines: Mapping[int, bytes]

    def original(self, row: int) -> bytes:
        """The bytes of a row. Raises KeyError for a row elsewhere."""
        return self.lines[row]


def revalidate(
    prepared: PreparedFeed, head: bytes, rows: Mapping[int, bytes], delivered: Iterable[pl.DataFrame]
) -> RevalidatedRows:
    """Check rows against the contract as it is now, and against each other and the keys delivered. All are in memory.

    Args:
        prepared: the feed.
        head: of the file they are of.
        rows: by number, in the order of numbers.
        delivered: `_row` and the contract's key fields, typed, of all rows that were delivered.

    Raises:
        BadInput: one is not one row.
        ContractBreach: the head is not the contract's.
    """
    texts = list(
        read_one_by_one(make_reader(uncompressed(prepared.feed), prepared.contract, whole=False), head, rows.items())
    )
    alone = Check(replace(prepared.contract, unique=()))(iter(texts))
    known = key_conflicts([batch.rows for batch in alone], prepared.contract, delivered)
    checked = list(prepared.map(Check(prepared.contract, known, at_once=True)(iter(texts))))
    tried = RevalidatedRows(
        tuple(batch.rows for batch in checked if batch.rows.height),
        tuple(bad for batch in checked for bad in batch.rejected),
    )
    found = sorted((*tried.reserved, *(bad.row for bad in tried.bad)))
    if found != list(rows):
        counts = Counter([*found, *rows])  # each stands twice where all is well
        wrong = sorted(number for number, count in counts.items() if count != 2)
        raise BadInput(f"rows {wrong[:10]} do not stand for one row each; edit each into one row")
    return tried


def key_conflicts(
    frames: Sequence[pl.DataFrame], contract: Contract, delivered: Iterable[pl.DataFrame]
) -> dict[int, tuple[Finding, ...]]:
    """What is wrong with the rows, typed, that have a key of a delivered row; a key with a null in it is none."""
    found: dict[int, dict[tuple[str, ...], Finding]] = {}
    if not frames or not contract.unique:
        return {}
    rows = pl.concat(frames)
    for before in delivered:
        for code, names in contract.unique:
            others = before.select(pl.col(ROW).alias("\0before"), *names)
            both = rows.select(ROW, *names).join(others, on=list(names)).sort(ROW, "\0before")
            for row, first in both.select(ROW, "\0before").iter_rows():
                listed = ", ".join(names)
                note = f"the key ({listed}) stands in row {first} already"
                found.setdefault(row, {}).setdefault(names, Finding(row, code, listed, note))
    return {row: tuple(findings.values()) for row, findings in found.items()}


def delivered_keys(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    source: BinaryIO,
    head: bytes,
    aside: Iterable[int],
    sent: Iterable[tuple[int, bytes]],
) -> Iterator[pl.DataFrame]:
    """The keys of all rows that were delivered, in bounded memory: `_row` and the contract's key fields, typed.

    Args:
        prepared: the feed.
        entry: the exchange.
        source: its file.
        head: of the file.
        aside: the numbers of all rows that ever were in quarantine.
        sent: those of them that were replayed, as they were.

    Raises:
        BadInput: a row that was delivered cannot be read any more.
        ContractBreach: nor can the file.
    """
    agreed = key_fields_only(prepared.contract, prepared.feed)
    if not agreed.unique:
        return
    count = 0
    kept = pl.DataFrame(pl.Series(ROW, sorted(aside), dtype=pl.get_index_type()))
    numbers = set(kept[ROW])
    every = make_reader(prepared.feed, agreed, whole=False).read(source)
    for batch in chain(
        every, read_one_by_one(make_reader(uncompressed(prepared.feed), agreed, whole=False), head, sent)
    ):
        of_file = not isinstance(batch.lines, RowTexts)
        count += (batch.rows.height + len(batch.rejected)) if of_file else 0
        # of a file that was refused after rows had left, nobody knows which of the others had
        lost = () if entry.rows["refused"] else (bad for bad in batch.rejected if not of_file or bad.row not in numbers)
        for bad in lost:
            told = f"{bad.findings[0].code}: {bad.findings[0].note}"
            raise BadInput(
                f"row {bad.row} of {entry.file} was delivered and cannot be read as the feed is declared now, so that "
                f"keys cannot be compared: {told}"
            )
        typed, _ = agreed.check(batch.rows)
        yield typed.join(kept, on=ROW, how="anti") if of_file else typed
    if count != entry.rows["in"]:
        raise BadInput(
            f"{entry.file} has {count:,} rows as the feed is declared now, and had {entry.rows['in']:,} when it was "
            "exchanged; see its dialect and contract"
        )


def key_fields_only(contract: Contract, feed: Feed) -> Contract:
    """A contract that asks for the key fields, and nothing of them but that they read as what they are.

    A value that does not read cannot be the key of a row whose value does. A file without header has its fields by
    place, so there all of them are read.
    """
    keys = {name for _, names in contract.unique for name in names}
    by_place = feed.format == "csv" and not feed.dialect.header
    return replace(
        contract,
        names=contract.names if by_place else tuple(name for name in contract.names if name in keys),
        fields_match="subset",
        columns=tuple(replace(one, rules=(), required="") for one in contract.columns if one.name in keys),
        integers=tuple(name for name in contract.integers if name in keys),
        required=(),
    )


def uncompressed(feed: Feed) -> Feed:
    """A feed whose files are not compressed."""
    return feed.model_copy(update={"compression": "none"})


def read_one_by_one(form: FileReader, head: bytes, rows: Iterable[tuple[int, bytes]]) -> Iterator[Batch]:
    """Read rows, none of which runs into another; batches carry the numbers given. Raises BadInput, ContractBreach."""
    left = iter(rows)
    while piece := tuple(islice(left, CHUNK_ROWS)):
        yield from _read_piece(form, head, piece)


def _read_piece(form: FileReader, head: bytes, rows: tuple[tuple[int, bytes], ...]) -> Iterator[Batch]:
    lines = [line for _, line in rows]
    file = BytesIO(b"".join(form.rebuild(head, lines)))
    found = [line for _, line in form.rows(file)]
    if len(rows) > 1 and found != lines:
        middle = len(rows) // 2
        yield from _read_piece(form, head, rows[:middle])
        yield from _read_piece(form, head, rows[middle:])
        return
    if len(found) != len(rows):
        raise BadInput(f"row {rows[0][0]}: {len(found)} rows stand where there was one; edit it into one row")
    numbers, edited = [number for number, _ in rows], RowTexts(dict(rows))
    for batch in form.read(file):
        own = pl.Series(ROW, [numbers[row - 1] for row in batch.rows[ROW]], dtype=pl.get_index_type())
        bad = tuple(
            RejectedRow(number, edited.lines[number], tuple(replace(finding, row=number) for finding in one.findings))
            for one in batch.rejected
            for number in [numbers[one.row - 1]]
        )
        yield Batch(batch.rows.with_columns(own), edited, bad)
