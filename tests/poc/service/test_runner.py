"""What a run says of files that are gone while it works, and the events of its passes; it goes on with the others."""

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from errno import ENOSPC
from itertools import count, pairwise
from shutil import copy
from threading import Barrier
from time import monotonic_ns

import pytest

from metrics.events import to_line
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import DeliveryFailed
from poc.service.inbox_run import run_inbox
from poc.service.runner import Runner


class DeletesFile:
    """A recorder that deletes or replaces the first file of the inbox when its run has started, or has ended."""

    def __init__(self, path, *, at_start, replacement=b""):
        self._path, self._at_start, self._replacement = path, at_start, replacement

    def record(self, event, *, started=False):
        """Take an event, as a recorder does."""
        assert to_line(event, started=started)
        if event.file == self._path.name and started is self._at_start:
            self._path.unlink()
            if self._replacement:
                self._path.write_bytes(self._replacement)


@pytest.fixture
def workspace(tmp_path, good_csv):
    """A workspace whose partner takes files in a folder, with a.csv and b.csv in its inbox."""
    root = tmp_path / "w"
    create_workspace(root, "w", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    head, _, tail = path.read_text().partition("[endpoint]\n")
    path.write_text(f'{head}[endpoint]\nfolder = "{tmp_path}"\n{tail[tail.index("[feed") :]}')
    for first, name in enumerate(("a.csv", "b.csv"), 1):
        os.utime(good_csv(root / "var" / "inbox" / "UA" / "flights" / name, 3, first), (0, 0))
    return load_workspace(root)


@pytest.mark.parametrize("at_start", [True, False])
@pytest.mark.parametrize(("replacement", "event"), [(b"", "deleted"), (b"new", "replaced or changed")])
def test_a_file_that_is_gone_before_it_is_archived_is_said(workspace, tmp_path, at_start, replacement, event):
    """Its rows are delivered, the note says why the archive has no copy, and the next file is exchanged."""
    path = workspace.inbox("UA", "flights") / "a.csv"
    recorder = DeletesFile(path, at_start=at_start, replacement=replacement)
    results = list(run_inbox(workspace, None, 4, lambda: datetime.now(UTC), recorder, "0"))
    assert {(result.receipt.outcome, result.note) for result in results} == {
        ("done", f"{path} was {event} while it was exchanged, so that it is not archived"),
        ("done", ""),
    }
    assert len(list((tmp_path / "flights").iterdir())) == 2


@dataclass
class FullDisk:
    """A recorder whose disk is full for the end of the runs of one file."""

    file: str = ""
    events: list = field(default_factory=list)

    def record(self, event, *, started=False):
        """Take an event, as a recorder does."""
        if event.file == self.file and not started:
            raise OSError(ENOSPC, "No space left on device", "spool")
        self.events.append((started, event))


@pytest.fixture
def run_pass(start_partner, make_prepared, ledger):
    """A function that exchanges files in a pass; gives the results, and the pass's wall time."""
    prepared = make_prepared(start_partner({"faults": {"UA/flights/a.csv": {"0": {"1": "gone"}}}}).url, level=5)

    def run(recorder, *paths):
        runner = Runner(prepared, ledger, lambda: datetime(2013, 1, 7, 6, tzinfo=UTC), recorder, "0")
        began_ns = monotonic_ns()
        return runner.exchange_files(paths), monotonic_ns() - began_ns

    return run


def test_the_runs_of_a_pass_follow_one_another_and_add_up_to_its_time(run_pass, good_csv, tmp_path):
    """Each file has a start and an end; a file received again has its own; no instant is counted twice."""
    paths = [good_csv(tmp_path / f"{name}.csv", rows, first) for name, rows, first in (("b", 40, 1), ("c", 2, 41))]
    paths += [copy(paths[0], tmp_path / name) for name in ("again.csv", "once-more.csv")]
    recorder = FullDisk()
    results, wall_ns = run_pass(recorder, *paths)
    assert [receipt.outcome for receipt in results] == ["done", "done", "already_received", "already_received"]
    ended = [event for started, event in recorder.events if not started]
    assert [event.file for event in ended] == [path.name for path in paths]
    assert [event.file for started, event in recorder.events if started] == ["b.csv", "c.csv"]
    assert len({event.key for event in ended}) == 4
    assert sum(event.duration_ns for event in ended) <= wall_ns
    assert ended[0].duration_ns > 15 * ended[1].duration_ns
    for before, after in pairwise(ended):
        assert before.started_at_us + before.duration_ns // 1000 <= after.started_at_us


def test_a_run_that_cannot_be_recorded_is_an_error_of_its_file(run_pass, good_csv, tmp_path):
    """The others of the pass have their receipts."""
    paths = [good_csv(tmp_path / f"{name}.csv", 2, first) for first, name in enumerate("bcd")]
    first, second, third = run_pass(FullDisk("c.csv"), *paths)[0]
    assert (first.outcome, second.errno, third.outcome) == ("done", ENOSPC, "done")


def test_a_file_of_a_pass_may_be_known_by_another_name(run_pass, good_csv, tmp_path):
    """A file whose delivery failed comes again under a new name, beside another one."""
    failed = run_pass(FullDisk(), good_csv(tmp_path / "a.csv", 2))[0]
    assert [receipt.outcome for receipt in failed] == ["failed"]
    again = run_pass(FullDisk(), copy(tmp_path / "a.csv", tmp_path / "b.csv"), good_csv(tmp_path / "c.csv", 2, 3))[0]
    assert again[0].exchange_id == failed[0].exchange_id


def test_requests_that_wait_at_once_do_not_wait_longer_than_their_run(make_prepared, ledger, good_csv, tmp_path):
    """Three time out together after the first one was taken: no run takes less than no time beside its waiting."""
    paths = [good_csv(tmp_path / f"{name}.csv", 2, first) for name, first in (("a", 1), ("b", 3), ("c", 5), ("d", 7))]
    requests, together = count(), Barrier(3)

    class Hangs:
        def post(self, body, headers, now):
            if next(requests):
                together.wait(60)
                raise DeliveryFailed("time-out", "no answer", unknown=True, blocked_s=3600)

    prepared = replace(make_prepared("http://127.0.0.1:1", level=5), endpoint=Hangs(), parallel=3)
    recorder = FullDisk()
    runner = Runner(prepared, ledger, lambda: datetime(2013, 1, 7, 6, tzinfo=UTC), recorder, "0")
    assert [receipt.outcome for receipt in runner.exchange_files(paths)] == ["done", "due", "due", "due"]
    ended = [event for started, event in recorder.events if not started]
    assert all(0 < event.blocked_ns <= event.duration_ns for event in ended)


def test_exchanges_that_are_resumed_together_have_runs_that_add_up(
    start_partner, make_prepared, ledger, good_csv, tmp_path
):
    """Each has its start, its end and its share of the time, as the files of a pass have."""
    plan = {"faults": {f"UA/flights/{name}.csv": {"0": {"1": "unavailable"}} for name in "bc"}}
    prepared = make_prepared(start_partner(plan).url, level=5)
    paths = [good_csv(tmp_path / f"{name}.csv", 2, first) for name, first in (("b", 1), ("c", 3))]
    now = datetime(2013, 1, 7, 6, tzinfo=UTC)
    due = Runner(prepared, ledger, lambda: now, FullDisk(), "0").exchange_files(paths)
    assert [receipt.outcome for receipt in due] == ["due", "due"]
    recorder = FullDisk()
    runner = Runner(prepared, ledger, lambda: now + timedelta(hours=1), recorder, "0")
    began_ns = monotonic_ns()
    receipts = runner.resume_together([ledger.get(receipt.exchange_id) for receipt in due])
    wall_ns = monotonic_ns() - began_ns
    assert [(receipt.outcome, receipt.attempt) for receipt in receipts] == [("done", 2), ("done", 2)]
    ended = [event for started, event in recorder.events if not started]
    assert [event.file for started, event in recorder.events if started] == ["b.csv", "c.csv"]
    assert [(event.file, event.key.attempt, event.outcome) for event in ended] == [
        ("b.csv", 2, "done"),
        ("c.csv", 2, "done"),
    ]
    assert 0 < sum(event.duration_ns for event in ended) <= wall_ns
