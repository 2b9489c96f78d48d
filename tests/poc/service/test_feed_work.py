"""The work of a feed between two turns: what changed meanwhile is not overwritten."""

import os
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from metrics.events import SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.delivery.outbox_actions import give_up
from poc.exchanges.joint_resume import resume_together
from poc.ledger.lookup import find_by_prefix
from poc.ledger.opening import open_ledger
from poc.ledger.tables.schedules import ARRIVAL
from poc.service import finished_file
from poc.service.feed_work import InboxWork
from poc.service.run_settings import RunSelection, RunSettings
from poc.transports import archive as transports_archive

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path, good_csv):
    """A workspace with turns of one file, two files in its inbox, and a partner that cannot be reached."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    path.write_text(path.read_text().replace("http://127.0.0.1:8766", "http://127.0.0.1:9"))
    with (root / "milepost.toml").open("a") as file:
        file.write("[work]\nquantum_files = 1\n")
    for first, name in enumerate(("a.csv", "b.csv"), 1):
        os.utime(good_csv(root / "var" / "inbox" / "UA" / "flights" / name, 3, first), (0, 0))
    return load_workspace(root)


@pytest.fixture
def opened(workspace):
    """The ledger, a moving clock, the results, and a function that returns the work that waits in the feed."""
    clock, results, works = [NOW], [], []
    with closing(open_ledger(workspace.ledger)) as ledger, closing(SpoolRecorder(workspace.spool)) as recorder:
        settings = RunSettings(
            workspace=workspace, level=4, clock=lambda: clock[0], recorder=recorder, release="0", by_person=True,
            selection=RunSelection(), busy_wait_s=0,
        )  # fmt: skip

        def work(workspace=workspace, level=4):
            of_work = replace(settings, workspace=workspace, level=level)
            works.append(InboxWork(of_work, "UA", "flights", results.append))
            return works[-1]

        yield ledger, clock, results, work
        for begun in works:
            begun.end()


def test_an_exchange_that_a_person_gave_up_between_two_turns_is_left_alone(opened):
    """The turn goes on with the exchanges as they are now, not as they were listed."""
    ledger, clock, results, work = opened
    arriving = work()
    assert (arriving.turn(ledger), arriving.turn(ledger)) == (0.0, None)
    keys = {result.receipt.exchange_id for result in results}
    clock[0] += timedelta(days=1)
    results.clear()
    resuming = work()
    assert resuming.turn(ledger) == 0.0
    (other,) = keys - {result.receipt.exchange_id for result in results}
    give_up(ledger, find_by_prefix(ledger, other), "the partner left")
    assert resuming.turn(ledger) is None
    assert len(results) == 1
    assert find_by_prefix(ledger, other).outcome == "given_up"


def test_a_file_whose_name_is_written_anew_between_two_turns_is_left_for_later(opened, workspace, good_csv):
    """A file was complete when it was listed; when its turn comes, its sender may be writing another one."""
    ledger, _, results, work = opened
    arriving = work()
    assert arriving.turn(ledger) == 0.0
    good_csv(workspace.inbox("UA", "flights") / "b.csv", 2, 10)
    assert arriving.turn(ledger) is None
    assert [result.path.name for result in results] == ["a.csv"]


def test_a_file_that_is_gone_when_it_is_moved_is_said(opened, workspace, monkeypatch):
    """Another process may archive it between the look and the move: a note says so, and the next file is exchanged."""
    ledger, _, results, work = opened
    path = workspace.inbox("UA", "flights") / "a.csv"
    archive = transports_archive.archive_file

    def archive_missing(*arguments):
        path.unlink(missing_ok=True)
        return archive(*arguments)

    monkeypatch.setattr(finished_file, "archive_file", archive_missing)
    arriving = work()
    assert (arriving.turn(ledger), arriving.turn(ledger)) == (0.0, None)
    assert [(result.error, result.note) for result in results] == [
        (None, f"{path} was deleted while it was exchanged, so that it is not archived"),
        (None, ""),
    ]


def test_a_turn_of_a_partner_with_a_rate_has_the_files_that_fit_into_its_time(opened, workspace):
    """Files of a pass wait for one another's requests, so that a turn has no more of them than requests may be sent."""
    ledger, _, results, work = opened
    root = workspace.root
    settings = root / "milepost.toml"
    settings.write_text(settings.read_text().replace("quantum_files = 1", "quantum_files = 20\nquantum_s = 1"))
    partner = root / "partners" / "UA.toml"
    partner.write_text(partner.read_text().replace('name = "United', 'rate = "1/s"\nname = "United'))
    slow = work(load_workspace(root))
    assert slow.turn(ledger) == 0.0
    assert [result.path.name for result in results] == ["a.csv"]


def with_keys(workspace, keys):
    """The workspace with keys added at the end of the partner's file."""
    path = workspace.root / "partners" / "UA.toml"
    path.write_text(f"{path.read_text()}\n{keys}\n")
    return load_workspace(workspace.root)


def test_after_the_cut_off_nothing_new_is_begun(opened, workspace):
    """The file that is under way at the cut-off is finished; the next one waits for the next hours."""
    ledger, clock, results, work = opened
    arriving = work(with_keys(workspace, '[feed.flights.send]\nnot_before = "11:00"\ncut_off = "12:01"'))
    assert arriving.turn(ledger) == 0.0
    clock[0] = NOW + timedelta(minutes=1)
    assert arriving.turn(ledger) is None
    assert [result.path.name for result in results] == ["a.csv"]
    assert (workspace.inbox("UA", "flights") / "b.csv").exists()


def test_arrivals_of_expected_files_are_recorded_before_the_files_are_taken(opened, workspace):
    """Also of a file that came before with the same content: it arrived, and is no exchange of its own."""
    ledger, clock, results, work = opened
    expecting = with_keys(workspace, '[feed.flights.expect]\nby = "06:00"')
    clock[0] = datetime.now(UTC)
    inbox = workspace.inbox("UA", "flights")
    (inbox / "again.csv").write_bytes((inbox / "a.csv").read_bytes())
    os.utime(inbox / "again.csv", (0, 0))
    arriving = work(expecting)
    while arriving.turn(ledger) is not None:
        pass
    assert len(results) == 3
    assert list(inbox.iterdir()) == []
    rows = ledger.connection.execute(ARRIVAL.select()).all()
    assert sorted(row.file for row in rows) == ["a.csv", "again.csv", "b.csv"]
    now_us = clock[0].timestamp() * 1_000_000
    assert all(0 <= now_us - row.at_us < 3600 * 1_000_000 for row in rows)


def test_exchanges_that_are_due_are_resumed_in_one_step_where_files_pass_together(opened, workspace, monkeypatch):
    """At level 5, a turn that has room for two takes them up together, and says what became of each."""
    ledger, clock, results, work = opened
    settings = workspace.root / "milepost.toml"
    settings.write_text(settings.read_text().replace("quantum_files = 1", "quantum_files = 2"))
    roomy = load_workspace(workspace.root)
    assert work(roomy, level=5).turn(ledger) is None
    assert [result.receipt.outcome for result in results] == ["due", "due"]
    clock[0] += timedelta(days=1)
    results.clear()
    together = []
    monkeypatch.setattr(
        "poc.service.runner.resume_together",
        lambda prepared, exchanges, *others: (
            together.append(len(exchanges)) or resume_together(prepared, exchanges, *others)
        ),
    )
    assert work(roomy, level=5).turn(ledger) is None
    assert together == [2]
    ended = sorted((result.path.name, result.receipt.outcome, result.receipt.attempt) for result in results)
    assert ended == [("a.csv", "due", 2), ("b.csv", "due", 2)]
