"""Logs become runs: each row once, as the mapping says, and what cannot be read is named."""

import gzip
import json
import re
import sqlite3
import tomllib
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from metrics.errors import BadInput, TryLater
from metrics.importing.import_log import ImportResult, LogImport, import_log
from metrics.importing.mapping import (
    SIZE_UNITS,
    TIME_UNITS,
    ColumnField,
    DurationField,
    LogMapping,
    NameField,
    OutcomeField,
    SizeField,
    TimestampField,
    parse_mapping,
)
from metrics.store.database import open_store
from milepost.cli import main

NOW_US = 1_600_000_000_000_000  # 13 Sep 2020, 12:26:40 UTC

TABLE = {
    "started_at": {"column": "start"},
    "duration": {"column": "ms", "unit": "ms"},
    "partner": {"value": "AA"},
    "feed": {"column": "feed"},
    "outcome": {"column": "status", "done": ["OK"], "failed": ["ERR"], "refused": ["BAD"]},
    "records": {"column": "rows"},
}

ROWS = [
    {"start": "2020-01-01T23:59:59.5Z", "ms": "1500", "feed": "f", "status": "OK", "rows": "10"},
    {"start": "2020-01-02T01:00:00+02:00", "ms": "0.25", "feed": "f", "status": "ERR", "rows": "20"},
    {"start": "2020-01-03 05:00:00", "ms": "7", "feed": "g", "status": "BAD", "rows": ""},
]


@pytest.fixture
def db(tmp_path):
    """A fresh store on the live clock."""
    with closing(open_store(tmp_path / "metrics.db", "live")) as found:
        yield found


def csv_of(rows):
    """Rows as CSV."""
    return "".join(",".join(cells) + "\n" for cells in [list(rows[0]), *(row.values() for row in rows)])


def importing(db, path, table=TABLE, dry=False):
    """Import a file; returns what was done, and what was said of rows that were left out."""
    said = []
    log = LogImport(path, parse_mapping(table, "milepost.toml"), NOW_US)
    done = import_log(log, db, lambda row: said.append(f"{row.place}: {row.why}"), lambda *_: None, dry=dry)
    return done, said


def kept(db, *names):
    """The runs of the store, by their start."""
    return db.execute(f"SELECT {', '.join(names)} FROM run ORDER BY started_at_us, exchange_id").fetchall()


def write_csv(path):
    """Comma-separated text with a byte order mark."""
    path.write_text("\ufeff" + csv_of(ROWS))


def write_csv_gz(path):
    """The same, packed."""
    path.write_bytes(gzip.compress(csv_of(ROWS).encode()))


def write_jsonl(path):
    """A JSON object a line, numbers as numbers, what is not there left out."""
    numbers = [{k: float(v) if k in {"ms", "rows"} else v for k, v in row.items() if v} for row in ROWS]
    path.write_text("".join(json.dumps(row) + "\n" for row in numbers))


def write_parquet(path):
    """Typed columns."""
    frame = pl.DataFrame(ROWS).with_columns(pl.col("ms").cast(float), pl.col("rows").cast(int, strict=False))
    times = ["2020-01-01T23:59:59.5Z", "2020-01-01T23:00:00Z", "2020-01-03T05:00:00Z"]
    frame.with_columns(start=pl.Series([datetime.fromisoformat(text) for text in times])).write_parquet(path)


@pytest.mark.parametrize(
    ("name", "writes"),
    [
        ("log.csv", write_csv),
        ("log.csv.gz", write_csv_gz),
        ("log.jsonl", write_jsonl),
        ("log.ndjson", write_jsonl),
        ("log.parquet", write_parquet),
    ],
)
def test_every_format_gives_the_same_runs_and_twice_adds_nothing(db, tmp_path, name, writes):
    """Times with any offset become UTC, units become ours, and runs say that they were imported."""
    writes(tmp_path / name)
    done, said = importing(db, tmp_path / name)
    assert (done.new, done.known, done.left_out, said) == (3, 0, 0, [])
    assert kept(db, "started_at_us", "duration_ns", "feed", "outcome", "records", "block", "source") == [
        (1_577_919_600_000_000, 250_000, "f", "failed", 20, "2020-01-01", "imported"),
        (1_577_923_199_500_000, 1_500_000_000, "f", "done", 10, "2020-01-01", "imported"),
        (1_578_027_600_000_000, 7_000_000, "g", "refused", None, "2020-01-03", "imported"),
    ]
    assert kept(db, "rows_in", "rows_delivered", "rows_failed", "band") == [
        (20, 0, 20, 2),
        (10, 10, 0, 1),
        (0, 0, 0, -1),
    ]
    again, _ = importing(db, tmp_path / name)
    assert (again.new, again.known) == (0, 3)
    assert db["run"].count == 3


def test_a_log_that_grew_adds_what_is_new(db, tmp_path):
    """Rows that say the same are as many runs as there are rows, however often and in whatever pieces they come."""
    path = tmp_path / "log.csv"
    path.write_text(csv_of([ROWS[0], ROWS[0]]))
    assert importing(db, path)[0].new == 2
    path.write_text(csv_of([ROWS[0], ROWS[1], ROWS[0], ROWS[0]]))
    done, _ = importing(db, path)
    assert (done.new, done.known) == (2, 2)


BAD = {
    "": "no start",
    "soon": "start is not in ISO 8601: 'soon'",
    "2020-09-13T12:26:41Z": "start lies in the future: '2020-09-13T12:26:41Z'",
    "1970-01-21T15:05:00Z": "start lies before 1990; is the unit of `epoch` right?",
    "1969-12-31T23:59:59Z": "start lies before 1970 or far ahead",
    "0001-01-01T00:00:00+14:00": "start lies before 1970 or far ahead",
}


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        *(("start", value, why) for value, why in BAD.items()),
        ("ms", "-1", "negative duration: '-1'"),
        ("ms", "", "no duration"),
        ("ms", "fast", "duration is not a number: 'fast'"),
        ("ms", "nan", "duration is not a number that can be"),
        ("ms", "1e400", "duration is not a number that can be"),
        ("ms", "1e12", "duration is larger than can be"),
        ("status", "WAT", "unknown outcome (known: 'OK', 'ERR', 'BAD'): 'WAT'"),
        ("feed", "", "feed has no name: ''"),
        ("feed", "a/b", "feed is not a name"),
        ("rows", "1.5", "records is not a whole number"),
        ("rows", "-3", "negative records: '-3'"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_in(db, tmp_path, column, value, why):
    """The line and the reason are told; nothing else is lost."""
    (tmp_path / "log.csv").write_text(csv_of([ROWS[0], ROWS[1] | {column: value}, ROWS[2]]))
    done, said = importing(db, tmp_path / "log.csv")
    assert (done.new, done.left_out, sum(done.reasons.values())) == (2, 1, 1)
    assert said[0].startswith(f"line 3: {why}")


def test_lines_are_those_of_the_file(db, tmp_path):
    """A cell with line breaks, an empty line and rows of the wrong length do not shift what is named."""
    text = csv_of([ROWS[0] | {"feed": '"f"'}])
    text += '2020-01-01,1,"two\nlines",OK,1\n\n2020-01-01,1,f,OK\n2020-01-01,1,f,OK,1,more\n2020-01-01,1,f,NO,1\n'
    (tmp_path / "log.csv").write_text(text)
    done, said = importing(db, tmp_path / "log.csv")
    assert done.new == 1
    assert [line.split(":")[0] for line in said] == ["line 3", "line 6", "line 7", "line 8"]
    assert said[1:3] == ["line 6: 4 cells under a header of 5", "line 7: 6 cells under a header of 5"]


def test_json_that_is_none_is_named(db, tmp_path):
    """A cut line, a list and a very long line are left out one by one."""
    good = json.dumps(ROWS[0]).encode()
    lines = [good, good[:20], b"[1]", b'"' + b"x" * (1 << 21) + b'"', b'{"start": "\xff"}', good]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    done, said = importing(db, tmp_path / "log.jsonl")
    assert (done.new, done.left_out) == (2, 4)
    assert [line.split(":")[0] for line in said] == ["line 2", "line 3", "line 4", "line 5"]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.csv.gz", "log.jsonl.gz"])
@pytest.mark.parametrize("lost", [1, 2, 12])
def test_a_line_that_is_still_written_is_left_until_it_is_whole(db, tmp_path, name, lost):
    """Half of a row is no run, and the whole of it is one run: not two because it was seen on its way."""
    text = csv_of(ROWS) if "csv" in name else "".join(json.dumps(row) + "\n" for row in ROWS)
    packed = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(packed(text.encode()[:-lost]))
    done, said = importing(db, tmp_path / name)
    assert said == [f"line {4 if 'csv' in name else 3}: has no line end; it is left until it has"]
    assert (done.new, done.left_out, done.reasons) == (2, 1, {"no line end": 1})
    (tmp_path / name).write_bytes(packed(text.encode()))
    done, said = importing(db, tmp_path / name)
    assert (done.new, done.known, said, db["run"].count) == (1, 2, [], 3)


def test_a_cell_whose_quotes_are_still_open_is_left_too(db, tmp_path):
    """A line end inside a cell is not that of its row."""
    row = '2020-01-04,1,f,OK,"10'
    (tmp_path / "log.csv").write_text(csv_of(ROWS) + row + "\n")
    done, said = importing(db, tmp_path / "log.csv")
    assert (done.new, said) == (3, ["line 5: has no line end; it is left until it has"])
    (tmp_path / "log.csv").write_text(csv_of(ROWS) + row + '\n"\n')
    assert importing(db, tmp_path / "log.csv")[0].new == 1


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n\n"])
def test_every_usual_line_end_is_one(db, tmp_path, ending):
    """Of Windows, of old Macs, and with an empty line behind it."""
    (tmp_path / "log.csv").write_bytes(csv_of(ROWS).replace("\n", ending).encode())
    assert importing(db, tmp_path / "log.csv")[0].new == 3


#: What Arrow can hold and Python cannot, as it says itself; and a value that both can.
STRANGE = {
    "milli": (pa.array([2**60, 1_577_836_800_000]).cast(pa.timestamp("ms")), "too large|out of range"),
    "micro": (pa.array([2**62, 1_577_836_800_000_000]).cast(pa.timestamp("us", "UTC")), "out of range"),
    "zone": (pa.array([None, 0], pa.timestamp("s", "Foo/Bar")), ""),
    "day": (pa.array([10**9, 0], pa.int32()).cast(pa.date32()), "magnitude"),
    "length": (pa.array([2**62, 1]).cast(pa.duration("s")), "too large"),
    "text": (pa.array([b"\xff", b"f"]).view(pa.string()), "can't decode byte 0xff"),
}


def parquet_with(path, **columns):
    """A log of two good rows, but for these columns."""
    good = {name: pa.array([ROWS[0][name], ROWS[1][name]]) for name in ROWS[0]}
    pq.write_table(pa.table(good | columns), path)


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("with_id", [False, True])
def test_a_column_that_nobody_asked_for_may_hold_anything(db, tmp_path, kind, with_id):
    """What cannot be read in it keeps no row out, and each row is still one run."""
    parquet_with(tmp_path / "log.parquet", more=STRANGE[kind][0])
    table = TABLE | ({"id": {"column": "start"}} if with_id else {})
    assert importing(db, tmp_path / "log.parquet", table)[0].new == 2
    assert importing(db, tmp_path / "log.parquet", table)[0].known == 2


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
def test_a_cell_of_parquet_that_cannot_be_read_costs_its_row(db, tmp_path, kind, column, change):
    """Its number, its column and the reason are told, and the other row is in."""
    values, why = STRANGE[kind]
    parquet_with(tmp_path / "log.parquet", **{column: values})
    done, said = importing(db, tmp_path / "log.parquet", TABLE | change)
    assert (done.new, done.left_out, done.reasons) == (1, 1, {"a cell that cannot be read": 1})
    assert re.match(f"row 1: column '{column}' cannot be read: .*({why})", said[0])


def test_nanoseconds_are_read_to_the_microsecond(db, tmp_path):
    """The usual stamps and lengths of data frames have them."""
    start = pa.array([1_577_836_800_000_000_999, 1_577_836_801_000_000_000]).cast(pa.timestamp("ns"))
    parquet_with(tmp_path / "log.parquet", start=start, ms=pa.array([1_999, 7_000]).cast(pa.duration("ns")))
    assert importing(db, tmp_path / "log.parquet")[0].new == 2
    assert kept(db, "started_at_us", "duration_ns") == [
        (1_577_836_800_000_000, 1_000),
        (1_577_836_801_000_000, 7_000),
    ]


def test_local_time_is_that_of_its_zone(db, tmp_path):
    """Summer and winter differ; a time that was skipped is refused, of an hour that comes twice the first is meant."""
    table = TABLE | {"started_at": {"column": "start", "format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}}
    starts = ["01.01.2020 12:00", "01.07.2020 12:00", "29.03.2020 02:30", "27.10.2019 02:30"]
    (tmp_path / "log.csv").write_text(csv_of([ROWS[0] | {"start": start} for start in starts]))
    done, said = importing(db, tmp_path / "log.csv", table)
    hours = [datetime.fromtimestamp(us / 1e6, UTC).strftime("%m-%d %H:%M") for (us,) in kept(db, "started_at_us")]
    assert (done.new, hours) == (3, ["10-27 00:30", "01-01 11:00", "07-01 10:00"])
    assert "does not exist in Europe/Berlin" in said[0]


@pytest.mark.parametrize(
    ("unit", "value"), [("s", "1577836800.25"), ("ms", "1577836800250"), ("us", "1577836800250000")]
)
def test_numbers_are_times_where_the_mapping_says_in_which_unit(db, tmp_path, unit, value):
    """An epoch is exact to the microsecond; without it a number is no time."""
    (tmp_path / "log.csv").write_text(csv_of([ROWS[0] | {"start": value}]))
    importing(db, tmp_path / "log.csv", TABLE | {"started_at": {"column": "start", "epoch": unit}})
    assert kept(db, "started_at_us") == [(1_577_836_800_250_000,)]
    assert importing(db, tmp_path / "log.csv")[0].left_out == 1


def test_ends_ids_attempts_and_sizes_are_read(db, tmp_path):
    """A mapping of everything: the end makes the duration, and attempts of one id are one exchange."""
    table = {
        **{name: TABLE[name] for name in ("started_at", "partner", "outcome", "records")},
        "feed": {"value": "f"}, "ended_at": {"column": "end"}, "system": {"column": "who"}, "id": {"column": "job"},
        "attempt": {"column": "try"}, "file": {"column": "file"}, "due_at": {"column": "due"},
        "cpu": {"column": "cpu", "unit": "s"}, "memory": {"column": "mem", "unit": "MiB"},
        "bytes_in": {"column": "in"}, "bytes_out": {"column": "out", "unit": "kB"}, "error": {"column": "why"},
        "delimiter": ";", "encoding": "latin-1",
    }  # fmt: skip
    head = "job;try;who;start;end;due;status;rows;file;cpu;mem;in;out;why\n"
    first = "7;1;monolith;2020-01-01T00:00:00;2020-01-01T00:00:02.5;2019-12-31T23:59:00;ERR;5;ä.csv;0.5;10;100;2;no\n"
    second = "7;2;monolith;2020-01-01T01:00:00;2020-01-01T01:00:01;2019-12-31T23:59:00;OK;5;ä.csv;;;;;\n"
    wrong = "8;1;monolit;2020-01-01;2020-01-02;;OK;;;;;;;\n9;1;monolith;2020-01-02;2020-01-01;;OK;;;;;;;\n"
    (tmp_path / "log.csv").write_bytes((head + first + second + wrong).encode("latin-1"))
    done, said = importing(db, tmp_path / "log.csv", table)
    assert (done.new, done.left_out) == (2, 2)
    assert "unknown subject 'monolit'" in said[0]
    assert "end lies before the start" in said[1]
    names = (
        "exchange_id",
        "attempt",
        "duration_ns",
        "cpu_ns",
        "peak_rss_bytes",
        "bytes_in",
        "bytes_out",
        "file",
        "error",
    )
    assert kept(db, *names) == [
        ("AA/f/7", 1, 2_500_000_000, 500_000_000, 10_485_760, 100, 2000, "ä.csv", "no"),
        ("AA/f/7", 2, 1_000_000_000, None, None, None, None, "ä.csv", ""),
    ]
    assert kept(db, "started_at_us - due_at_us") == [(60_000_000,), (3_660_000_000,)]
    assert db.execute("SELECT exchanges, attempts, imported FROM run_block").fetchone()[:2] == (1, 2)


@pytest.mark.parametrize("dry", [False, True])
def test_a_row_that_contradicts_its_id_is_left_out(db, tmp_path, dry):
    """Two rows of one id that differ are not one run told twice; the second is named, not lost."""
    table = TABLE | {"id": {"column": "feed"}, "feed": {"value": "f"}}
    (tmp_path / "log.csv").write_text(csv_of([ROWS[0], ROWS[0], ROWS[1]]))
    done, said = importing(db, tmp_path / "log.csv", table, dry)
    assert (done.new, done.known, done.left_out) == (1, 1, 1)
    assert said[0].startswith("line 4: attempt 1 of AA/f/f is known already")


def test_a_dry_run_says_the_same_and_changes_nothing(db, tmp_path):
    """What would be new, known and left out is what is then so."""
    (tmp_path / "log.csv").write_text(csv_of([*ROWS, ROWS[0] | {"ms": "-1"}]))
    dry, dry_said = importing(db, tmp_path / "log.csv", dry=True)
    assert db["run"].count == 0
    done, said = importing(db, tmp_path / "log.csv")
    assert (dry, dry_said) == (done, said)
    assert isinstance(done, ImportResult)
    assert [run.records for run in done.first] == [10, 20, None]
    assert importing(db, tmp_path / "log.csv", dry=True)[0].known == 3


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("log.csv", "start,ms,feed,state,rows\n", "no column 'status'; columns there: start, ms, feed, state, rows"),
        ("log.csv", "start,ms,feed,status,rows,ms\n", "column 'ms' is there 2 times"),
        ("log.csv", "", "no column 'start'; columns there: none"),
        ("log.jsonl", '{"a": 1}\n{"b": 1}\n', "no column 'start'; columns there: a, b"),
        ("log.parquet", "not parquet", "not Parquet"),
        ("log.csv.gz", "not packed", "cannot be read"),
        ("log.xlsx", "", "kind is not known; choose a file that ends in .csv, .tsv, .jsonl"),
        ("gone.csv", None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_a_log_of_the_mapping_is_refused(db, tmp_path, name, content, said):
    """The message names the column and those that are there, or what is wrong with the file."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=re.escape(said)):
        importing(db, tmp_path / name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"strated_at": {"column": "x"}}, "unknown key `import.strated_at`; keys there: started_at, duration"),
        (
            {"started_at": {"column": "x", "tz": "UTC"}},
            "unknown key `import.started_at.tz`; keys there: column, format",
        ),
        (
            {"started_at": {"column": "x", "zone": "Berlin"}},
            "`import.started_at.zone` (is 'Berlin'): no such time zone",
        ),
        ({"started_at": {"column": "x", "format": "%Y", "epoch": "s"}}, "both `format` and `epoch`"),
        ({"duration": {"column": "x", "unit": "hours"}}, "`import.duration.unit` (is 'hours')"),
        ({"duration": None}, "needs either `duration` or `ended_at`"),
        ({"partner": "AA"}, "`import.partner` (is 'AA'): is a table: { column = \"...\" }; its keys: column, value"),
        ({"partner": {"column": "x", "value": "y"}}, "needs either `column` or `value`"),
        ({"outcome": {"column": "x"}}, "needs the values that mean done"),
        ({"outcome": {"column": "x", "done": ["1"], "failed": ["1"]}}, "'1' cannot mean two things"),
        ({"outcome": {"value": "done", "done": ["1"]}}, "choose one"),
        ({"attempt": {"column": "x"}}, "has `attempt` without `id`"),
        ({"system": {"value": "servise@1"}}, "unknown subject 'servise@1'"),
        ({"feed": None}, "`import.feed` is missing"),
    ],
)
def test_a_mistake_in_the_mapping_names_the_key_and_the_choices(change, said):
    """Each mistake says where it is and what would be right."""
    table = {name: value for name, value in {**TABLE, **change}.items() if value is not None}
    with pytest.raises(BadInput, match=re.escape(said)) as found:
        parse_mapping(table, "milepost.toml")
    assert str(found.value).startswith("milepost.toml: ")


@pytest.fixture
def workspace(tmp_path):
    """A workspace with a mapping and a log of one good row and one without a start."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "w")]).exit_code == 0
    settings = tmp_path / "w" / "milepost.toml"
    settings.write_text(
        settings.read_text()
        + '[import]\nstarted_at = { column = "start" }\nduration = { column = "ms", unit = "ms" }\n'
        + 'partner = { value = "AA" }\nfeed = { column = "feed" }\noutcome = { column = "status", done = ["OK"] }\n'
    )
    (tmp_path / "log.csv").write_text(csv_of([ROWS[0], ROWS[0] | {"start": ""}]))
    return tmp_path / "w"


def test_the_command_says_what_it_did_and_ends_with_three(workspace, tmp_path):
    """A dry run shows the rows and makes nothing; the import keeps the good row, names the other, and exits with 3."""

    def milepost(*arguments):
        return CliRunner().invoke(
            main, ["-w", str(workspace), "metrics", "import", str(tmp_path / "log.csv"), *arguments]
        )

    dry = milepost("--dry-run")
    assert (dry.exit_code, "1 run(s) would be imported." in dry.stdout) == (3, True)
    assert "2020-01-01T23:59:59.500000Z" in dry.stdout
    assert json.loads(milepost("--dry-run", "--json").stdout)["first"][0]["duration_s"] == 1.5
    assert not (workspace / "var" / "metrics-live.db").exists()
    done = milepost("--json")
    assert done.exit_code == 3
    assert f"{tmp_path}/log.csv: line 3: no start" in done.stderr
    told = {"new": 1, "known": 0, "left_out": 1, "reasons": {"no start": 1}, "dry_run": False}
    assert json.loads(done.stdout) == told
    assert "0 run(s) imported, 1 known already." in milepost().stdout
    assert (workspace / "var" / "metadata.json").is_file()


def test_validate_finds_mistakes_in_the_mapping_too(workspace):
    """The table of the settings is checked with all other files, and its mistake is told in one line."""
    assert CliRunner().invoke(main, ["-w", str(workspace), "validate"]).exit_code == 0
    settings = workspace / "milepost.toml"
    settings.write_text(settings.read_text().replace('unit = "ms"', 'unit = "sec"'))
    done = CliRunner().invoke(main, ["-w", str(workspace), "validate"])
    assert done.exit_code == 2
    assert f"{settings}: `import.duration.unit` (is 'sec')" in done.stderr
    settings.write_text(settings.read_text().split("[import]")[0])
    done = CliRunner().invoke(main, ["-w", str(workspace), "metrics", "import", "x.csv"])
    assert (done.exit_code, "no table [import]" in done.stderr) == (2, True)


def test_an_import_that_is_cut_off_is_finished_by_the_next(db, tmp_path, monkeypatch):
    """Whole batches are in when the second fails midway; the next import adds the others, and nothing twice."""
    from metrics.importing import import_log as module
    from metrics.store import writer

    (tmp_path / "log.csv").write_text(csv_of([ROWS[0] | {"ms": str(number)} for number in range(25)]))
    monkeypatch.setattr(module, "BATCH", 10)
    real, calls = writer.insert_events, []

    def dies(*arguments):
        real(*arguments)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "insert_events", dies)
    with pytest.raises(KeyboardInterrupt):
        importing(db, tmp_path / "log.csv")
    assert db["run"].count == 10
    done, _ = importing(db, tmp_path / "log.csv")
    assert (done.new, done.known, db["run"].count) == (15, 10, 25)


def test_a_store_that_is_held_locked_says_to_come_again(db, tmp_path):
    """While another program writes, the import ends with a message and takes nothing in."""
    (tmp_path / "log.csv").write_text(csv_of(ROWS))
    db.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(tmp_path / "metrics.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryLater, match="0 runs are in, import again for the others"):
            importing(db, tmp_path / "log.csv")


def test_every_key_of_the_mapping_is_in_its_document():
    """docs/reference/import.md has a row for each key and each key of its tables, and its example is one that holds."""
    text = (Path(__file__).parents[3] / "docs" / "reference" / "import.md").read_text()
    keys = set(LogMapping.model_fields)
    keys |= {
        name
        for model in (TimestampField, DurationField, SizeField, OutcomeField, NameField, ColumnField)
        for name in model.model_fields
    }
    assert keys - set(re.findall(r"`([a-z_]+)`", text)) == set()
    for unit in (*TIME_UNITS, *SIZE_UNITS):
        assert f'`"{unit}"`' in text
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        assert parse_mapping(tomllib.loads(example)["import"], "docs/reference/import.md").columns
