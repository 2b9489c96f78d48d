"""The cells of a row become the fields of a run, or the row is named as unreadable."""

from datetime import UTC, datetime

import pytest

WRONG_STARTS = {
    "": "no start",
    "soon": "start is not in ISO 8601: 'soon'",
    "2020-09-13T12:26:41Z": "start is in the future: '2020-09-13T12:26:41Z'",
    "1970-01-21T15:05:00Z": "start is before 1990; is the unit of `epoch` right?",
    "1969-12-31T23:59:59Z": "start is before 1970 or far in the future",
    "0001-01-01T00:00:00+14:00": "start is before 1970 or far in the future",
}


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        *(("start", value, why) for value, why in WRONG_STARTS.items()),
        ("ms", "-1", "negative duration: '-1'"),
        ("ms", "", "no duration"),
        ("ms", "fast", "duration is not a number: 'fast'"),
        ("ms", "1_000", "duration is not a number: '1_000'"),
        ("ms", "\uff11\uff10", "duration is not a number: '\uff11\uff10'"),
        ("ms", "1,000", "6 cells under a header of 5"),
        ("ms", "\u0661", "duration is not a number: '\u0661'"),
        ("rows", "1_0", "records is not a number: '1_0'"),
        ("rows", "\u0967", "records is not a number: '\u0967'"),
        ("start", "\uff12020-01-01", "start has digits that are not 0 to 9: '\uff12020-01-01'"),
        ("ms", "nan", "duration is an impossible number"),
        ("ms", "1e400", "duration is an impossible number"),
        ("ms", "1e12", "duration is impossibly large"),
        ("status", "WAT", "unknown outcome (known: 'OK', 'ERR', 'BAD'): 'WAT'"),
        ("feed", "", "feed has no name: ''"),
        ("feed", "a/b", "feed is not a name"),
        ("rows", "1.5", "records is not a whole number"),
        ("rows", "-3", "negative records: '-3'"),
    ],
)
def test_an_unreadable_row_is_named_and_skipped(rows, to_csv, import_file, tmp_path, column, value, why):
    """The message has the line and the reason; no other row is lost."""
    (tmp_path / "log.csv").write_text(to_csv([rows[0], rows[1] | {column: value}, rows[2]]))
    result, messages = import_file(tmp_path / "log.csv")
    assert (result.new, result.skipped, sum(result.reasons.values())) == (2, 1, 1)
    assert messages[0].startswith(f"line 3: {why}")


def test_local_time_is_converted_from_its_zone(rows, table, to_csv, import_file, stored, tmp_path):
    """Summer and winter differ; a skipped time is refused, and of a repeated hour the first is taken."""
    mapping = table | {"started_at": {"column": "start", "format": "%d.%m.%Y %H:%M", "zone": "Europe/Berlin"}}
    starts = ["01.01.2020 12:00", "01.07.2020 12:00", "29.03.2020 02:30", "27.10.2019 02:30"]
    (tmp_path / "log.csv").write_text(to_csv([rows[0] | {"start": start} for start in starts]))
    result, messages = import_file(tmp_path / "log.csv", mapping)
    hours = [datetime.fromtimestamp(us / 1e6, UTC).strftime("%m-%d %H:%M") for (us,) in stored("started_at_us")]
    assert (result.new, hours) == (3, ["10-27 00:30", "01-01 11:00", "07-01 10:00"])
    assert "does not exist in Europe/Berlin" in messages[0]


@pytest.mark.parametrize(
    ("unit", "value"), [("s", "1577836800.25"), ("ms", "1577836800250"), ("us", "1577836800250000")]
)
def test_numbers_are_times_only_with_an_epoch_unit(rows, table, to_csv, import_file, stored, tmp_path, unit, value):
    """An epoch is exact to the microsecond; without `epoch` a number is not a time."""
    (tmp_path / "log.csv").write_text(to_csv([rows[0] | {"start": value}]))
    import_file(tmp_path / "log.csv", table | {"started_at": {"column": "start", "epoch": unit}})
    assert stored("started_at_us") == [(1_577_836_800_250_000,)]
    assert import_file(tmp_path / "log.csv")[0].skipped == 1


def test_every_key_of_a_mapping_is_read(db, rows, table, import_file, stored, tmp_path):
    """The end gives the duration, and attempts with one id are one exchange."""
    mapping = {
        **{name: table[name] for name in ("started_at", "partner", "outcome", "records")},
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
    result, messages = import_file(tmp_path / "log.csv", mapping)
    assert (result.new, result.skipped) == (2, 2)
    assert "unknown subject 'monolit'" in messages[0]
    assert "end is before the start" in messages[1]
    names = "exchange_id, attempt, duration_ns, cpu_ns, peak_rss_bytes, bytes_in, bytes_out, file, error"
    assert stored(names) == [
        ("AA/f/7", 1, 2_500_000_000, 500_000_000, 10_485_760, 100, 2000, "ä.csv", "no"),
        ("AA/f/7", 2, 1_000_000_000, None, None, None, None, "ä.csv", ""),
    ]
    assert stored("started_at_us - due_at_us") == [(60_000_000,), (3_660_000_000,)]
    assert db.execute("SELECT exchanges, attempts, imported FROM run_block").fetchone()[:2] == (1, 2)


def test_times_of_no_known_zone_are_named(rows, table, to_csv, import_file, tmp_path):
    """Text without an offset is UTC where the mapping has no zone, and the result names the column."""
    (tmp_path / "log.csv").write_text(to_csv(rows))
    assert import_file(tmp_path / "log.csv")[0].utc_columns == ("start",)
    (tmp_path / "log.csv").write_text(to_csv(rows[:2]))
    assert import_file(tmp_path / "log.csv")[0].utc_columns == ()
    (tmp_path / "log.csv").write_text(to_csv(rows))
    zoned = table | {"started_at": {"column": "start", "zone": "UTC"}}
    assert import_file(tmp_path / "log.csv", zoned)[0].utc_columns == ()
