"""How many rows of a Parquet file are read at once: a value that is stored once may stand in every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

#: Rows of a batch, about how many bytes of texts it may have, and bytes that are read at once.
BATCH_ROWS, BATCH_BYTES, BUFFER_BYTES = 1 << 16, 256 << 20, 1 << 20

#: Types of values, and the encoding of texts that begin as the one before, by their names in the file.
TEXTS, FIXED, PREFIXED = "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY", "DELTA_BYTE_ARRAY"


def open_parquet(source: IO[bytes], dictionaries: Sequence[str] = ()) -> parquet.ParquetFile:
    """Open a file; each page is verified, and `dictionaries` are columns whose values are not repeated."""
    return parquet.ParquetFile(
        source,
        page_checksum_verification=True,
        buffer_size=BUFFER_BYTES,
        pre_buffer=False,
        read_dictionary=list(dictionaries),
    )


def batch_rows(file: parquet.ParquetFile, source: IO[bytes], columns: Sequence[str]) -> int:
    """Return how many rows may be read at once, by the longest values that are stored once for many rows."""
    wanted = frozenset(columns)
    parts = (file.schema.column(at) for at in range(len(file.schema)))
    fixed: int = sum(part.length for part in parts if part.path in wanted and part.physical_type == FIXED)
    longest = max((longest_row(file, source, *group) for group in repeated_columns(file.metadata, wanted)), default=0)
    return max(min(BATCH_ROWS, BATCH_BYTES // max(fixed + longest, 1)), 1)


def repeated_columns(
    metadata: parquet.FileMetaData, columns: frozenset[str]
) -> Iterator[tuple[int, list[str], dict[str, int]]]:
    """Yield the row groups that may be far larger than they are stored, and the columns that make them so.

    These are the columns with a dictionary, and those whose values have the beginning of the one before
    (DELTA_BYTE_ARRAY), with the bytes that no value of them can exceed.
    """
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        dictionaries: list[str] = []
        prefixed: dict[str, int] = {}
        for at in range(group.num_columns):
            chunk = group.column(at)
            name, size_bytes = chunk.path_in_schema, chunk.total_uncompressed_size
            if name not in columns or chunk.physical_type != TEXTS:
                continue
            if min(group.num_rows, BATCH_ROWS) * size_bytes <= BATCH_BYTES:
                continue
            if chunk.has_dictionary_page:
                dictionaries.append(name)
            if PREFIXED in chunk.encodings:
                prefixed[name] = size_bytes
        if dictionaries or prefixed:
            yield number, dictionaries, prefixed


def longest_row(
    file: parquet.ParquetFile, source: IO[bytes], group: int, dictionaries: list[str], prefixed: dict[str, int]
) -> int:
    """Return the bytes of a row that has the longest value of each of these columns of a row group."""
    longest = 0
    if dictionaries:
        probe = open_parquet(source, dictionaries)
        for batch in probe.iter_batches(1, row_groups=[group], columns=dictionaries, use_threads=False):
            longest += sum(longest_value(column.dictionary) for column in batch.columns if is_dictionary(column))
            break
    for name, most_bytes in prefixed.items():
        rows = max(min(BATCH_ROWS, BATCH_BYTES // max(most_bytes, 1)), 1)
        batches = file.iter_batches(rows, row_groups=[group], columns=[name], use_threads=False)
        longest += max((longest_value(batch.column(0)) for batch in batches), default=0)
    return longest


def is_dictionary(column: pa.Array) -> bool:
    """Return whether a column is read as the values of a dictionary."""
    return bool(pa.types.is_dictionary(column.type))


def longest_value(values: pa.Array) -> int:
    """Return the bytes of the longest of some texts or bytes."""
    if is_dictionary(values):
        return longest_value(values.dictionary)
    if isinstance(values.type, pa.BaseExtensionType):
        return longest_value(values.storage)
    if pa.types.is_decimal(values.type):
        return int(values.type.byte_width)
    return int(pc.max(pc.binary_length(values.cast(pa.large_binary()))).as_py() or 0)
