"""Partners side by side: one that hangs, is broken or is busy elsewhere stops no other, and nothing is sent twice."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrics.events import SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import TryLater, UnexpectedError
from poc.ledger.ledger import LOCK_TIMEOUT_S
from poc.ledger.opening import open_ledger
from poc.ledger.queries import exchange_totals, unconfirmed_requests
from poc.pipeline import prepared_feed
from poc.service import prepared_feeds
from poc.service.inbox_run import run_inbox

NOW = datetime(2026, 1, 5, 6, tzinfo=UTC)
CRASHING = Path(__file__).parents[1] / "crashing.py"


class HangingPartner:
    """A server that takes requests and answers none, until it is released."""

    def __init__(self):
        self.asked, self._released = threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(65536)
            self.asked.set()
            self._released.wait()

    def release(self):
        """Close the connection without an answer, and take no other."""
        self._listener.close()
        self._released.set()
        self._thread.join()


@pytest.fixture
def hanging():
    """A partner that never answers."""
    partner = HangingPartner()
    yield partner
    if not partner.asked.is_set():
        socket.create_connection(("127.0.0.1", int(partner.url.rpartition(":")[2]))).close()
    partner.release()


@pytest.fixture
def workspace(tmp_path, good_csv):
    """A function that makes a workspace of partners, by their settings, each with a number of files in its inbox."""
    root = tmp_path / "w"

    def build(partners, files=1, rows=3, work=""):
        create_workspace(root, "lanes", "live", dict.fromkeys(partners, AIRLINES["UA"]), "")
        with (root / "milepost.toml").open("a") as settings:
            settings.write(f"[work]\n{work}\n" if work else "")
        for name, endpoint in partners.items():
            path = root / "partners" / f"{name}.toml"
            head, _, tail = path.read_text().partition("[endpoint]\n")
            path.write_text(f"{head}[endpoint]\n{endpoint}\n\n{tail[tail.index('[feed') :]}")
            for number in range(files):
                first = 1 + number * rows
                file = good_csv(root / "var/inbox" / name / "flights" / f"{number:02}.csv", rows, first)
                os.utime(file, (0, 0))
        return root

    return build


def run(root, **options):
    """Run the inboxes, and yield partner and result as they come."""
    results = run_inbox(
        load_workspace(root), None, 4, lambda: NOW, SpoolRecorder(root / "var/spool/live"), "0", **options
    )
    return ((result.partner, result) for result in results)


def at(partner, honours_keys=True):
    """The settings of a partner that takes requests."""
    return f'url = "{partner.url}/n/UA"\nhonours_keys = {str(honours_keys).lower()}\ntimeout_s = 300'


def test_a_partner_that_hangs_delays_no_other(workspace, start_partner, hanging):
    """While one partner does not answer, all files of the other are delivered; then the first one's file is due."""
    root = workspace({"AA": at(hanging), "UA": at(start_partner())}, files=5)
    results = run(root)
    assert [next(results)[0] for _ in range(5)] == ["UA"] * 5
    assert hanging.asked.wait(60)
    hanging.release()
    assert [(partner, result.receipt.outcome) for partner, result in results] == [("AA", "due")] * 5


def test_a_feed_that_raises_any_error_stops_no_other(workspace, start_partner, monkeypatch):
    """An error that nothing expects is a result of its feed, named as a bug; the other partner is served."""
    root = workspace({"AA": at(start_partner()), "UA": at(start_partner())})
    prepare = prepared_feed.prepare_feed

    def broken_for_aa(workspace, partner, *rest, **options):
        if partner == "AA":
            raise ValueError("no such dialect")
        return prepare(workspace, partner, *rest, **options)

    monkeypatch.setattr(prepared_feeds, "prepare_feed", broken_for_aa)
    results = dict(run(root))
    assert results["UA"].receipt.outcome == "done"
    assert type(results["AA"].error) is UnexpectedError
    assert "unexpected ValueError in broken_for_aa" in str(results["AA"].error)


def test_a_partner_whose_file_is_broken_is_left_out(workspace, start_partner):
    """The others are served, and the command names the file and exits with 2; so does `status`."""
    from click.testing import CliRunner

    from milepost.cli import main

    root = workspace({"AA": at(start_partner()), "UA": at(start_partner())})
    (root / "partners" / "AA.toml").write_text("schema = 2\n")
    done = CliRunner().invoke(main, ["-w", str(root), "run"])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert str(root / "partners" / "AA.toml") in done.stderr
    assert "UA/flights 00.csv: done; 3 rows in: 3 delivered" in done.stdout
    state = CliRunner().invoke(main, ["-w", str(root), "status"])
    assert state.exit_code == 2
    assert "AA.toml" in state.stderr


def test_an_inbox_that_cannot_be_listed_stops_no_other(workspace, start_partner):
    """The others are served, and `run` and `status` name the folder."""
    from click.testing import CliRunner

    from milepost.cli import main

    root = workspace({"AA": at(start_partner()), "UA": at(start_partner())})
    inbox = root / "var" / "inbox" / "AA" / "flights"
    shutil.rmtree(inbox)
    inbox.symlink_to("flights")
    done = CliRunner().invoke(main, ["-w", str(root), "run"])
    assert done.exit_code == 2
    assert f"milepost: AA/flights: {inbox}: Too many levels of symbolic links" in done.stderr
    assert "UA/flights 00.csv: done; 3 rows in: 3 delivered" in done.stdout
    state = CliRunner().invoke(main, ["-w", str(root), "status"])
    assert (state.exit_code, str(inbox) in state.stdout) == (0, True)


def test_the_feed_served_the_longest_ago_comes_first(workspace, good_csv):
    """With one lane, a partner that had no turn for long is served before the one that just had one.

    The partners are folders: a feed that waits for an answer keeps no slot, so that a second lane would work beside it.
    """
    folders = {"AA": 'folder = "of-aa"', "UA": 'folder = "of-ua"'}
    root = workspace(folders, files=2, work="slots = 1\nquantum_files = 1")
    for name in ("of-aa", "of-ua"):
        (root / name).mkdir()
    assert [name for name, _ in run(root)] == ["AA", "UA", "AA", "UA"]
    for name in ("AA", "UA"):
        os.utime(good_csv(root / "var/inbox" / name / "flights" / "new.csv", 3, 100), (0, 0))
    holder = run_inbox(load_workspace(root), "AA", 4, lambda: NOW, SpoolRecorder(root / "var/spool/live"), "0")
    assert [result.partner for result in holder] == ["AA"]
    os.utime(good_csv(root / "var/inbox/AA/flights/newer.csv", 3, 200), (0, 0))
    results = list(run(root))
    assert [(name, result.receipt.outcome) for name, result in results] == [("UA", "done"), ("AA", "done")]


def test_two_runs_at_once_send_each_file_once_and_in_order(workspace, start_partner):
    """Two processes share the feeds: each partner gets all files once, by name and row, and both exit with 0."""
    partner = start_partner()
    names = ["AA", "B6", "DL", "UA"]
    settings = {name: f'url = "{partner.url}/n/{name}"\nhonours_keys = false\ntimeout_s = 60' for name in names}
    root = workspace(settings, files=8, work="quantum_files = 2")
    command = [sys.executable, "-m", "milepost", "-w", str(root), "run", "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    receipts = [json.loads(line) for out, _ in printed for line in out.splitlines()]
    assert [receipt["outcome"] for receipt in receipts] == ["done"] * 32
    for name in names:
        assert [record["flight"] for record in partner.held("n", name)] == [f"UA{row}" for row in range(1, 25)]


@pytest.mark.parametrize(
    ("command", "number", "code"), [("serve --port 0", signal.SIGTERM, 143), ("run", signal.SIGINT, 130)]
)
def test_a_command_ends_within_seconds_of_a_signal_while_a_partner_hangs(
    workspace, start_partner, hanging, command, number, code
):
    """A signal ends `serve` and `run` whatever a partner does, and the next run takes up what was under way."""
    root = workspace({"UA": f'url = "{hanging.url}/n/UA"\nhonours_keys = true\ntimeout_s = 600'}, files=3)
    words = [sys.executable, "-m", "milepost", "-w", str(root), *command.split()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert hanging.asked.wait(60)
        process.send_signal(number)
        assert process.wait(timeout=120) == code  # long before the partner's time-out, also on a slow machine
        assert "the next start takes up what was under way" in process.stderr.read()
    partner = start_partner()
    path = root / "partners" / "UA.toml"
    path.write_text(path.read_text().replace(hanging.url, partner.url))
    assert [result.receipt.outcome for _, result in run(root)] == ["done", "done", "done"]
    assert len(partner.held("n")) == 9


def stop_at(root, step, level=4):
    """Start a run that is stopped at a step, and return it when it is stopped."""
    environ = {**os.environ, "MILEPOST_DIE_AT": step, "MILEPOST_DIE_BY": "SIGSTOP"}
    command = [sys.executable, str(CRASHING), str(root), NOW.isoformat(), str(level)]
    stopped = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    status = os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert status.si_code == os.CLD_STOPPED
    return stopped


def go_on(stopped):
    """Let a stopped run go on to its end: it gets through, or is told that it was replaced."""
    stopped.send_signal(signal.SIGCONT)
    out, err = stopped.communicate(timeout=300)
    assert "through" in out or "LeaseLost" in err, err


def run_beside(root, stopped, lock_timeout_s=LOCK_TIMEOUT_S):
    """Run beside a stopped process, which then goes on; run again if it was stopped while it locked the ledger."""
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("poc.ledger.sqlite.store.LOCK_TIMEOUT_S", lock_timeout_s)
            results = [result for _, result in run(root)]
    finally:
        go_on(stopped)
    if results and results[0].error is not None:  # it was stopped in a commit, maybe of a heartbeat
        assert type(results[0].error) is TryLater
        results = [result for _, result in run(root)]
    assert {result.error for result in results} <= {None}


def check_nothing_twice(root, partner, *, honours_keys):
    """Check that the partner has each row once, or that what may have arrived is ambiguous and held."""
    held = [record["flight"] for record in partner.held("n")]
    assert len(held) == len(set(held))
    ledger = open_ledger(root / "var" / "ledger.db")
    totals = exchange_totals(ledger)
    waiting = unconfirmed_requests(ledger)
    ledger.close()
    delivered, ambiguous, rows_in = (sum(row[name] for row in totals) for name in ("delivered", "ambiguous", "in"))
    assert delivered + ambiguous == rows_in == 1200
    if honours_keys:
        assert ({row["outcome"] for row in totals}, len(held), waiting) == ({"done"}, 1200, [])
    else:
        assert 1200 - len(held) <= ambiguous == sum(request["rows"] for request in waiting)


@pytest.mark.parametrize(
    ("honours_keys", "step"),
    [
        (True, "before:send:0"), (True, "after:send:0"), (True, "after:send:2"),
        (True, "after:commit:0"),
        (False, "before:send:0"), (False, "after:send:0"), (False, "after:commit:0"),
    ],
)  # fmt: skip
def test_a_stopped_process_that_was_replaced_sends_nothing_twice(workspace, start_partner, honours_keys, step):
    """A process that is stopped for longer than its lease is replaced, and does no harm when it goes on."""
    partner = start_partner(None if honours_keys else {"ignores_keys": ["UA"]})
    root = workspace({"UA": at(partner, honours_keys)}, rows=1200, work="lease_s = 0.5")
    stopped = stop_at(root, step)
    run_beside(root, stopped)
    check_nothing_twice(root, partner, honours_keys=honours_keys)


@pytest.mark.parametrize(
    ("honours_keys", "step"),
    [(True, "before:read:1"), (True, "after:send:0"), (True, "before:confirm:1"), (False, "after:send:1")],
)
def test_a_pass_that_is_stopped_and_replaced_sends_nothing_twice(workspace, start_partner, honours_keys, step):
    """Another process takes over the files of a pass that is stopped for longer than its lease; no row comes twice."""
    partner = start_partner(None if honours_keys else {"ignores_keys": ["UA"]})
    root = workspace({"UA": at(partner, honours_keys)}, files=3, rows=400, work="lease_s = 0.5")
    stopped = stop_at(root, step, level=5)
    run_beside(root, stopped)
    check_nothing_twice(root, partner, honours_keys=honours_keys)


@pytest.mark.parametrize(("honours_keys", "step"), [(True, "before:commit:0"), (False, "before:mark:0")])
def test_a_process_that_is_stopped_in_a_commit_makes_the_others_wait(workspace, start_partner, honours_keys, step):
    """While it keeps the ledger locked, others are told to try later; when it goes on, everything is delivered once."""
    partner = start_partner(None if honours_keys else {"ignores_keys": ["UA"]})
    root = workspace({"UA": at(partner, honours_keys)}, rows=1200, work="lease_s = 0.5")
    stopped = stop_at(root, step)
    run_beside(root, stopped, lock_timeout_s=0.2)
    check_nothing_twice(root, partner, honours_keys=honours_keys)


def test_a_process_that_is_killed_is_replaced_at_once(workspace, start_partner):
    """The feed of a process that died goes on in another one that was running all the time."""
    partner = start_partner()
    root = workspace({"UA": at(partner)}, rows=1200)
    dying = stop_at(root, "before:send:1")
    results = run(root)
    dying.kill()
    dying.communicate()
    assert [result.receipt.outcome for _, result in results] == ["done"]
    assert sorted(record["flight"] for record in partner.held("n")) == sorted(f"UA{n}" for n in range(1, 1201))


def test_as_many_hanging_partners_as_slots_stop_no_other(workspace, start_partner, hanging):
    """A feed that waits for its partner keeps no slot: with one slot, the other partner is served meanwhile."""
    root = workspace({"AA": at(hanging), "UA": at(start_partner())}, work="slots = 1")
    results = run(root)
    partner, result = next(results)
    assert (partner, result.receipt.outcome) == ("UA", "done")
    assert hanging.asked.wait(60)
    hanging.release()
    assert [(partner, result.receipt.outcome) for partner, result in results] == [("AA", "due")]
