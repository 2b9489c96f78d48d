"""An exported table, read back by another program, is what the database holds."""

import io
from datetime import date

import polars as pl
import pytest

from metrics.errors import BadInput
from metrics.export.tables import ExportRequest, export_file, exportable_tables, write_table


@pytest.fixture
def db(a_store, a_run, insert):
    """Three runs on three days; one has no count and an error in words."""
    store = a_store("replay")
    day_us = 86_400_000_000
    insert(
        store,
        a_run(1, started_at_us=day_us - 1),
        a_run(2, started_at_us=day_us, outcome="failed", records=None, error='a "quoted", line\nand more'),
        a_run(3, started_at_us=2 * day_us),
    )
    return store


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_row_and_value_is_exported(db, tmp_path, kind):
    """Both formats hold each row, NULL as missing and text unchanged."""
    path = tmp_path / f"run.{kind}"
    assert export_file(db, ExportRequest("run"), kind, path) == 3
    exported = pl.read_csv(path) if kind == "csv" else pl.read_parquet(path)
    expected = list(db.query("SELECT * FROM run ORDER BY id"))
    assert exported.columns == list(expected[0])
    for name in ("attempt", "records", "error", "started_at_us", "cpu_ns", "outcome"):
        assert exported[name].to_list() == [row[name] for row in expected], name
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_days_filter_runs_by_start_and_rollups_by_block(db):
    """Both ends are inclusive."""
    sink = io.BytesIO()
    second = date(1970, 1, 2)
    assert write_table(db, ExportRequest("run", second, second), "csv", sink) == 1
    assert pl.read_csv(sink.getvalue())["attempt"].to_list() == [2]
    assert write_table(db, ExportRequest("run", since=second), "csv", io.BytesIO()) == 2
    assert write_table(db, ExportRequest("run_block", since=date(2013, 1, 2)), "csv", io.BytesIO()) == 0


def test_the_earliest_and_the_latest_date_are_accepted(db):
    """`date.min` and `date.max` are limits like others, for timestamps and for ISO dates."""
    db["evaluation"].insert({"code": "M1", "as_of": "9999-12-31"})
    for table, rows in (("run", 3), ("evaluation", 1)):
        assert write_table(db, ExportRequest(table, date.min, date.max), "csv", io.BytesIO()) == rows
        assert write_table(db, ExportRequest(table, date.max, date.max), "csv", io.BytesIO()) == (table == "evaluation")


def test_every_table_can_be_exported_also_an_empty_one(db):
    """A table without rows still has its header."""
    for name in exportable_tables(db):
        sink = io.BytesIO()
        count = write_table(db, ExportRequest(name), "csv", sink)
        assert count == db[name].count
        assert sink.getvalue().count(b"\n") >= count + 1, name


@pytest.mark.parametrize(
    ("export", "message"),
    [
        (ExportRequest("runs"), "no table 'runs'; choose one of .*run, run_block"),
        (ExportRequest("run; DROP TABLE run"), "no table"),
        (ExportRequest("meta", since=date(2013, 1, 1)), "table meta has no days"),
        (ExportRequest("run", date(2013, 1, 2), date(2013, 1, 1)), "is after"),
    ],
)
def test_a_wrong_request_is_refused_before_a_file_is_made(db, tmp_path, export, message):
    """A mistake names the choices, and no file appears."""
    with pytest.raises(BadInput, match=message):
        export_file(db, export, "csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_an_export_that_fails_leaves_the_old_file(db, tmp_path, monkeypatch):
    """A failure midway changes nothing, and leaves no temporary file."""
    from metrics.export import tables as module

    path = tmp_path / "run.csv"
    path.write_text("before")

    def breaks(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_table", breaks)
    with pytest.raises(KeyboardInterrupt):
        export_file(db, ExportRequest("run"), "csv", path)
    assert path.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir() if "run.csv" in p.name) == ["run.csv"]


def test_batches_are_joined_without_gaps(db, a_run, insert):
    """More rows than one batch come complete and in order."""
    from metrics.export import tables as module

    runs = [a_run(attempt) for attempt in range(10, 10 + module.BATCH + 5)]
    insert(db, *runs)
    sink = io.BytesIO()
    assert write_table(db, ExportRequest("run"), "csv", sink) == module.BATCH + 8
    assert pl.read_csv(sink.getvalue())["id"].to_list() == [
        row["id"] for row in db.query("SELECT id FROM run ORDER BY id")
    ]
