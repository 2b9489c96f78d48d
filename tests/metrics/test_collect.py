"""From spool to store, each event once."""

from contextlib import closing

import pytest

from metrics.collect import Collected, collect
from metrics.errors import SpoolDamaged
from metrics.events import to_line
from metrics.store import open_store


@pytest.fixture
def db(tmp_path):
    """A fresh store on the replayed clock."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as found:
        yield found


@pytest.fixture
def spool(tmp_path):
    """An empty spool."""
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def test_collecting_twice_takes_each_event_once(db, spool, a_run):
    """What was taken is not taken again, and what has come since is."""
    file = spool / "1.jsonl"
    file.write_bytes(to_line(a_run(1)) + to_line(a_run(2)))
    assert collect(spool, db, 0) == Collected(1, 2, 2, ())
    assert collect(spool, db, 0) == Collected(1, 0, 0, ())
    with file.open("ab") as more:
        more.write(to_line(a_run(3)))
    assert collect(spool, db, 0) == Collected(1, 1, 1, ())
    assert db["run"].count == 3


def test_a_copy_of_a_spool_file_adds_nothing(db, spool, a_run):
    """The same events under another file name are the same runs."""
    for name in ("1.jsonl", "2.jsonl"):
        (spool / name).write_bytes(to_line(a_run()))
    assert collect(spool, db, 0) == Collected(2, 2, 1, ())


def test_a_last_line_without_its_end_is_left_until_it_has(db, spool, a_run):
    """A line that may still be written is not taken, not lost, and told."""
    file, line = spool / "1.jsonl", to_line(a_run(2))
    file.write_bytes(to_line(a_run(1)) + line[:30])
    assert collect(spool, db, 0) == Collected(1, 1, 1, ("1.jsonl",))
    file.write_bytes(to_line(a_run(1)) + line)
    assert collect(spool, db, 0) == Collected(1, 1, 1, ())


def test_a_line_that_is_no_event_is_set_aside_whole(db, spool, a_run):
    """The good lines around it are collected, its bytes are kept, and the message says where."""
    bad = b'{"kind":"run","key":{}\n'
    (spool / "1.jsonl").write_bytes(to_line(a_run(1)) + bad + to_line(a_run(2)))
    with pytest.raises(SpoolDamaged, match=r"1 line\(s\) .* 1\.jsonl at byte \d+; the other 2 events were collected"):
        collect(spool, db, 0)
    assert [path.read_bytes() for path in (spool / "damaged").iterdir()] == [bad]
    assert collect(spool, db, 0) == Collected(1, 0, 0, ())
    assert db["run"].count == 2


def test_what_fails_midway_is_taken_whole_the_next_time(db, spool, a_run, monkeypatch):
    """Events and how far the file was read are one transaction: a death between them loses and doubles nothing."""
    import metrics.collect as module

    (spool / "1.jsonl").write_bytes(to_line(a_run(1)))
    real = module.insert_events

    def dies(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "insert_events", dies)
    with pytest.raises(KeyboardInterrupt):
        collect(spool, db, 0)
    assert db["run"].count == 0
    monkeypatch.setattr(module, "insert_events", real)
    assert collect(spool, db, 0) == Collected(1, 1, 1, ())
