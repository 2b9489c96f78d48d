"""Spool files are collected into the store, each event once."""

import os
import sqlite3
from contextlib import closing

import pytest

from metrics.collector.collect import CollectResult, collect
from metrics.errors import SpoolDamaged, TryLater
from metrics.events import SpoolRecorder, to_line
from metrics.store.database import open_reader


@pytest.fixture
def db(a_store):
    """A fresh store on the replayed clock."""
    return a_store("replay")


@pytest.fixture
def spool(tmp_path):
    """An empty spool."""
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def test_collecting_twice_stores_each_event_once(db, spool, a_run):
    """A second pass collects only the events that came since the first."""
    with closing(SpoolRecorder(spool)) as recorder:
        for attempt in (1, 2):
            recorder.record(a_run(attempt))
        assert collect(spool, db, 0) == CollectResult(1, 2, 2, ())
        assert collect(spool, db, 0) == CollectResult(1, 0, 0, ())
        recorder.record(a_run(3))
        assert collect(spool, db, 0) == CollectResult(1, 1, 1, ())
    assert db["run"].count == 3


def test_a_copy_of_a_spool_file_adds_nothing(db, spool, a_run):
    """The same events under another file name are the same runs."""
    for name in ("1.jsonl", "2.jsonl"):
        (spool / name).write_bytes(to_line(a_run()))
    assert collect(spool, db, 0) == CollectResult(2, 2, 1, (), retired=2)


def test_a_last_line_without_its_end_waits_for_it(db, spool, a_run):
    """A line that may still be written is reported, neither collected nor lost."""
    file, line = spool / "1.jsonl", to_line(a_run(2))
    file.write_bytes(to_line(a_run(1)) + line[:30])
    assert collect(spool, db, 0) == CollectResult(1, 1, 1, ("1.jsonl",))
    assert file.exists()
    file.write_bytes(to_line(a_run(1)) + line)
    assert collect(spool, db, 0) == CollectResult(1, 1, 1, (), retired=1)


def test_a_truncated_last_line_is_saved_after_an_hour(db, spool, a_run):
    """A killed writer leaves half a line: after an hour it is reported once, and the file is removed."""
    recorder = SpoolRecorder(spool)
    recorder.record(a_run(1))
    (file,) = spool.iterdir()
    half = to_line(a_run(2))[:30]
    with file.open("ab") as more:
        more.write(half)
    os.utime(file, (1_000, 1_000))
    within_us, late_us = 4_600_000_000, 4_600_000_001
    assert collect(spool, db, late_us) == CollectResult(1, 1, 1, (file.name,)), "its writer still holds the file"
    recorder.close()
    assert collect(spool, db, within_us) == CollectResult(1, 0, 0, (file.name,)), "it may still be written"
    with pytest.raises(SpoolDamaged, match=r"1 line\(s\) that are not events were saved"):
        collect(spool, db, late_us)
    assert [path.read_bytes() for path in (spool / "damaged").iterdir()] == [half]
    assert list(spool.glob("*.jsonl")) == []
    assert collect(spool, db, late_us) == CollectResult(0, 0, 0, ())
    assert db["run"].count == 1


def test_a_whole_event_without_its_line_end_is_an_event_after_an_hour(db, spool, a_run):
    """Only the last byte was lost with the writer; the run is not."""
    (spool / "1.jsonl").write_bytes(to_line(a_run(1))[:-1])
    os.utime(spool / "1.jsonl", (1_000, 1_000))
    assert collect(spool, db, 4_600_000_001) == CollectResult(1, 1, 1, (), retired=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": {"in": 2**63 - 1, "quarantined": 2**63 - 1}, "aside": {"x": 2**62, "y": 2**62 - 1}},
        {"rows": {"in": 4, "quarantined": 4}, "aside": {"x": 2**63 - 1, "y": 2**63 - 1}},
        {"rows": {"in": 4, "quarantined": 4}, "aside": {"x": 5}},
        {"rows": {"in": 4, "quarantined": -4}},
        {"records": 2**63 - 1},
        {"due_at_us": -(2**63), "started_at_us": 2**63 - 1},
    ],
)
def test_impossible_numbers_stop_no_other_event(db, spool, a_run, changes):
    """Two such lines would sum up to more than the store can hold; they are saved, and collecting continues."""
    lines = [to_line(a_run(1)), to_line(a_run(2, **changes)), to_line(a_run(3, **changes)), to_line(a_run(4))]
    (spool / "1.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(SpoolDamaged, match=r"^2 line\(s\) .* the other 2 events were collected$"):
        collect(spool, db, 0)
    assert {path.read_bytes() for path in (spool / "damaged").iterdir()} == {*lines[1:3]}
    assert collect(spool, db, 0) == CollectResult(0, 0, 0, ())
    assert db["run"].count == 2


def test_a_line_that_is_not_an_event_is_saved_as_it_is(db, spool, a_run):
    """The good lines around it are collected, its bytes are kept, and the message has its place."""
    bad = b'{"kind":"run","key":{}\n'
    (spool / "1.jsonl").write_bytes(to_line(a_run(1)) + bad + to_line(a_run(2)))
    with pytest.raises(SpoolDamaged, match=r"1 line\(s\) .* 1\.jsonl at byte \d+; the other 2 events were collected"):
        collect(spool, db, 0)
    assert [path.read_bytes() for path in (spool / "damaged").iterdir()] == [bad]
    assert collect(spool, db, 0) == CollectResult(0, 0, 0, ())
    assert db["run"].count == 2


def test_a_failed_pass_is_repeated_whole_by_the_next(db, spool, a_run, monkeypatch):
    """Events and read offsets are one transaction: a failure between them loses and doubles nothing."""
    from metrics.collector import collect as module
    from metrics.store import writer

    (spool / "1.jsonl").write_bytes(to_line(a_run(1)))
    real = writer.insert_events

    def insert_and_fail(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "insert_events", insert_and_fail)
    with pytest.raises(KeyboardInterrupt):
        collect(spool, db, 0)
    assert db["run"].count == 0
    monkeypatch.setattr(module, "insert_events", real)
    assert collect(spool, db, 0) == CollectResult(1, 1, 1, (), retired=1)


def test_many_files_are_collected_in_bounded_batches(db, spool, a_run, monkeypatch):
    """A batch may end in the middle of a file, and span several; nothing is skipped or collected twice."""
    from metrics.collector import collect as module
    from metrics.store import writer

    monkeypatch.setattr(module, "BATCH", 3)
    sizes = []
    real = writer.insert_events

    def insert_and_count(db, events):
        batch = list(events)
        sizes.append(len(batch))
        return real(db, batch)

    monkeypatch.setattr(module, "insert_events", insert_and_count)
    for name, attempts in (("1", (1, 2)), ("2", (3, 4, 5, 6)), ("3", (7,))):
        (spool / f"{name}.jsonl").write_bytes(b"".join(to_line(a_run(attempt)) for attempt in attempts))
    assert collect(spool, db, 0) == CollectResult(3, 7, 7, (), retired=3)
    assert max(sizes) == 3
    assert [row[0] for row in db.execute("SELECT attempt FROM run ORDER BY attempt")] == [1, 2, 3, 4, 5, 6, 7]


def test_a_file_is_removed_once_its_writer_has_closed_it(db, spool, a_run):
    """An open file stays; a closed one is removed, with its row in the store."""
    with closing(SpoolRecorder(spool)) as recorder:
        recorder.record(a_run(1))
        assert collect(spool, db, 0).retired == 0
        assert len(list(spool.iterdir())) == 1
    assert collect(spool, db, 0) == CollectResult(1, 0, 0, (), retired=1)
    assert list(spool.iterdir()) == []
    assert db["spool_file"].count == 0
    assert db["run"].count == 1


def test_a_file_that_grew_during_the_pass_stays(db, spool, a_run, monkeypatch):
    """A line written between reading and removing is not lost with the file."""
    from metrics.collector import collect as module

    file = spool / "1.jsonl"
    file.write_bytes(to_line(a_run(1)))

    real = module._is_finished

    def check_and_append(path, size, *, remove=False):
        result = real(path, size, remove=remove)
        if not remove:
            with file.open("ab") as more:
                more.write(to_line(a_run(2)))
        return result

    monkeypatch.setattr(module, "_is_finished", check_and_append)
    assert collect(spool, db, 0) == CollectResult(1, 1, 1, ())
    monkeypatch.undo()
    assert collect(spool, db, 0) == CollectResult(1, 1, 1, (), retired=1)
    assert db["run"].count == 2


def test_no_file_is_removed_while_a_reader_blocks_the_checkpoint(db, spool, a_run, tmp_path):
    """The spool stays until the events are on disk in the store."""
    with closing(open_reader(tmp_path / "metrics.db")) as page:
        page.conn.execute("BEGIN")
        page.execute("SELECT COUNT(*) FROM run").fetchone()
        (spool / "1.jsonl").write_bytes(to_line(a_run(1)))
        assert collect(spool, db, 0) == CollectResult(1, 1, 1, ())
        assert (spool / "1.jsonl").exists()
    assert collect(spool, db, 0).retired == 1


def test_a_short_write_loses_one_event_and_no_other(db, spool, a_run, monkeypatch):
    """Half a line stays in its file, for a person to look at; the next event starts a new file."""
    recorder = SpoolRecorder(spool)
    recorder.record(a_run(1))
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:50]))
    recorder.record(a_run(2))
    monkeypatch.undo()
    recorder.record(a_run(3))
    recorder.close()
    result = collect(spool, db, 0)
    assert (result.files, result.events, len(result.unfinished), result.retired) == (2, 2, 1, 1)
    assert [row[0] for row in db.execute("SELECT attempt FROM run ORDER BY attempt")] == [1, 3]


def test_a_locked_store_is_tried_later(db, spool, a_run, tmp_path):
    """The message names the lock, and nothing is lost."""
    db.execute("PRAGMA busy_timeout = 10")
    (spool / "1.jsonl").write_bytes(to_line(a_run(1)))
    with closing(sqlite3.connect(tmp_path / "metrics.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryLater, match="try again later"):
            collect(spool, db, 0)
    assert collect(spool, db, 0).new == 1


def test_runs_of_one_spool_file_share_their_time(a_store, spool, a_live_run):
    """A file belongs to one process, whose lanes count no second twice, however its lines are collected."""
    live = a_store("live", "live.db")
    with closing(SpoolRecorder(spool)) as recorder, closing(SpoolRecorder(spool)) as other:
        recorder.record(a_live_run("1", started_at_us=0, duration_ns=100_000))
        collect(spool, live, 0)
        recorder.record(a_live_run("2", started_at_us=50, duration_ns=100_000))
        other.record(a_live_run("3", started_at_us=0, duration_ns=100_000))
        collect(spool, live, 0)
    assert live.execute("SELECT SUM(busy_ns) FROM run_block").fetchone() == (250_000,)
    names = {path.stem for path in spool.glob("*.jsonl")}
    assert {name for (name,) in live.execute("SELECT DISTINCT process FROM run")} == names
