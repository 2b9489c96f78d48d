"""Any sequence of kills and partner faults: no row is lost or delivered twice, and every commit balances.

A kill is as hard as `kill -9`: the files of that step are restored once the program has stopped, so that nothing it did
while it was unwinding counts.
"""

import json
import shutil
import socket
import sqlite3
import struct
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from os import utime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from metrics.events import OUTCOMES, SpoolRecorder
from poc.config.workspace import load_workspace
from poc.delivery.outbox_actions import release_partner, settle
from poc.errors import BadInput
from poc.formats.record_splitter import Sizes
from poc.ledger.ledger import open_ledger
from poc.ledger.lookup import find_by_prefix
from poc.ledger.queries import exchange_totals, unfinished_exchanges
from poc.pipeline.prepared_feed import prepare_feed
from poc.quarantine.replay import find_archived_file, replay
from poc.quarantine.store import QuarantineStore
from poc.service.exchange import resume
from poc.service.inbox_run import run_inbox
from poc.transports.http import new_session

START = datetime(2026, 1, 5, 6, tzinfo=UTC)

STEPS = {
    "open": ("poc.service.exchange", "open_regular"),
    "find": ("poc.ledger.ledger", "Ledger.find"),
    "enter": ("poc.ledger.ledger", "Ledger.record_attempt"),
    "commit": ("poc.ledger.ledger", "Ledger.commit"),
    "reserve": ("poc.delivery.outbox", "Outbox.reserve"),
    "hold": ("poc.delivery.outbox", "Outbox.add"),
    "send": ("poc.delivery.sender", "RequestSender.send"),
    "confirm": ("poc.delivery.outbox", "Outbox.confirm"),
    "mark": ("poc.delivery.outbox", "Outbox.set_state"),
    "tidy": ("poc.delivery.outbox", "Outbox.end"),
    "put away": ("poc.service.feed_work", "archive_file"),
}

#: What a partner does with a request. Partner: lost, 500-held. Not held: all others. The first is an answer.
FAULTS = ["", "503", "500", "429", "410", "reset", "hang", "500-held", "lost"]

CONTRACT = {
    "fields": [{"name": "id", "type": "integer"}, {"name": "text", "type": "string"}],
    "primaryKey": ["id"],
}

PARTNER = """\
schema = 1
id = "UA"
name = "United"
[endpoint]
url = "{url}"
timeout_s = 0.15
honours_keys = {keys}
[retry]
breaker_failures = 3
[feed.rows]
contract = "rows.json"
settle_s = 0
request_rows = 3
deliver = "{deliver}"
budget = {{ share = 1.0, rows = 100 }}
map = [ {{ to = "id", from = "id" }}, {{ to = "text", from = "text" }} ]
"""


class Killed(BaseException):
    """The program is killed here."""


class KillSwitch:
    """Kills the program at a step, and copies its files at that moment. Checks the accounts after every commit."""

    def __init__(self):
        self.at, self.passed, self.var, self.lives = None, 0, None, 0

    def step(self, when, name):
        """Count a step, and kill the program at the chosen one."""
        if self.at is not None and self.at[:2] == (when, name):
            self.passed += 1
            if self.passed > self.at[2]:
                shutil.copytree(self.var, self.var.with_name("then"))
                self.at = None
                raise Killed

    def around(self, name, function):
        """Return the function with a step before and after it."""

        def wrapped(*arguments, **named):
            self.step("before", name)
            result = function(*arguments, **named)
            if name == "commit":
                check_balance(arguments[0].path)
            try:
                self.step("after", name)
            except Killed:
                if name == "open":
                    result[0].close()  # as the system does for a program that is killed
                raise
            return result

        return wrapped


def check_balance(path):
    """Check that every account in the ledger adds up, and that pending rows are those in the outbox."""
    with closing(sqlite3.connect(path)) as ledger:
        counts = " + ".join(f"rows_{name}" for name in OUTCOMES)
        wrong = ledger.execute(f"SELECT * FROM exchange WHERE rows_in != {counts}").fetchall()
        assert wrong == []
        waiting = ledger.execute(
            "SELECT id, rows_due + rows_failed + rows_ambiguous AS accounted,"
            " (SELECT coalesce(sum(rows), 0) FROM parcel WHERE exchange_id = id) AS in_outbox"
            " FROM exchange WHERE whole = 1 AND accounted != in_outbox"
        ).fetchall()
        assert waiting == []


@dataclass
class Partner:
    """A partner: the faults of its next requests, and the rows it has."""

    keys: bool = True
    faults: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    known: dict[str, bytes] = field(default_factory=dict)

    def take(self, body, key):
        """Store a body; once, if it comes with a known key."""
        if not (self.keys and key in self.known):
            self.ids += [json.loads(line)["id"] for line in body.splitlines()]
        assert not self.keys or self.known.setdefault(key, body) == body


class PartnerHandler(BaseHTTPRequestHandler):
    """The HTTP handler of the partner."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        """Accept a delivery, or inject the next fault."""
        held = self.server.held
        fault = held.faults.pop(0) if held.faults else ""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if fault in {"", "lost", "500-held"}:
            held.take(body, self.headers["Idempotency-Key"])
        if fault in {"lost", "reset"}:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if fault == "hang":
            self.connection.recv(1)  # until the sender gives up
            self.close_connection = True
            return
        self.send_response(int(fault[:3] or 200))
        if fault == "429":
            self.send_header("Retry-After", "30")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Log nothing."""


@pytest.fixture(scope="module")
def environment():
    """A partner at a URL, and a kill switch in every step; small blocks, and few confirmations per commit."""
    kill_switch = KillSwitch()
    with pytest.MonkeyPatch.context() as patch, ThreadingHTTPServer(("127.0.0.1", 0), PartnerHandler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        for name, (module, place) in STEPS.items():
            owner = import_module(module)
            *classes, attribute = place.split(".")
            for part in classes:
                owner = getattr(owner, part)
            patch.setattr(owner, attribute, kill_switch.around(name, getattr(owner, attribute)))
        patch.setattr("poc.ledger.lease.process_id", lambda: f"life {kill_switch.lives}")
        patch.setattr("poc.ledger.lease.is_dead", lambda owner: owner != f"life {kill_switch.lives}")
        patch.setattr("poc.formats.table_reader.Sizes", lambda: Sizes(block_bytes=60))
        patch.setattr("poc.stages.deliver_once.CONFIRM_BATCH", 2)
        yield server, kill_switch
        server.shutdown()
        thread.join()


class Service:
    """A workspace that is run, killed, and run again."""

    def __init__(self, root, environment, level, *, keys, early):
        server, self.kill_switch = environment
        self.held = server.held = Partner(keys)
        self.root, self.level, self.now = root, level, START
        self.inbox = root / "var" / "inbox" / "UA" / "rows"
        for folder in ("partners", "contracts"):
            (root / folder).mkdir(parents=True)
        self.inbox.mkdir(parents=True)
        (root / "milepost.toml").write_text('schema = 1\nname = "sequences"\n')
        (root / "contracts" / "rows.json").write_text(json.dumps(CONTRACT))
        said = {"url": f"http://127.0.0.1:{server.server_port}/n", "keys": str(keys).lower()}
        (root / "partners" / "UA.toml").write_text(PARTNER.format(**said, deliver="early" if early else "checked"))

    def hand_in(self, name, text):
        """Put a file into the inbox, unless it has one of that name."""
        path = self.inbox / name
        if not path.exists():
            path.write_text(text)
            utime(path, (0, 0))

    def act(self, what, at=None, faults=(), later_s=1.0):
        """Do an action until its end or its kill, and move the clock."""
        self.now += timedelta(seconds=later_s)
        self.held.faults = list(faults)
        self.kill_switch.at, self.kill_switch.passed, self.kill_switch.var = at, 0, self.root / "var"
        self.kill_switch.lives += 1
        try:
            what()
        except Killed:
            shutil.rmtree(self.root / "var")
            (self.root / "then").rename(self.root / "var")
        finally:
            self.kill_switch.at, self.held.faults = None, []

    def run(self):
        """Run what `milepost run` runs."""
        with closing(SpoolRecorder(self.root / "var" / "spool" / "live")) as recorder:
            for ran in run_inbox(load_workspace(self.root), None, self.level, lambda: self.now, recorder, "0"):
                assert ran.error is None, ran.error

    def correct_rows(self):
        """Correct and replay each row in quarantine, as a person does."""
        workspace = load_workspace(self.root)
        with closing(open_ledger(workspace.ledger)) as ledger, new_session() as session:
            ready = prepare_feed(workspace, "UA", "rows", self.level, session)
            for trouble in ledger.connection.exec_driver_sql("SELECT id FROM exchange ORDER BY id").fetchall():
                entry = find_by_prefix(ledger, trouble[0])
                kept = [row for row in QuarantineStore(ledger, entry).rows() if row.state == "held"]
                edits = {row.row: f"{intended_id(row.original)},mended".encode() for row in kept}
                try:
                    done = replay(ready, entry, find_archived_file(workspace, entry), edits, ledger, self.now)
                except BadInput:
                    continue  # it is still in the inbox: its rows are not all known yet
                assert done.still_rejected == ()
                if done.replayed_rows:
                    resume(ready, find_by_prefix(ledger, entry.exchange_id), self.now, ledger)

    def release(self):
        """Release the partner, which 410 pauses, as a person does."""
        with closing(open_ledger(load_workspace(self.root).ledger)) as ledger:
            release_partner(ledger, "UA", int(self.now.timestamp() * 1e6))

    def resend(self):
        """Send permanently failed requests again, as a person does."""
        with closing(open_ledger(load_workspace(self.root).ledger)) as ledger:
            for trouble in unfinished_exchanges(ledger):
                entry = find_by_prefix(ledger, trouble["id"])
                if entry.outcome == "failed" and entry.whole:
                    settle(ledger, entry, int(self.now.timestamp() * 1e6), arrived=False)

    def unconfirmed(self):
        """Return the ids in unconfirmed requests."""
        with closing(sqlite3.connect(self.root / "var" / "ledger.db")) as ledger:
            found = ledger.execute("SELECT file, body, start_byte, size_bytes FROM parcel").fetchall()
        bodies = [
            body if start is None else (self.root / "var/outbox" / file).read_bytes()[start : start + size]
            for file, body, start, size in found
        ]
        return {json.loads(line)["id"] for body in bodies for line in body.splitlines()}


def intended_id(original):
    """Return the id that a row should have, from its text."""
    return int(original.decode().split(",")[1].removeprefix("t"))


def text_of(number, rows, bad):
    """Return a file of rows with ids; some have no id, or that of the first row."""
    ids = {"none": "x", "again": str(number * 1000 + 1)}
    lines = [f"{ids.get(bad.get(row, ''), number * 1000 + row)},t{number * 1000 + row}" for row in range(1, rows + 1)]
    return "\n".join(["id,text", *lines]) + "\n"


DEATH = st.none() | st.tuples(st.sampled_from(["before", "after"]), st.sampled_from(list(STEPS)), st.integers(0, 4))
TROUBLE = st.fixed_dictionaries(
    {"at": DEATH, "faults": st.lists(st.sampled_from(FAULTS), max_size=4), "later_s": st.sampled_from([1.0, 200_000.0])}
)
FILE = st.tuples(
    st.integers(1, 14), st.dictionaries(st.integers(2, 14), st.sampled_from(["none", "again"]), max_size=3)
)
ACTION = st.tuples(st.sampled_from(["run", "run", "run", "correct_rows", "again"]), TROUBLE)


def live(service, files, actions):
    """Hand the files in, and do the drawn actions."""
    for number, (rows, bad) in enumerate(files, 1):
        service.hand_in(f"{number}.csv", text_of(number, rows, bad))
    for turn, (what, trouble) in enumerate(actions):
        if what == "again":
            number = turn % len(files) + 1
            service.hand_in(f"again-{turn}.csv", text_of(number, *files[number - 1]))
        else:
            service.act({"run": service.run, "correct_rows": service.correct_rows}[what], **trouble)


def killed_run(when, name, nth):
    """Return a run that is killed at a step."""
    return "run", {"at": (when, name, nth), "faults": [], "later_s": 1.0}


#: What found a fault once, each as it is drawn.
SENT_AND_DEAD = {"files": [(9, {})], "actions": [killed_run("after", "send", 0)], "level": 4, "inline_bytes": 50}
SENT_TWICE_AND_DEAD = SENT_AND_DEAD | {"actions": [killed_run("after", "send", 1)]}
FIRST_BLOCK_FAILS = SENT_AND_DEAD | {"actions": [("run", {"at": None, "faults": ["503"], "later_s": 1.0})]}
#: Killed after the commit that closes the exchange, before the file of bodies is removed.
CLOSED_AND_DEAD = {"files": [(13, {})], "actions": [killed_run("after", "commit", 3)], "level": 3, "inline_bytes": 50}

BUDGET = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


@example(**SENT_AND_DEAD, early=False)
@example(**FIRST_BLOCK_FAILS, early=True)
@example(**CLOSED_AND_DEAD, early=False)
@settings(max_examples=40, **BUDGET)
@given(
    files=st.lists(FILE, min_size=1, max_size=3),
    actions=st.lists(ACTION, min_size=1, max_size=6),
    level=st.sampled_from([3, 4]),
    early=st.booleans(),
    inline_bytes=st.sampled_from([50, 1 << 20]),
)
def test_with_keys_the_partner_gets_every_row_once(environment, files, actions, level, early, inline_bytes):
    """Once the faults end and the rejected rows are corrected, the partner has each row exactly once."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("poc.delivery.outbox.INLINE_BYTES", inline_bytes)
        service = Service(Path(folder) / "w", environment, level, keys=True, early=early)
        live(service, files, actions)
        for _ in range(4):
            for step in (service.run, service.resend, service.release, service.correct_rows):
                service.act(step, later_s=200_000)
        held, due = (
            Counter(service.held.ids),
            Counter(number * 1000 + row for number, (rows, _) in enumerate(files, 1) for row in range(1, rows + 1)),
        )
        assert held == due
        assert list(service.inbox.iterdir()) == []
        assert not list(service.root.rglob("outbox/*"))
        with closing(open_ledger(service.root / "var" / "ledger.db")) as ledger:
            assert {row["outcome"] for row in exchange_totals(ledger)} == {"done"}
            assert sum(row["delivered"] for row in exchange_totals(ledger)) == sum(due.values())


@example(**SENT_AND_DEAD, early=True)
@example(**SENT_TWICE_AND_DEAD, early=True)
@example(**SENT_TWICE_AND_DEAD, early=False)
@settings(max_examples=40, **BUDGET)
@given(
    files=st.lists(FILE, min_size=1, max_size=2),
    actions=st.lists(ACTION, min_size=1, max_size=5),
    level=st.sampled_from([3, 4]),
    early=st.booleans(),
    inline_bytes=st.sampled_from([50, 1 << 20]),
)
def test_without_keys_the_partner_gets_no_row_twice(environment, files, actions, level, early, inline_bytes):
    """No row that may have arrived is sent again, and each missing row waits where a person can see it."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("poc.delivery.outbox.INLINE_BYTES", inline_bytes)
        service = Service(Path(folder) / "w", environment, level, keys=False, early=early)
        live(service, files, actions)
        for _ in range(4):
            for step in (service.run, service.release, service.correct_rows):
                service.act(step, later_s=200_000)
        held = Counter(service.held.ids)
        assert {row: count for row, count in held.items() if count > 1} == {}
        due = {number * 1000 + row for number, (rows, _) in enumerate(files, 1) for row in range(1, rows + 1)}
        assert set(held) <= due
        assert due - set(held) <= service.unconfirmed()
        assert list(service.inbox.iterdir()) == []
        with closing(open_ledger(service.root / "var" / "ledger.db")) as ledger:
            assert {row["outcome"] for row in exchange_totals(ledger)} <= {"done", "ambiguous", "failed"}
