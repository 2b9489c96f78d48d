"""Revalidation of rows: each is checked by itself, and against the keys of the rows that were delivered.

Rows that a person edited, or that were broken as they came, must not run into each other: an open quote in one row
would take the next row into its cell. So rows are read together only where splitting the text gives back exactly these
rows; otherwise they are read in halves, and at last one by one.

A delivered key is taken, whatever the current contract says about the rest of its row. So only the keys of delivered
rows are read, and no constraint is checked on them.
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
from poc.formats.registry import make_reader, make_row_reader
from poc.stages.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from poc.config.partner import Feed
    from poc.contract.contract import Contract
    from poc.formats.file_reader import FileReader
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed

#: Most rows read together.
CHUNK_ROWS = 1000


@dataclass(frozen=True, slots=True)
class RevalidatedRows:
    """The result of a revalidation: valid rows, mapped, in the order of their numbers; and rejected rows."""

    valid: tuple[pl.DataFrame, ...]
    rejected: tuple[RejectedRow, ...]

    @property
    def valid_rows(self) -> tuple[int, ...]:
        """The numbers of the valid rows."""
        return tuple(int(row) for frame in self.valid for row in frame[ROW])


@dataclass(frozen=True, slots=True)
class RowTexts:
    """The texts of rows by number, edited or as they came."""

    lines: Mapping[int, bytes]

    def original(self, row: int) -> bytes:
        """Return the bytes of a row. Raises KeyError for any other row."""
        return self.lines[row]

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return the bytes of rows."""
        return [self.lines[row] for row in rows]


def revalidate(
    prepared: PreparedFeed, head: bytes, rows: Mapping[int, bytes], delivered: Iterable[pl.DataFrame]
) -> RevalidatedRows:
    """Check rows against the current contract, each other and the delivered keys. All rows are in memory.

    Args:
        prepared: the feed.
        head: the head of their file.
        rows: the rows by number, in the order of numbers.
        delivered: `_row` and the contract's key fields, typed, of all rows that were delivered.

    Raises:
        BadInput: the text of a row is not one row.
        ContractBreach: the head does not match the contract.
    """
    reader = make_row_reader(prepared.feed, prepared.contract)
    batches = list(read_one_by_one(reader, head, rows.items()))
    without_keys = Check(replace(prepared.contract, unique=()))(iter(batches))
    conflicts = key_conflicts([batch.rows for batch in without_keys], prepared.contract, delivered)
    checked = list(prepared.map(Check(prepared.contract, conflicts, at_once=True)(iter(batches))))
    result = RevalidatedRows(
        tuple(batch.rows for batch in checked if batch.rows.height),
        tuple(rejected for batch in checked for rejected in batch.rejected),
    )
    numbers = sorted((*result.valid_rows, *(rejected.row for rejected in result.rejected)))
    if numbers != list(rows):
        counts = Counter([*numbers, *rows])  # a row that was read once is counted twice
        wrong = sorted(number for number, count in counts.items() if count != 2)
        raise BadInput(f"rows {wrong[:10]} are not one row each; edit each into one row")
    return result


def key_conflicts(
    frames: Sequence[pl.DataFrame], contract: Contract, delivered: Iterable[pl.DataFrame]
) -> dict[int, tuple[Finding, ...]]:
    """Return the findings of typed rows that have a key of a delivered row; a key with a null never conflicts."""
    conflicts: dict[int, dict[tuple[str, ...], Finding]] = {}
    if not frames or not contract.unique:
        return {}
    rows = contract.with_key_values(pl.concat(frames))
    for before in delivered:
        for code, names in contract.unique:
            others = contract.with_key_values(before).select(pl.col(ROW).alias("\0before"), *names)
            both = rows.select(ROW, *names).join(others, on=list(names)).sort(ROW, "\0before")
            for row, first in both.select(ROW, "\0before").iter_rows():
                fields = ", ".join(names)
                note = f"the key ({fields}) is already in row {first}"
                conflicts.setdefault(row, {}).setdefault(names, Finding(row, code, fields, note))
    return {row: tuple(findings.values()) for row, findings in conflicts.items()}


def delivered_keys(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    source: BinaryIO,
    head: bytes,
    quarantined: Iterable[int],
    sent: Iterable[tuple[int, bytes]],
) -> Iterator[pl.DataFrame]:
    """Yield the keys of all delivered rows, in bounded memory: `_row` and the contract's key fields, typed.

    Args:
        prepared: the feed.
        entry: the exchange.
        source: its file.
        head: the head of the file.
        quarantined: the numbers of all rows that ever were in quarantine.
        sent: the replayed rows among them, as they were sent.

    Raises:
        BadInput: a delivered row cannot be read under the current settings.
        ContractBreach: the file cannot be read under them.
    """
    contract = key_fields_only(prepared.contract, prepared.feed)
    if not contract.unique:
        return
    count = 0
    quarantined_rows = pl.DataFrame(pl.Series(ROW, sorted(quarantined), dtype=pl.get_index_type()))
    numbers = set(quarantined_rows[ROW])
    batches_of_file = make_reader(prepared.feed, contract, whole=False).read(source)
    plain_reader = make_row_reader(prepared.feed, contract)
    for batch in chain(batches_of_file, read_one_by_one(plain_reader, head, sent)):
        of_file = not isinstance(batch.lines, RowTexts)
        count += (batch.rows.height + len(batch.rejected)) if of_file else 0
        # which rows of a file were delivered is not recorded where it was refused after rows had been sent
        for row in () if entry.rows["refused"] else batch.rejected:
            if of_file and row.row in numbers:
                continue
            finding = f"{row.findings[0].code}: {row.findings[0].note}"
            raise BadInput(
                f"row {row.row} of {entry.file} was delivered and cannot be read as the feed is declared now, so that "
                f"keys cannot be compared: {finding}"
            )
        typed, _ = contract.check(batch.rows)
        yield typed.join(quarantined_rows, on=ROW, how="anti") if of_file else typed
    if count != entry.rows["in"]:
        raise BadInput(
            f"{entry.file} has {count:,} rows as the feed is declared now, and had {entry.rows['in']:,} when it was "
            "exchanged; see its dialect and contract"
        )


def key_fields_only(contract: Contract, feed: Feed) -> Contract:
    """Return a contract with only the key fields and their types, without constraints.

    A value that does not parse cannot equal the key of a row whose value does. A file without a header has fields by
    position, so all of them are read.
    """
    keys = {name for _, names in contract.unique for name in names}
    by_position = feed.format == "csv" and not feed.dialect.header
    by_position |= feed.format == "xlsx" and feed.excel is not None and feed.excel.header_row == 0
    return replace(
        contract,
        names=contract.names if by_position else tuple(name for name in contract.names if name in keys),
        fields_match="subset",
        columns=tuple(
            replace(column, constraints=(), required_code="") for column in contract.columns if column.name in keys
        ),
        integers=tuple(name for name in contract.integers if name in keys),
        required=(),
    )


def read_one_by_one(reader: FileReader, head: bytes, rows: Iterable[tuple[int, bytes]]) -> Iterator[Batch]:
    """Read rows so that none runs into another; batches have the given numbers. Raises BadInput, ContractBreach."""
    remaining = iter(rows)
    while chunk := tuple(islice(remaining, CHUNK_ROWS)):
        yield from _read_chunk(reader, head, chunk)


def _read_chunk(reader: FileReader, head: bytes, rows: tuple[tuple[int, bytes], ...]) -> Iterator[Batch]:
    lines = [line for _, line in rows]
    file = BytesIO(b"".join(reader.rebuild(head, lines)))
    split_lines = [line for _, line in reader.rows(file)]
    if len(rows) > 1 and split_lines != lines:
        middle = len(rows) // 2
        yield from _read_chunk(reader, head, rows[:middle])
        yield from _read_chunk(reader, head, rows[middle:])
        return
    if len(split_lines) != len(rows):
        raise BadInput(f"row {rows[0][0]}: {len(split_lines)} rows instead of one; edit it into one row")
    numbers, texts = [number for number, _ in rows], RowTexts(dict(rows))
    for batch in reader.read(file):
        own_numbers = pl.Series(ROW, [numbers[row - 1] for row in batch.rows[ROW]], dtype=pl.get_index_type())
        rejected = tuple(
            RejectedRow(number, texts.lines[number], tuple(finding._replace(row=number) for finding in row.findings))
            for row in batch.rejected
            for number in [numbers[row.row - 1]]
        )
        yield Batch(batch.rows.with_columns(own_numbers), texts, rejected)
