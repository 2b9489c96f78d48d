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
    schema = file.schema_arrow
    kinds = [schema.field(name).type for name in columns]
    fixed: int = sum(kind.byte_width for kind in kinds if pa.types.is_fixed_size_binary(kind))
    repeated = list(repeated_columns(file.metadata, frozenset(columns)))
    longest = 0
    if repeated:
        names = sorted({name for _, of_group in repeated for name in of_group})
        probe = open_parquet(source, names)
        for group, of_group in repeated:
            for batch in probe.iter_batches(1, row_groups=[group], columns=of_group, use_threads=False):
                longest = max(longest, sum(longest_value(column) for column in batch.columns))
                break
    return max(min(BATCH_ROWS, BATCH_BYTES // max(fixed + longest, 1)), 1)


def repeated_columns(metadata: parquet.FileMetaData, columns: frozenset[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the row groups that may be far larger than they are stored, and the columns that make them so."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = (group.column(at) for at in range(group.num_columns))
        names = [
            chunk.path_in_schema
            for chunk in chunks
            if chunk.path_in_schema in columns
            and chunk.physical_type == "BYTE_ARRAY"
            and chunk.has_dictionary_page
            and min(group.num_rows, BATCH_ROWS) * chunk.total_uncompressed_size > BATCH_BYTES
        ]
        if names:
            yield number, names


def longest_value(column: pa.Array) -> int:
    """Return the bytes of the longest value of a column's dictionary."""
    if not pa.types.is_dictionary(column.type) or not len(column.dictionary):
        return 0
    return int(pc.max(pc.binary_length(column.dictionary)).as_py() or 0)
