"""The worker of a running service: it forgets no file and does not overload a partner."""

import json
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.delivery.outbox_actions import resend_all
from poc.errors import BadInput, TryLater
from poc.ledger.opening import open_ledger
from poc.ledger.schema import FEED
from poc.service import worker
from poc.service.runner import RunResult
from poc.service.worker import InboxWorker
from poc.validation.live_workspace import LiveWorkspace


@pytest.fixture(params=[1, 3])
def level(request):
    """A level without retries."""
    return request.param


@pytest.fixture
def fault():
    """What the partner answers at first."""
    return "unavailable"


@pytest.fixture
def inboxes(tmp_path, start_partner, good_csv, level, fault):
    """A workspace of two airlines whose partner refuses the first sends of a.csv, and a fixed clock."""
    plan = {"faults": {"AA/flights/a.csv": {"0": {"1": fault, "2": fault}}}}
    partner = start_partner(plan)
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"AA": AIRLINES["AA"], "UA": AIRLINES["UA"]}, "")
    with (root / "milepost.toml").open("a") as file:
        file.write(f"level = {level}\n")
    for path in (root / "partners").glob("*.toml"):
        text = path.read_text().replace("timeout_s = 2.0", "timeout_s = 60")
        path.write_text(text.replace("http://127.0.0.1:8766", partner.url))
    for airline, name in (("AA", "a.csv"), ("UA", "b.csv")):
        file = good_csv(root / "var" / "inbox" / airline / "flights" / name, 3)
        os.utime(file, (0, 0))
    clock = [datetime(2026, 1, 1, 12, tzinfo=UTC)]
    said: list[str] = []
    with InboxWorker(load_workspace(root), lambda: clock[0], "0.1.0", lambda: False, said.append) as service:
        yield service, partner, clock, said, root


def turn(service):
    """Look into the inboxes, and wait until what was found is exchanged."""
    service.scan()
    service.wait()


def test_a_failed_file_waits_a_day_and_others_do_not(inboxes):
    """A refused file is sent once a day and reported once each time; the next file is delivered at once."""
    service, partner, clock, said, _ = inboxes
    for _ in range(5):
        turn(service)
    assert len(partner.held("live", "UA")) == 3
    assert len(said) == 1
    assert "AA/flights a.csv: " in said[0]
    assert said[0].endswith("retried in a day, or by `milepost run`")
    clock[0] += timedelta(days=1)
    turn(service)
    assert partner.held("live", "AA") == []
    clock[0] += timedelta(days=1)
    turn(service)
    assert len(partner.held("live", "AA")) == 3


def test_a_retry_by_the_service_is_no_operator_touch(inboxes):
    """The run event of the second attempt says that no person started it."""
    service, _, clock, _, root = inboxes
    turn(service)
    clock[0] += timedelta(days=1)
    turn(service)
    lines = [json.loads(line) for path in (root / "var/spool/live").iterdir() for line in path.read_text().splitlines()]
    ends = [(line["key"]["attempt"], line["operator_touch"]) for line in lines if line["kind"] == "run"]
    assert sorted(ends) == [(1, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize("level", [1], indirect=True)
def test_a_changed_file_is_retried_at_once(inboxes):
    """A file that is handed in again does not wait for the next day."""
    service, partner, _, _, root = inboxes
    turn(service)
    file = root / "var/inbox/AA/flights/a.csv"
    os.utime(file, (1, 1))
    turn(service)
    os.utime(file, (2, 2))
    turn(service)
    assert len(partner.held("live", "AA")) == 3


def test_a_broken_feed_does_not_block_the_others(inboxes):
    """A missing contract is reported once, and the other airline's file is delivered."""
    _, partner, clock, said, root = inboxes
    (root / "contracts" / "flights.schema.json").rename(root / "contracts" / "kept.json")
    path = root / "partners" / "UA.toml"
    path.write_text(path.read_text().replace("flights.schema.json", "kept.json"))
    (root / "contracts" / "flights.schema.json").write_text("{}")
    with InboxWorker(load_workspace(root), lambda: clock[0], "0.1.0", lambda: False, said.append) as service:
        turn(service)
        turn(service)
    assert len(partner.held("live", "UA")) == 3
    assert [line for line in said if "not a Table Schema" in line] == said[:1]


@pytest.mark.parametrize("level", [4], indirect=True)
def test_a_due_exchange_is_sent_at_its_time(inboxes):
    """At level 4 a refused file is due within seconds, is not sent before, and needs no person."""
    service, partner, clock, said, root = inboxes
    turn(service)
    assert len(partner.held("live", "UA")) == 3
    assert "due at 2026-01-01 12:00:0" in said[0]
    assert not (root / "var/inbox/AA/flights/a.csv").exists()
    turn(service)
    assert partner.held("live", "AA") == []
    clock[0] += timedelta(seconds=10)
    turn(service)
    clock[0] += timedelta(seconds=400)
    turn(service)
    assert len(partner.held("live", "AA")) == 3


@pytest.mark.parametrize("level", [4], indirect=True)
@pytest.mark.parametrize("fault", ["unavailable", "bad-request"])
def test_a_request_sent_again_by_a_person_does_not_wait(inboxes):
    """What a person makes due is sent at the next turn, however long the service would have waited."""
    service, partner, clock, _, root = inboxes
    turn(service)
    for _ in range(2):
        with closing(open_ledger(root / "var/ledger.db")) as ledger:
            resend_all(ledger, ["AA"], int(clock[0].timestamp() * 1e6))
        turn(service)
    assert len(partner.held("live", "AA")) == 3


@pytest.mark.parametrize("level", [1], indirect=True)
def test_a_clock_that_jumped_parks_no_file(inboxes):
    """A file that failed under a clock ten years ahead is tried again when the clock is right."""
    service, partner, clock, _, _ = inboxes
    clock[0] += timedelta(days=3650)
    turn(service)
    clock[0] -= timedelta(days=3650)
    for _ in range(2):
        turn(service)
        clock[0] += timedelta(days=1)
    assert len(partner.held("live", "AA")) == 3


def test_a_file_that_cannot_be_worked_on_at_the_moment_is_tried_soon(inboxes, monkeypatch):
    """A full disk or a ledger in use delays the file by seconds, not by a day, and is reported once."""
    service, partner, clock, said, _ = inboxes

    def is_full(*_):
        raise TryLater("no room on the disk; make room and try again")

    with monkeypatch.context() as patched:
        patched.setattr("poc.service.runner.exchange", is_full)
        for _ in range(3):
            turn(service)
            clock[0] += timedelta(seconds=10)
    assert [line for line in said if "UA" in line] == ["UA/flights b.csv: no room on the disk; make room and try again"]
    turn(service)
    assert len(partner.held("live", "UA")) == 3


def test_an_inbox_that_cannot_be_listed_blocks_no_other(inboxes, good_csv):
    """Its reason is reported once, and the files of the others are exchanged."""
    service, partner, _, said, root = inboxes
    turn(service)
    inbox = root / "var" / "inbox"
    (inbox / "AA" / "flights" / "a.csv").unlink(missing_ok=True)
    (inbox / "AA" / "flights").rmdir()
    (inbox / "AA" / "flights").symlink_to("flights")
    os.utime(good_csv(inbox / "UA" / "flights" / "c.csv", 3, 10), (0, 0))
    said.clear()
    for _ in range(3):
        turn(service)
    assert len(partner.held("live", "UA")) == 6
    assert [line.partition(": ")[0] for line in said] == ["AA/flights flights"]


def test_the_service_goes_on_after_an_unexpected_error(inboxes, monkeypatch):
    """An error that ended the lanes is raised once, and the next look into the inboxes starts others."""
    service, partner, _, _, _ = inboxes

    def fails(*_):
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr("poc.service.feed_work.InboxWork.turn", fails)
        turn(service)
    with pytest.raises(RuntimeError, match="a bug"):
        turn(service)
    turn(service)
    assert len(partner.held("live", "UA")) == 3


@pytest.mark.parametrize("level", [1], indirect=True)
def test_what_a_service_remembers_has_a_bound(inboxes, monkeypatch):
    """Of files that failed long ago neither the time of the next try nor the message is kept."""
    service, _, clock, said, root = inboxes
    monkeypatch.setattr(worker, "MIN_KEPT_TIMES", 2)
    service._kept_times = 2
    monkeypatch.setattr(worker, "MAX_KEPT_MESSAGES", 3)
    inbox = root / "var" / "inbox" / "UA" / "flights"
    for number in range(12):
        result = RunResult("UA", "flights", inbox / f"{number}.csv", error=BadInput(f"problem {number}"))
        result.path.write_text("")
        for _ in range(2):
            service._handle(result)
        clock[0] += timedelta(days=1)
    assert said == [
        f"UA/flights {number}.csv: problem {number}; retried in a day, or by `milepost run`" for number in range(12)
    ]
    assert len(service._not_before) <= 4
    assert len(service._reported) == 3


@pytest.mark.parametrize("level", [1, 5], indirect=True)
def test_files_wait_for_the_sending_hours(inboxes, good_csv):
    """Nothing is sent before they begin, and nothing is reported as wrong; other feeds are sent at once."""
    _, partner, clock, said, root = inboxes
    path = root / "partners" / "UA.toml"
    path.write_text(path.read_text() + '\n[feed.flights.send]\nnot_before = "13:00"\ncut_off = "14:00"\n')
    (root / "var/inbox/AA/flights/a.csv").rename(root / "var/inbox/AA/flights/good.csv")
    with InboxWorker(load_workspace(root), lambda: clock[0], "0.1.0", lambda: False, said.append) as service:
        turn(service)
        turn(service)
        assert (len(partner.held("live", "AA")), partner.held("live", "UA"), said) == (3, [], [])
        clock[0] += timedelta(hours=1)
        turn(service)
        assert len(partner.held("live", "UA")) == 3
        os.utime(good_csv(root / "var/inbox/UA/flights/c.csv", 2, 7), (0, 0))
        clock[0] += timedelta(hours=1)
        turn(service)
        assert (len(partner.held("live", "UA")), said) == (3, [])


def test_a_feed_in_which_nothing_waits_has_no_further_turn(inboxes):
    """Each turn takes a lease and reads the contract: a thousand idle feeds kept a processor busy."""
    service, _, _, _, root = inboxes
    with closing(open_ledger(root / "var/ledger.db")) as ledger:
        turns = []
        for _ in range(4):
            turn(service)
            turns.append(ledger.connection.execute(sa.select(FEED.c.partner, FEED.c.epoch)).all())
            ledger.connection.rollback()
    assert turns[1] == turns[2] == turns[3]


@pytest.mark.parametrize("level", [4])
def test_a_partner_that_is_added_while_the_service_runs_is_served(inboxes, good_csv):
    """Its files are exchanged without a restart; a contract that is broken meanwhile stops nobody who was served."""
    service, partner, _, said, root = inboxes
    live = LiveWorkspace(load_workspace(root), said.append, said.append)
    service._refresh = live.refresh
    turn(service)
    text = (root / "partners/UA.toml").read_text()
    (root / "partners/BB.toml").write_text(text.replace("UA", "BB"))
    (root / "var/inbox/BB/flights").mkdir(parents=True)
    os.utime(good_csv(root / "var/inbox/BB/flights/c.csv", 3), (0, 0))
    for _ in range(3):
        turn(service)
    assert len(partner.held("live", "BB")) == 3
    contract = root / "contracts/flights.schema.json"
    contract.write_text(contract.read_text().replace('"fields"', '"feilds"'))
    os.utime(good_csv(root / "var/inbox/BB/flights/d.csv", 4, first=100), (0, 0))
    for _ in range(3):
        turn(service)
    assert len(partner.held("live", "BB")) == 7
    assert [line for line in said if "the change is not used" in line]
