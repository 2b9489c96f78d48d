"""Parquet reader: every type as text, nested types by name, and damaged files."""

import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from poc.errors import ContractBreach
from poc.formats.header import SchemaDrift
from poc.formats.registry import make_reader

FILES = sorted((Path(__file__).parents[4] / "shared" / "suites" / "parquet-data").glob("*.parquet"))

#: Files of the suite whose checksums are wrong.
DAMAGED = {"datapage_v1-corrupt-checksum", "rle-dict-uncompressed-corrupt-checksum"}


@pytest.fixture
def read_columns(read, expected):
    """A function that writes columns to a file and reads it: the rows, the rejected rows, notes."""

    def read_file(columns, names=None, types=None, formats=None, **keys):
        file = io.BytesIO()
        parquet.write_table(pa.table(columns), file, row_group_size=2)
        fields = expected(names=names or tuple(columns), types=types or {}, formats=formats or {}, missing_values=("",))
        return read(file.getvalue(), fields, format="parquet", **keys)

    return read_file


def test_every_type_becomes_text(read_columns):
    """Numbers keep their digits, and dates and times are written as ISO 8601, or as their field says."""
    moment = datetime(2026, 1, 5, 10, 30, 0, 250_000)  # noqa: DTZ001 - a moment without a zone is a case
    columns = {
        "int": pa.array([1, None, -(2**63)]),
        "float": pa.array([1.0, 0.1, None]),
        "small": pa.array([0.1, 2.0, None], pa.float32()),
        "exact": pa.array([Decimal("1.50"), None, Decimal("-0.01")]),
        "bool": pa.array([True, False, None]),
        "text": pa.array(["é", "", None]).dictionary_encode(),
        "date": pa.array([date(2026, 1, 5), None, date(1899, 12, 31)]),
        "own": pa.array([date(2026, 1, 5), None, None]),
        "moment": pa.array([moment, None, None]),
        "zoned": pa.array([moment.replace(tzinfo=UTC), None, None]),
        "midnight": pa.array([datetime(2026, 1, 5), None, moment]),  # noqa: DTZ001 - as above
        "time": pa.array([time(10, 30), None, None]),
        "none": pa.nulls(3),
    }
    valid, rejected, _ = read_columns(columns, types={"own": "date", "midnight": "date"}, formats={"own": "%d.%m.%y"})
    assert rejected == {}
    assert valid == [
        (1, "1", "1", "0.1", "1.50", "true", "é", "2026-01-05", "05.01.26", "2026-01-05T10:30:00.250",
         "2026-01-05T10:30:00.250+00:00", "2026-01-05", "10:30:00", None),
        (2, None, "0.1", "2", None, "false", None, None, None, None, None, None, None, None),
        (3, "-9223372036854775808", None, None, "-0.01", None, None, "1899-12-31", None, None, None,
         "2026-01-05T10:30:00.250", None, None),
    ]  # fmt: skip


def test_bytes_that_are_no_text_set_their_row_aside(read_columns):
    """The original says which row it is."""
    valid, rejected, _ = read_columns({"a": pa.array([b"x", b"\xff", b"y"]), "b": pa.array([1, 2, 3])})
    assert valid == [(1, "x", "1"), (3, "y", "3")]
    assert rejected[2].findings[0][1:] == ("encoding-error", "a", "not utf-8: byte 0xff at position 1")
    assert json.loads(rejected[2].original) == {"row": 2, "cells": {"a": None, "b": "2"}}


def test_another_schema_is_drift(read_columns):
    """It is reported once, with what is missing; more columns may be accepted, whatever they hold."""
    with pytest.raises(SchemaDrift, match="lacks b"):
        read_columns({"a": [1]}, ("a", "b"))
    assert read_columns({"a": [1], "l": [[1]]}, ("a",), on_drift="accept-extra")[0] == [(1, "1")]


def test_a_nested_column_is_refused_by_name(read_columns):
    """A list has no text that a contract could check."""
    with pytest.raises(ContractBreach, match="the column 'l' is a list"):
        read_columns({"l": [[1]]})


def test_a_damaged_file_is_refused(read, expected):
    """One that was cut, and one that is no Parquet file."""
    file = io.BytesIO()
    parquet.write_table(pa.table({"a": list(range(1000))}), file)
    for data in (b"", b"a\n1\n", file.getvalue()[:-20], file.getvalue()[:8] + b"\xff" * 40 + file.getvalue()[48:]):
        with pytest.raises(ContractBreach, match="the Parquet file cannot be read"):
            read(data, expected(names=("a",)), format="parquet")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_suite_is_read_as_pyarrow_reads_it(make_feed, expected, path):
    """Nested types are refused by name, damaged files with a reason; all other values arrive."""
    data = io.BytesIO(path.read_bytes())

    def read(names):
        return list(make_reader(make_feed(format="parquet"), expected(names=names, missing_values=())).read(data))

    try:
        schema = parquet.read_schema(path)
    except (pa.ArrowException, OSError):
        with pytest.raises(ContractBreach, match="cannot be read"):
            read(("a",))
        return
    names = tuple(schema.names)
    nested = [name for name in names if pa.types.is_nested(schema.field(name).type)]
    if path.stem in DAMAGED:
        with pytest.raises(ContractBreach, match="cannot be read"):
            read(names)
    elif nested:
        with pytest.raises(ContractBreach, match=f"the column '{nested[0]}' is a "):
            read(names)
    else:
        batches = read(names)
        table = parquet.read_table(path)
        rejected = {row.row for batch in batches for row in batch.rejected}
        texts = [row for batch in batches for row in batch.rows.rows()]
        assert len(texts) + len(rejected) == table.num_rows
        plain = dict(enumerate(zip(*(table.column(name).to_pylist() for name in names), strict=True), 1))
        for number, *cells in texts:
            for text, value in zip(cells, plain[number], strict=True):
                assert (text is None) == (value is None)
                if isinstance(value, int | str | Decimal) and not isinstance(value, bool):
                    assert text == str(value)
                if isinstance(value, float) and value == value:
                    assert float(text) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "impossible", "text"),
    [
        (pa.timestamp("ms"), 1 << 62, "1970-01-01T00:00:00"),
        (pa.timestamp("us", "UTC"), -(1 << 62), "1970-01-01T00:00:00+00:00"),
        (pa.date32(), (1 << 31) - 1, "1970-01-01"),
        (pa.time64("us"), 86_400_000_000, "00:00:00"),
    ],
)
def test_a_moment_that_no_calendar_has_sets_its_row_aside(read, expected, kind, impossible, text):
    """The note says its number."""
    file = io.BytesIO()
    parquet.write_table(pa.table({"a": pa.array([impossible, 0, None], kind)}), file)
    valid, rejected, _ = read(file.getvalue(), expected(names=("a",)), format="parquet")
    assert valid == [(2, text), (3, None)]
    ((_, code, name, note),) = rejected[1].findings
    assert (code, name) == ("type-error", "a")
    assert note.startswith(f"the number {impossible} is no ")


@pytest.mark.parametrize("zone", ["+05:30", "Mars/Phobos"])
def test_moments_in_a_zone_without_rules_are_in_utc(read, expected, zone):
    """They are the same moments."""
    file = io.BytesIO()
    parquet.write_table(pa.table({"a": pa.array([0], pa.timestamp("us", zone))}), file)
    valid, _, _ = read(file.getvalue(), expected(names=("a",)), format="parquet")
    assert valid == [(1, "1970-01-01T00:00:00+00:00")]


@pytest.mark.parametrize(
    "options",
    [{}, {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}}],
    ids=["dictionary", "same beginning"],
)
def test_a_value_that_is_stored_once_and_stands_in_every_row_takes_bounded_memory(make_feed, expected, options):
    """A batch has as many rows as its longest values allow; a file of 1 KB could have gigabytes in one else."""
    rows, size_bytes = 1 << 9, 1 << 20
    values = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * size_bytes]))
    file = io.BytesIO()
    parquet.write_table(
        pa.table({"a": values.cast(pa.string()) if options else values}), file, compression="zstd", **options
    )
    assert file.tell() < 10_000
    batches = make_reader(make_feed(format="parquet"), expected(names=("a",))).read(file)
    batch = next(batches)
    assert 0 < batch.rows.height * size_bytes <= 256 << 20
    batches.close()
