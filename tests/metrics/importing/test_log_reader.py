"""Rows come from CSV, JSON Lines and Parquet, and what is not a row is named with its place."""

import gzip
import json
import re
from datetime import datetime

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.errors import BadInput
from metrics.importing.import_log import LogImport, import_log
from metrics.importing.log_reader import UnreadableCell
from metrics.importing.mapping import parse_mapping

#: Columns with a value that Arrow can hold and Python cannot, and a good value; and the text of the error.
STRANGE = {
    "milli": (pa.array([2**60, 1_577_836_800_000]).cast(pa.timestamp("ms", "UTC")), "too large|out of range"),
    "micro": (pa.array([2**62, 1_577_836_800_000_000]).cast(pa.timestamp("us", "UTC")), "out of range"),
    "zone": (pa.array([None, 0], pa.timestamp("s", "Foo/Bar")), ""),
    "day": (pa.array([10**9, 0], pa.int32()).cast(pa.date32()), "magnitude"),
    "length": (pa.array([2**62, 1]).cast(pa.duration("s")), "too large"),
    "text": (pa.array([b"\xff", b"f"]).view(pa.string()), "can't decode byte 0xff"),
}


@pytest.fixture
def write_log(rows, to_csv):
    """A function that writes the rows to a file, in the format of its suffix."""

    def write(path):
        if ".csv" in path.suffixes:
            text = ("\ufeff" + to_csv(rows)).encode()  # with a byte order mark
            path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
        elif path.suffix == ".parquet":
            frame = pl.DataFrame(rows).with_columns(pl.col("ms").cast(float), pl.col("rows").cast(int, strict=False))
            times = ["2020-01-01T23:59:59.5Z", "2020-01-01T23:00:00Z", "2020-01-03T05:00:00Z"]
            start = pl.Series([datetime.fromisoformat(text) for text in times])
            frame.with_columns(start=start).write_parquet(path)
        else:
            numbers = [{k: float(v) if k in {"ms", "rows"} else v for k, v in row.items() if v} for row in rows]
            path.write_text("".join(json.dumps(row) + "\n" for row in numbers))

    return write


@pytest.fixture
def parquet_with(rows):
    """A function that writes a Parquet log of two good rows in which some columns are replaced."""

    def write(path, **columns):
        good = {name: pa.array([rows[0][name], rows[1][name]]) for name in rows[0]}
        pq.write_table(pa.table(good | columns), path)

    return write


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.jsonl", "log.ndjson", "log.parquet"])
def test_every_format_gives_the_same_runs_each_once(db, import_file, stored, write_log, tmp_path, name):
    """Times with any offset become UTC, units are converted, and runs are marked as imported."""
    write_log(tmp_path / name)
    result, messages = import_file(tmp_path / name)
    assert (result.new, result.known, result.skipped, messages) == (3, 0, 0, [])
    assert stored("started_at_us", "duration_ns", "feed", "outcome", "records", "block", "source") == [
        (1_577_919_600_000_000, 250_000, "f", "failed", 20, "2020-01-01", "imported"),
        (1_577_923_199_500_000, 1_500_000_000, "f", "done", 10, "2020-01-01", "imported"),
        (1_578_027_600_000_000, 7_000_000, "g", "refused", None, "2020-01-03", "imported"),
    ]
    assert stored("rows_in", "rows_delivered", "rows_failed", "band") == [(20, 0, 20, 2), (10, 10, 0, 1), (0, 0, 0, -1)]
    again, _ = import_file(tmp_path / name)
    assert (again.new, again.known) == (0, 3)
    assert db["run"].count == 3


def test_line_numbers_are_those_of_the_file(rows, to_csv, import_file, tmp_path):
    """A cell with line breaks, an empty line and rows of a wrong length do not shift the numbers."""
    text = to_csv([rows[0] | {"feed": '"f"'}])
    text += '2020-01-01,1,"two\nlines",OK,1\n\n2020-01-01,1,f,OK\n2020-01-01,1,f,OK,1,more\n2020-01-01,1,f,NO,1\n'
    (tmp_path / "log.csv").write_text(text)
    result, messages = import_file(tmp_path / "log.csv")
    assert result.new == 1
    assert [line.split(":")[0] for line in messages] == ["line 3", "line 6", "line 7", "line 8"]
    assert messages[1:3] == ["line 6: 4 cells under a header of 5", "line 7: 6 cells under a header of 5"]


def test_lines_that_are_not_json_objects_are_named(rows, import_file, tmp_path):
    """A truncated line, a list, a very long line and wrong bytes are skipped one by one."""
    good = json.dumps(rows[0]).encode()
    lines = [good, good[:20], b"[1]", b'"' + b"x" * (1 << 21) + b'"', b'{"start": "\xff"}', good]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    result, messages = import_file(tmp_path / "log.jsonl")
    assert (result.new, result.skipped) == (2, 4)
    assert [line.split(":")[0] for line in messages] == ["line 2", "line 3", "line 4", "line 5"]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.csv.gz", "log.jsonl.gz"])
@pytest.mark.parametrize("lost", [1, 2, 12])
def test_a_line_without_its_end_is_skipped_until_it_is_complete(db, rows, to_csv, import_file, tmp_path, name, lost):
    """Half of a row is not a run, and the complete row is one run, although it was read before."""
    text = to_csv(rows) if "csv" in name else "".join(json.dumps(row) + "\n" for row in rows)
    packed = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(packed(text.encode()[:-lost]))
    result, messages = import_file(tmp_path / name)
    assert messages == [f"line {4 if 'csv' in name else 3}: has no line end yet; it is skipped until it has"]
    assert (result.new, result.skipped, result.reasons) == (2, 1, {"no line end": 1})
    (tmp_path / name).write_bytes(packed(text.encode()))
    result, messages = import_file(tmp_path / name)
    assert (result.new, result.known, messages, db["run"].count) == (1, 2, [], 3)


def test_a_row_with_open_quotes_is_skipped_until_they_are_closed(rows, to_csv, import_file, tmp_path):
    """A line end inside a cell does not end the row."""
    row = '2020-01-04,1,f,OK,"10'
    (tmp_path / "log.csv").write_text(to_csv(rows) + row + "\n")
    result, messages = import_file(tmp_path / "log.csv")
    assert (result.new, messages) == (3, ["line 5: has no line end yet; it is skipped until it has"])
    (tmp_path / "log.csv").write_text(to_csv(rows) + row + '\n"\n')
    assert import_file(tmp_path / "log.csv")[0].new == 1


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n\n"])
def test_all_usual_line_ends_are_accepted(rows, to_csv, import_file, tmp_path, ending):
    """Those of Windows and old Macs, and one followed by an empty line."""
    (tmp_path / "log.csv").write_bytes(to_csv(rows).replace("\n", ending).encode())
    assert import_file(tmp_path / "log.csv")[0].new == 3


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("with_id", [False, True])
def test_an_unmapped_column_may_hold_anything(table, import_file, tmp_path, parquet_with, kind, with_id):
    """A value that cannot be read in it skips no row, and each row is still one run."""
    parquet_with(tmp_path / "log.parquet", more=STRANGE[kind][0])
    mapping = table | ({"id": {"column": "start"}} if with_id else {})
    assert import_file(tmp_path / "log.parquet", mapping)[0].new == 2
    assert import_file(tmp_path / "log.parquet", mapping)[0].known == 2


def test_the_text_of_an_unreadable_cell_never_changes():
    """It is part of the ids of rows without an id, by which a log is known when it is imported again."""
    assert repr(UnreadableCell("year 10000 is out of range")) == "Unreadable(why='year 10000 is out of range')"


@pytest.mark.parametrize(
    ("kind", "column", "change"),
    [
        ("milli", "start", {}),
        ("micro", "start", {}),
        ("length", "ms", {}),
        ("text", "feed", {}),
        ("day", "why", {"error": {"column": "why"}}),
    ],
)
def test_an_unreadable_parquet_cell_skips_its_row(table, import_file, tmp_path, parquet_with, kind, column, change):
    """The message has the row's number, the column and the reason; the other row is imported."""
    values, why = STRANGE[kind]
    parquet_with(tmp_path / "log.parquet", **{column: values})
    result, messages = import_file(tmp_path / "log.parquet", table | change)
    assert (result.new, result.skipped, result.reasons) == (1, 1, {"a cell that cannot be read": 1})
    assert re.match(f"row 1: column '{column}' cannot be read: .*({why})", messages[0])


def test_nanoseconds_are_cut_to_microseconds(import_file, stored, tmp_path, parquet_with):
    """Timestamps and durations of data frames usually have them."""
    start = pa.array([1_577_836_800_000_000_999, 1_577_836_801_000_000_000]).cast(pa.timestamp("ns", "UTC"))
    parquet_with(tmp_path / "log.parquet", start=start, ms=pa.array([1_999, 7_000]).cast(pa.duration("ns")))
    assert import_file(tmp_path / "log.parquet")[0].new == 2
    assert stored("started_at_us", "duration_ns") == [
        (1_577_836_800_000_000, 1_000),
        (1_577_836_801_000_000, 7_000),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.csv", "start,ms,feed,state,rows\n", "no column 'status'; existing columns: start, ms, feed, state, rows"),
        ("log.csv", "start,ms,feed,status,rows,ms\n", "column 'ms' is there 2 times"),
        ("log.csv", "", "no column 'start'; existing columns: none"),
        ("log.jsonl", '{"a": 1}\n{"b": 1}\n', "no column 'start'; existing columns: a, b"),
        ("log.parquet", "not parquet", "not Parquet"),
        ("log.csv.gz", "not packed", "cannot be read"),
        ("log.xlsx", "", "unknown kind of file; choose one that ends in .csv, .tsv, .jsonl"),
        ("gone.csv", None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_does_not_fit_the_mapping_is_refused(import_file, tmp_path, name, content, message):
    """The message names the column and the existing ones, or what is wrong with the file."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=re.escape(message)):
        import_file(tmp_path / name)


def test_a_stray_quote_loses_no_other_row(rows, to_csv, import_file, tmp_path):
    """The line with the quote is named with its number, and all rows after it are imported."""
    many = [rows[0] | {"start": f"2020-01-01T{n // 60:02}:{n % 60:02}:00Z"} for n in range(1000)]
    many[221]["feed"] = '"f'
    many[700]["status"] = 'O"K'
    (tmp_path / "log.csv").write_text(to_csv(many))
    result, messages = import_file(tmp_path / "log.csv")
    assert (result.new, result.skipped) == (998, 2)
    assert [line.split(": badly quoted")[0] for line in messages] == ["line 223", "line 702"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(data=st.data())
def test_imported_and_named_rows_are_all_rows(rows, to_csv, table, tmp_path, data):
    """Any damage to some rows of a log: each row is imported or named."""
    many = [list((rows[0] | {"start": f"2020-01-01 00:00:{n:02}"}).values()) for n in range(40)]
    for _ in range(data.draw(st.integers(1, 4))):
        row, cell = many[data.draw(st.integers(0, 39))], data.draw(st.integers(0, 4))
        at = data.draw(st.integers(0, len(row[cell])))
        row[cell] = row[cell][:at] + data.draw(st.sampled_from(['"', ",", '""', "\u0664", "_", "x"])) + row[cell][at:]
    (tmp_path / "log.csv").write_text(to_csv([dict(zip(rows[0], row, strict=True)) for row in many]))
    messages = []
    log = LogImport(tmp_path / "log.csv", parse_mapping(table, "milepost.toml"), 1_600_000_000_000_000)
    result = import_log(log, None, messages.append, lambda *_: None, dry=True)
    assert result.new + result.known + len(messages) == 40
    assert result.skipped == len(messages)


@pytest.mark.parametrize("line", ['{"start": 1, "start": 1}', '{"x": {"a": 1, "a": 2}}', '{"ms": 1, "ms": 1}'])
def test_a_json_object_with_a_name_twice_is_named(rows, import_file, tmp_path, line):
    """Its value is unknown, even if both are equal; the other rows are imported."""
    (tmp_path / "log.jsonl").write_text(f"{json.dumps(rows[0])}\n{line}\n{json.dumps(rows[1])}\n")
    result, messages = import_file(tmp_path / "log.jsonl")
    assert (result.new, result.reasons) == (2, {"a name twice": 1})
    assert re.fullmatch("line 2: the name '.*' is there twice, so its value is unknown", messages[0])


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("key", ["started_at", "due_at"])
def test_parquet_times_without_a_zone_ask_for_it(table, rows, import_file, stored, tmp_path, parquet_with, key, unit):
    """The file is refused as a whole, and the message says what to write; with a zone it is imported."""
    times = pa.array([1_577_836_800, 1_577_836_801]).cast(pa.timestamp("s")).cast(pa.timestamp(unit))
    parquet_with(
        tmp_path / "log.parquet", start=times if key == "started_at" else pa.array(["2020-01-02"] * 2), at=times
    )
    column = "start" if key == "started_at" else "at"
    with pytest.raises(
        BadInput, match=re.escape(f"column '{column}' has times without a zone; name it in [import]: {key}")
    ):
        import_file(tmp_path / "log.parquet", table | {key: {"column": column}})
    result, messages = import_file(tmp_path / "log.parquet", table | {key: {"column": column, "zone": "Europe/Berlin"}})
    assert (result.new, messages) == (2, [])
    assert stored(f"{key}_us")[0] == (1_577_833_200_000_000,)


@pytest.mark.parametrize("name", ["log.tsv", "jobs.2020.tsv", "LOG.TSV", "jobs.v2.tsv.gz"])
def test_a_tsv_file_has_tabs_unless_a_delimiter_is_given(table, rows, to_csv, import_file, tmp_path, name):
    """The last suffix decides, in any case; a delimiter in the mapping comes first."""
    packed = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(packed(to_csv(rows).replace(",", "\t").encode()))
    assert import_file(tmp_path / name)[0].new == 3
    (tmp_path / name).write_bytes(packed(to_csv(rows).replace(",", ";").encode()))
    assert import_file(tmp_path / name, table | {"delimiter": ";"})[0].known == 3
