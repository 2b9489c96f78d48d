"""The time of a pass is shared among its files by input rows, and every file has its own event."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from metrics.events import RunKey
from metrics.replay.input_files import InputFile
from metrics.replay.operator import PendingFile
from metrics.replay.pass_events import MeasuredPass, pass_events
from metrics.replay.subject_process import ProcessUsage
from metrics.shares import share

FILE = InputFile("AA", "flights", Path("2014-01-06.csv"), 60, 53, date(2014, 1, 8))
KEY = RunKey(
    system="service", level=5, mode="replay", faults="none", series="s", round=1, exchange_id="", attempt=0,
)  # fmt: skip
AT = datetime(2014, 1, 8, 6, tzinfo=UTC)


def result(**values):
    """Return the result of a file."""
    return {"outcome": "done", "error": "", "error_type": "", "rows": {"in": 0}, **values}


def test_the_files_of_a_pass_share_its_time():
    """Wall time, blocked time and processor time are shared to the nanosecond; peak memory is that of the pass."""
    corrected = PendingFile(replace(FILE, path=Path("b.csv")), corrected=Path("c/b.csv"), kept_rows=(1, 2, 4))
    empty = PendingFile(replace(FILE, path=Path("c.csv"), records=0, block=54), attempt=2, by_operator=True)
    tasks = [PendingFile(FILE), corrected, empty]
    measured = MeasuredPass(AT, 1_000_003, ProcessUsage(77, 4096))
    results = [result(blocked_ns=500), result(blocked_ns=141, calls=2), result(outcome="failed")]
    events = pass_events(KEY, "1", tasks, results, measured)
    assert sum(event.duration_ns for event in events) == 1_000_003
    assert sum(event.blocked_ns for event in events) == 641
    assert sum(event.cpu_ns for event in events) == 77
    active = [event.duration_ns - event.blocked_ns for event in events]
    assert active == share(1_000_003 - 641, [60, 3, 1])
    assert {event.peak_rss_bytes for event in events} == {4096}
    assert [(event.file, event.key.attempt, event.operator_touch, event.outcome, event.calls) for event in events] == [
        ("2014-01-06.csv", 1, 0, "done", 0), ("b.csv", 1, 0, "done", 2), ("c.csv", 2, 1, "failed", 0),
    ]  # fmt: skip
    assert [event.block for event in events] == ["2014-01-06", "2014-01-06", "2014-01-13"]


def test_blocked_time_is_at_most_the_time_of_the_pass():
    """Requests that hang side by side were blocked for longer than the pass took; no file has more than its time."""
    tasks = [PendingFile(FILE), PendingFile(replace(FILE, path=Path("b.csv")))]
    measured = MeasuredPass(AT, 1_001, ProcessUsage(None, None))
    events = pass_events(KEY, "1", tasks, [result(blocked_ns=1_000), result(blocked_ns=900)], measured)
    assert [event.duration_ns for event in events] == [event.blocked_ns for event in events] == [500, 501]
    assert {event.cpu_ns for event in events} == {None}
