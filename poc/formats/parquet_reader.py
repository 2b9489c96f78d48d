"""Parquet reader: the columns of the contract, batch by batch, as texts. Every page's checksum is verified.

Types that have no single text, such as lists, are refused by their name. Bytes that are no UTF-8 set their row aside.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import IO, TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from poc.errors import ContractBreach
from poc.formats.cell_file import CellBlock, CellTable
from poc.formats.cell_texts import CellTexts
from poc.formats.parsed_block import BROKEN, UNDECODABLE
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import Faults

#: How moments are written; a zone is written as its offset.
DATE, TIME, MOMENT, ZONED = "%Y-%m-%d", "%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%:z"

#: Seconds of a day, those from 1970 to the years 1 and 10,000, and parts of a second.
DAY_S = 86_400
FIRST_S, END_S = (
    (day - datetime(1970, 1, 1)).days * DAY_S + extra  # noqa: DTZ001 - days have no zone
    for day, extra in ((datetime(1, 1, 1), 0), (datetime(9999, 12, 31), DAY_S))  # noqa: DTZ001
)
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


class ParquetSource:
    """The Parquet files of one feed."""

    def __init__(self, expected: ExpectedFields) -> None:
        self._expected = expected
        self._texts = CellTexts(expected)

    def open(self, source: IO[bytes]) -> CellTable:
        """Open a file. Raises ContractBreach for a damaged one, and for a type that has no text."""
        from poc.formats.parquet_sizes import batch_rows, open_parquet

        source.seek(0)
        try:
            file = open_parquet(source)
            schema = file.schema_arrow
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(error) from error
        labels = tuple(schema.names)
        columns = tuple(name for name in self._expected.names if labels.count(name) == 1)
        for name in columns:
            kind = schema.field(name).type
            if pa.types.is_nested(kind):
                raise ContractBreach(BROKEN, f"the column {name!r} is a {kind}, which is no single value")
        try:
            rows = batch_rows(file, source, columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(error) from error
        return CellTable(labels, columns, self._blocks(file, columns, rows))

    def _blocks(self, file: pa.parquet.ParquetFile, columns: tuple[str, ...], rows: int) -> Iterator[CellBlock]:
        first_row = 1
        batches = file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False)
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    break
                batch.validate(full=False)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise unreadable(error) from error
            if not batch.num_rows:
                continue
            faults: Faults = {}
            texts = [self._text(name, batch.column(name), faults) for name in columns]
            yield CellBlock(texts, faults, partial(place, first_row))
            first_row += batch.num_rows
        if columns and first_row - 1 != file.metadata.num_rows:
            raise ContractBreach(BROKEN, f"the file says {file.metadata.num_rows:,} rows, and has {first_row - 1:,}")

    def _text(self, name: str, array: pa.Array, faults: Faults) -> pl.Series:
        """Return a column as texts; add a fault for each value that is no text."""
        kind = array.type
        if isinstance(kind, pa.BaseExtensionType):
            array = array.storage
            kind = array.type
        if pa.types.is_dictionary(kind):
            array = array.cast(kind.value_type)
            kind = array.type
        if pa.types.is_null(kind):
            return pl.Series(name, [None] * len(array), dtype=pl.String)
        if is_text(kind):
            return bytes_as_text(name, array, faults)
        if pa.types.is_decimal(kind):
            series = pl.Series(name, array.cast(pa.string()))
            mark = self._expected.decimal_chars.get(name)
            return series.str.replace(".", mark, literal=True) if mark else series
        if pa.types.is_float16(kind):
            array = array.cast(pa.float32())
        series = pl.Series(name, pl.from_arrow(in_known_zone(possible_moments(name, array, faults))))
        if series.dtype.is_float():
            return self._texts.numbers(series)
        if series.dtype == pl.Boolean:
            true, false = self._expected.boolean_texts.get(name, ("true", "false"))
            return pl.DataFrame([series]).select(pl.when(name).then(pl.lit(true)).when(~pl.col(name)).then(
                pl.lit(false)
            ).alias(name)).to_series()  # fmt: skip
        return self._moments(name, series) if series.dtype.is_temporal() else series.cast(pl.String)

    def _moments(self, name: str, series: pl.Series) -> pl.Series:
        """Return dates and times in the format of their field."""
        wanted = self._expected.types.get(name)
        form = self._expected.formats.get(name, "default")
        if isinstance(series.dtype, pl.Duration):
            return series.dt.to_string("iso")
        if wanted in {"date", "time", "datetime"} and "%" in form:
            return series.dt.strftime(form)
        if isinstance(series.dtype, pl.Time):
            return series.dt.to_string(TIME)
        if isinstance(series.dtype, pl.Datetime):
            texts = series.dt.to_string(ZONED if series.dtype.time_zone else MOMENT)
            if wanted == "date":  # a day is often kept as its midnight
                is_day = series == series.dt.truncate("1d")
                return series.dt.to_string(DATE).zip_with(is_day, texts)
            return texts
        return series.dt.to_string(MOMENT if wanted == "datetime" else DATE)


def possible_moments(name: str, array: pa.Array, faults: Faults) -> pa.Array:
    """Return dates and times without those that no calendar or clock has; add a fault for each of these."""
    kind = array.type
    if pa.types.is_timestamp(kind):
        low, end = FIRST_S * PER_SECOND[kind.unit], END_S * PER_SECOND[kind.unit]
    elif pa.types.is_date(kind):
        low, end = (bound // DAY_S if pa.types.is_date32(kind) else bound * 1000 for bound in (FIRST_S, END_S))
    elif pa.types.is_time(kind):
        low, end = 0, DAY_S * PER_SECOND[kind.unit]
    else:
        return array
    numbers = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    too_small = pc.less(numbers, max(low, -(1 << 63)))
    wrong = pc.or_(too_small, pc.greater_equal(numbers, end)) if end < 1 << 63 else too_small
    if not pc.any(wrong).as_py():
        return array
    for row in pc.indices_nonzero(wrong).to_pylist():
        note = f"the number {numbers[row].as_py()} is no {kind} of the years 1 to 9999"
        faults.setdefault(row, []).append(("type-error", name, note))
    return pc.if_else(wrong, pa.scalar(None, kind), array)


def in_known_zone(array: pa.Array) -> pa.Array:
    """Return moments in UTC where their zone is an offset, or has no rules; any other values as they are."""
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.tz:
        try:
            pl.from_arrow(array.slice(0, 0))
        except pl.exceptions.PolarsError:
            return array.cast(pa.timestamp(kind.unit, "UTC"))
    return array


def is_text(kind: pa.DataType) -> bool:
    """Return whether a type holds texts or bytes."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def bytes_as_text(name: str, array: pa.Array, faults: Faults) -> pl.Series:
    """Return texts or bytes as text; add a fault for each value that is no UTF-8."""
    try:
        texts = array.cast(pa.large_string())
        texts.validate(full=True)
    except pa.ArrowInvalid:
        values = array.cast(pa.large_binary()).to_pylist()
        return pl.Series(name, [decode(name, row, value, faults) for row, value in enumerate(values)], dtype=pl.String)
    return pl.Series(name, texts)


def decode(name: str, row: int, value: bytes | None, faults: Faults) -> str | None:
    """Return a value as text; None for a missing one, and for one that is no UTF-8, with a fault."""
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError as error:
        note = f"not utf-8: byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
        faults.setdefault(row, []).append((UNDECODABLE, name, note))
        return None


def place(first_row: int, index: int) -> str:
    """Return where a row is, as a member of a JSON object."""
    return f'"row":{first_row + index}'


def unreadable(error: Exception) -> ContractBreach:
    """Return the error that refuses a damaged file."""
    return ContractBreach(BROKEN, f"the Parquet file cannot be read: {truncate(str(error).splitlines()[0])}")
