"""What leaves the database is what it holds, read back by another program."""

import io
import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from metrics.errors import BadInput
from metrics.export.data_dictionary import write_metadata as text_to
from metrics.export.tables import ExportRequest, export_file, exportable_tables, write_table
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from milepost.cli import main


@pytest.fixture
def db(tmp_path, a_run):
    """Three runs on three days; one has no count and an error in words."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as found:
        day_us = 86_400_000_000
        runs = [
            a_run(1, started_at_us=day_us - 1),
            a_run(2, started_at_us=day_us, outcome="failed", records=None, error='a "quoted", line\nand more'),
            a_run(3, started_at_us=2 * day_us),
        ]
        with found.conn:
            insert_events(found, [("run", run) for run in runs])
        yield found


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_row_and_value_comes_back(db, tmp_path, kind):
    """Both formats hold each row, missing values missing and text as it was."""
    path = tmp_path / f"run.{kind}"
    assert export_file(db, ExportRequest("run"), kind, path) == 3
    found = pl.read_csv(path) if kind == "csv" else pl.read_parquet(path)
    want = list(db.query("SELECT * FROM run ORDER BY id"))
    assert found.columns == list(want[0])
    for name in ("attempt", "records", "error", "started_at_us", "cpu_ns", "outcome"):
        assert found[name].to_list() == [row[name] for row in want], name
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_days_cut_runs_by_their_start_and_rollups_by_their_block(db):
    """Both ends are inclusive."""
    sink = io.BytesIO()
    second = date(1970, 1, 2)
    assert write_table(db, ExportRequest("run", second, second), "csv", sink) == 1
    assert pl.read_csv(sink.getvalue())["attempt"].to_list() == [2]
    assert write_table(db, ExportRequest("run", since=second), "csv", io.BytesIO()) == 2
    assert write_table(db, ExportRequest("run_block", since=date(2013, 1, 2)), "csv", io.BytesIO()) == 0


def test_the_first_and_the_last_day_there_are_can_be_asked_for(db):
    """Nothing comes before the one and after the other, be days stamps or dates."""
    db["evaluation"].insert({"code": "M1", "as_of": "9999-12-31"})
    for table, rows in (("run", 3), ("evaluation", 1)):
        assert write_table(db, ExportRequest(table, date.min, date.max), "csv", io.BytesIO()) == rows
        assert write_table(db, ExportRequest(table, date.max, date.max), "csv", io.BytesIO()) == (table == "evaluation")


def test_every_table_leaves_also_when_it_is_empty(db):
    """Each table can be exported, and one without rows still has its header."""
    for name in exportable_tables(db):
        sink = io.BytesIO()
        count = write_table(db, ExportRequest(name), "csv", sink)
        assert count == db[name].count
        assert sink.getvalue().count(b"\n") >= count + 1, name


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (ExportRequest("runs"), "no table 'runs'; choose one of .*run, run_block"),
        (ExportRequest("run; DROP TABLE run"), "no table"),
        (ExportRequest("meta", since=date(2013, 1, 1)), "table meta has no days"),
        (ExportRequest("run", date(2013, 1, 2), date(2013, 1, 1)), "lies after"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_made(db, tmp_path, cut, said):
    """A mistake names the choices, and no file appears."""
    with pytest.raises(BadInput, match=said):
        export_file(db, cut, "csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_is_written_whole_or_not_at_all(db, tmp_path, monkeypatch):
    """What breaks midway leaves the file that was there, and nothing beside it."""
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
    with pytest.raises(BadInput, match="cannot be written: No such file or directory"):
        export_file(db, ExportRequest("run"), "csv", tmp_path / "nowhere" / "run.csv")


def test_more_than_a_batch_is_whole(db, a_run):
    """Batches join without a gap, in the order of the rows."""
    from metrics.export import tables as module

    runs = [a_run(attempt) for attempt in range(10, 10 + module.BATCH + 5)]
    with db.conn:
        insert_events(db, [("run", run) for run in runs])
    sink = io.BytesIO()
    assert write_table(db, ExportRequest("run"), "csv", sink) == module.BATCH + 8
    assert pl.read_csv(sink.getvalue())["id"].to_list() == [
        row["id"] for row in db.query("SELECT id FROM run ORDER BY id")
    ]


def test_the_command_writes_to_stdout_or_a_file(tmp_path):
    """CSV goes to stdout, Parquet needs a place, and `--json` says what was written."""

    def milepost(*arguments):
        return CliRunner().invoke(main, ["-w", str(tmp_path / "w"), "metrics", "export", *map(str, arguments)])

    assert CliRunner().invoke(main, ["init", str(tmp_path / "w")]).exit_code == 0
    assert "no metrics yet" in milepost().stderr
    open_store(tmp_path / "w/var/metrics-live.db", "live").close()
    assert milepost("--table", "meta").stdout.splitlines()[1] == '"clock","live"'
    assert "--format parquet needs --output" in milepost("--format", "parquet").stderr
    path = tmp_path / "meta.parquet"
    done = milepost("--table", "meta", "--format", "parquet", "--output", path, "--json")
    assert json.loads(done.stdout) == {"table": "meta", "rows": 1, "file": str(path), "format": "parquet"}
    assert pl.read_parquet(path).to_dicts() == [{"key": "clock", "value": "live"}]


@pytest.mark.parametrize(
    "writes", [lambda db, path: export_file(db, ExportRequest("run"), "csv", path), lambda _, path: text_to(path)]
)
def test_only_a_file_is_replaced_by_a_file(db, tmp_path, writes):
    """A pipe, which stands for devices here, stays what it is, also behind a link; a linked file stays linked."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to("pipe")
    for name in ("pipe", "to-pipe"):
        with pytest.raises(BadInput, match=f"{name}: cannot be written: it is no file"):
            writes(db, tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "file").write_text("before")
    (tmp_path / "to-file").symlink_to("file")
    writes(db, tmp_path / "to-file")
    assert (tmp_path / "to-file").is_symlink()
    assert (tmp_path / "file").read_text() != "before"


@pytest.fixture
def workspace(tmp_path):
    """A workspace with an empty store; its columns alone are more than a page of CSV."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "w")]).exit_code == 0
    open_store(tmp_path / "w/var/metrics-live.db", "live").close()
    return tmp_path / "w"


@pytest.mark.parametrize("command", [("export", "--table", "run_block"), ("metadata",)])
def test_a_full_disk_is_one_line_and_a_reader_who_leaves_is_none(workspace, command):
    """What cannot be written is said once, with a code of its own; `head` gets what it wants and hears nothing."""
    arguments = [sys.executable, "-m", "milepost", "-w", str(workspace), "metrics", *command]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
    assert (done.returncode, done.stderr) == (2, b"milepost: stdout: cannot be written: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
