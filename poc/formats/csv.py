"""CSV in: bytes to batches of text rows.

pyarrow reads the structure (which bytes are a row, how many cells) as a stream; content is checked later, on columns.
A row with too few or too many cells is named and passed over; its neighbours are not touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import polars as pl
import pyarrow as pa
from pyarrow import csv

from poc.batch import ROW, Batch, Finding
from poc.errors import ContractBreach

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Rows of a batch at the most; what bounds memory. A multiple of any usual request size.
BATCH_ROWS = 16_000

#: Bytes that the reader takes at once, in bytes.
BLOCK_BYTES = 2 << 20


def read(file: BinaryIO, names: Sequence[str], missing_values: Sequence[str]) -> Iterator[Batch]:
    """Read a comma-separated UTF-8 file with one header line.

    Args:
        file: open at its start.
        names: the columns the header must have, in this order.
        missing_values: texts that stand for no value; they become null.

    Yields:
        Batches of text columns and `_row`; rows whose number of cells is wrong are in `bad`, with a finding.

    Raises:
        ContractBreach: the header is another, or the bytes are not UTF-8.
    """
    ragged: list[Finding] = []

    def on_ragged(row: csv.InvalidRow) -> str:
        code = "missing-cell" if row.actual_columns < row.expected_columns else "extra-cell"
        note = f"{row.actual_columns} cells instead of {row.expected_columns}"
        ragged.append(Finding(row.number - 1, code, "", note))  # the header is row 1 to the reader
        return "skip"

    if header := header_alone(file):
        check_header(header, names)
        return
    try:
        reader = csv.open_csv(
            file,
            read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=on_ragged),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=missing_values, strings_can_be_null=True
            ),
        )
        check_header(reader.schema.names, names)
        last_row = 0
        for arrow in reader:
            batch = number(pl.DataFrame(arrow), ragged, last_row)
            del ragged[: len(batch.bad)]  # the others are of blocks that the reader has only looked ahead to
            last_row += batch.rows.height + len(batch.bad)
            yield from cut(batch)
        if ragged:
            nothing = pl.DataFrame(schema={ROW: pl.get_index_type(), **dict.fromkeys(names, pl.String)})
            yield Batch(nothing, tuple(finding.row for finding in ragged), tuple(ragged))
    except UnicodeDecodeError as error:
        raise ContractBreach("encoding-error", f"the header is not UTF-8: {error}") from error
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise ContractBreach("source-error", "the file is empty: there is no header") from error
        code = "encoding-error" if "UTF8" in str(error) else "source-error"
        raise ContractBreach(code, f"cannot be read as CSV in UTF-8: {error}") from error


def header_alone(file: BinaryIO) -> list[str]:
    """The labels of a file that is one line without an end, which is a file of no rows; else none."""
    start = file.read(BLOCK_BYTES)
    file.seek(0)
    if not start or b"\n" in start or b"\r" in start or b'"' in start or len(start) == BLOCK_BYTES:
        return []
    return start.decode("utf-8-sig", errors="replace").split(",")


def check_header(found: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a header that is not the contract's. Raises ContractBreach, which names the difference once."""
    if list(found) == list(wanted):
        return
    if missing := [name for name in wanted if name not in found]:
        raise ContractBreach("missing-label", f"the header lacks {', '.join(missing)}; it has {', '.join(found)}")
    if extra := [name for name in found if name not in wanted]:
        raise ContractBreach("extra-label", f"the header has {', '.join(extra)}, which the contract does not know")
    raise ContractBreach("incorrect-label", f"the header's order is {', '.join(found)}; agreed is {', '.join(wanted)}")


def number(rows: pl.DataFrame, ragged: Sequence[Finding], last_row: int) -> Batch:
    """Number the rows that follow `last_row`, leaving out the numbers of the ragged ones before and between them."""
    if not ragged:
        return Batch(rows.with_row_index(ROW, last_row + 1))
    taken: list[Finding] = []
    numbers: list[int] = []
    row, waiting = last_row, iter(ragged)
    finding = next(waiting, None)
    while len(numbers) < rows.height:
        row += 1
        if finding is not None and finding.row == row:
            taken.append(finding)
            finding = next(waiting, None)
        else:
            numbers.append(row)
    numbered = rows.insert_column(0, pl.Series(ROW, numbers, dtype=pl.get_index_type()))
    return Batch(numbered, tuple(found.row for found in taken), tuple(taken))


def cut(batch: Batch) -> Iterator[Batch]:
    """The batch in pieces of `BATCH_ROWS` at the most; what was found stays with the first."""
    yield Batch(batch.rows[:BATCH_ROWS], batch.bad, batch.findings)
    for start in range(BATCH_ROWS, batch.rows.height, BATCH_ROWS):
        yield Batch(batch.rows[start : start + BATCH_ROWS])


def count_lines(file: BinaryIO) -> int:
    """Lines after the first: the rows of a file that cannot be read as one."""
    file.seek(0)
    lines = last = 0
    while block := file.read(BLOCK_BYTES):
        lines += block.count(b"\n")
        last = block[-1]
    return max(lines + (last not in {0, 0x0A}) - 1, 0)
