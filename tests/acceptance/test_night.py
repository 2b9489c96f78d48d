"""A night of 20 partners with five problems: people hear of each, everything else is delivered, all views agree."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from standardwebhooks import Webhook

from dashboard.app import close_app, create_app
from dashboard.cache.service_reader import ServiceReader
from dashboard.config import Config
from dashboard.presenters.problems import count_sentence
from milepost.service_state import read_service_state
from poc.cli.operations.check import collect_check
from poc.config.scaffold import create_workspace
from poc.config.workspace import load_workspace
from poc.delivery.outbox_actions import release_partner
from poc.ledger.opening import open_ledger
from poc.notify.notifier import tell_people
from poc.schedule.expectations import ExpectationJudge
from poc.service import prepared_feeds
from poc.service.worker import InboxWorker
from poc.transports.folder import PartFile, write_failure

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STEP = timedelta(minutes=15)
PARTNERS = [f"P{number:02}" for number in range(1, 21)]
DOWN, LATE, BROKEN, EXPIRED, FULL = "P03", "P07", "P11", "P13", "P17"

#: The alert of a target that takes no notification.
UNREACHABLE = ("workspace_problem", "")

#: The rows of a file.
ROWS = 3

SETTINGS = """
[alerts]
due_after = "12h"
disk_free = "0%"

[[notify]]
name = "ops"
webhook = "http://{ops}/"
secret = "${{env:HOOK}}"

[[notify]]
name = "team"
webhook = "http://{team}/"
secret = "${{env:HOOK}}"
partners = ["{down}"]
digest = "05:30"

[[notify]]
name = "unreachable"
webhook = "http://127.0.0.1:1/"
secret = "${{env:HOOK}}"
"""

PARTNER = """
schema = 1
id = "{id}"
name = "{id}"

[endpoint]
{endpoint}

[retry]
scale = 0.02
breaker_failures = 1

[feed.flights]
contract = "flights.schema.json"
settle_s = 0
map = [{{ to = "flight", from = "flight" }}]
"""

EXPECT = """
[feed.flights.expect]
by = "02:00"
"""

#: One turn of notifications in a process that is killed when it has sent the first message.
DIES = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from poc.config.workspace import load_workspace
from poc.notify import notifier, sending
sending.record_sent = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
now = datetime.fromisoformat(sys.argv[2])
notifier.tell_people(load_workspace(Path(sys.argv[1])), lambda: now, os.environ, lambda: [])
"""


def at(text):
    """Return a time of the night of 5 January 2026, which begins at 22:00."""
    hour, minute = map(int, text.split(":"))
    return datetime(2026, 1, 5 if hour >= 22 else 6, hour, minute, tzinfo=UTC)


class PartnersServer:
    """The server of all partners: takes a request once by its key, unless one is down or its token has expired."""

    def __init__(self):
        self.down, self.token = set(), {EXPIRED: "Bearer old"}
        self.bodies = defaultdict(dict)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                partner = self.path.split("/")[1]
                status = server.status(partner, self.headers["Authorization"])
                if status == 204:
                    server.bodies[partner].setdefault(self.headers["Idempotency-Key"], body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def status(self, partner, token):
        """Return the answer to a request."""
        if partner in self.down:
            return 503
        return 204 if token == self.token.get(partner) else 401

    def stop(self):
        """End the server."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def server():
    """The running server of all partners."""
    server = PartnersServer()
    yield server
    server.stop()


class Night:
    """The workspace, its partners and their clock."""

    def __init__(self, root, server, receivers, good_csv):
        self.root, self.server, self.good_csv = root, server, good_csv
        self.now, self.full = at("22:00"), False
        self.sent = defaultdict(int)
        self.folder = root.parent / "folder"
        self.folder.mkdir()
        create_workspace(root, "night", "live", {}, "")
        with (root / "milepost.toml").open("a") as file:
            file.write(SETTINGS.format(ops=receivers[0].address, team=receivers[1].address, down=DOWN))
        (root / "secrets").mkdir()
        (root / "partners").mkdir()
        (root / "secrets" / "token").write_text("Bearer old")
        for partner in PARTNERS:
            endpoint = f'url = "{server.url}/{partner}"\nhonours_keys = true\ntimeout_s = 60'
            if partner == EXPIRED:
                endpoint += '\nsecret_headers = { Authorization = "${file:secrets/token}" }'
            if partner == FULL:
                endpoint = f'folder = "{self.folder}"'
            text = PARTNER.format(id=partner, endpoint=endpoint) + (EXPECT if partner == LATE else "")
            (root / "partners" / f"{partner}.toml").write_text(text)
            (root / "var" / "inbox" / partner / "flights").mkdir(parents=True)
        self.workspace = load_workspace(root)

    def put(self, partner, name, *, broken=False):
        """Hand in a file of the next flights of a partner; a broken one has another header."""
        path = self.root / "var" / "inbox" / partner / "flights" / name
        self.good_csv(path, ROWS, self.sent[partner] + 1)
        if broken:
            path.write_text(path.read_text().replace("year,", "jahr,", 1))
        else:
            self.sent[partner] += ROWS
        os.utime(path, (self.now.timestamp(), self.now.timestamp()))

    def happen(self):
        """Let happen what happens at this time of the night."""
        time = f"{self.now:%H:%M}"
        if time.endswith(":15"):
            for partner in PARTNERS:
                if partner != LATE or at("03:00") < self.now < at("22:00") + timedelta(days=1):
                    self.put(partner, f"{self.now:%H%M}.csv", broken=(partner, time) == (BROKEN, "00:15"))
        match time:
            case "23:00":
                self.server.down.add(DOWN)
            case "00:00":
                self.server.down.clear()
                self.server.token[EXPIRED] = "Bearer new"
            case "01:00":
                self.full = True
            case "02:00":
                self.full = False
            case "04:00":
                self.put(BROKEN, "0015.csv")
            case "05:00":
                (self.root / "secrets" / "token").write_text("Bearer new")
                with closing(open_ledger(self.workspace.ledger)) as ledger:
                    release_partner(ledger, EXPIRED, int(self.now.timestamp() * 1_000_000))

    def elapsed_s(self):
        """Return the seconds since the begin of the night."""
        return (self.now - at("22:00")).total_seconds()

    def delivered(self, partner):
        """Return the flights that a partner has, in order."""
        if partner == FULL:
            bodies = [path.read_bytes() for path in self.folder.rglob("*.jsonl")]
        else:
            bodies = self.server.bodies[partner].values()
        return sorted(int(json.loads(line)["flight"]) for body in bodies for line in body.splitlines())


def read_messages(receiver):
    """Return what a receiver got, each message verified by the stock library."""
    return [Webhook(SECRET).verify(body, headers) for headers, body in receiver.requests]


def open_by_messages(messages):
    """Return the problems that are open for one who has read the messages: kind and partner."""
    state = {}
    for message in messages:
        if message["type"] in {"milepost.begun", "milepost.ended"}:
            data = message["data"]
            state[data["kind"], data["partner"], data["subject"]] = message["type"] == "milepost.begun"
    return {problem[:2] for problem, is_open in state.items() if is_open}


def test_a_night_of_twenty_partners(tmp_path, server, start_receiver, good_csv, monkeypatch):
    """Each problem is told once when it begins and when it ends; `check`, page and messages agree all night."""
    monkeypatch.setenv("HOOK", SECRET)
    ops, team = start_receiver(), start_receiver()
    night = Night(tmp_path / "w", server, (ops, team), good_csv)
    write = PartFile.write

    def write_if_space(self, data):
        if night.full:
            self.discard()
            raise write_failure(self.target, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        write(self, data)

    monkeypatch.setattr(PartFile, "write", write_if_space)
    context = SimpleNamespace(workspace=night.workspace)
    judge = ExpectationJudge(lambda: night.now)
    app = create_app(Config(
        store=tmp_path / "none.db", milestones=night.root / "milestones.toml", built=5, workspace_name="night",
        clock="live", today=lambda: at("06:00").date(), now=lambda: night.now,
    ))  # fmt: skip
    app.extensions["service"] = ServiceReader(lambda: service_state, clock_s=night.elapsed_s)
    with InboxWorker(night.workspace, lambda: night.now, "0.1.0", lambda: False, lambda _: None) as worker:
        while night.now <= at("06:00"):
            night.happen()
            # the night is shorter than the seconds for which feeds are kept, and a token is read again with its feed
            monkeypatch.setattr(prepared_feeds, "FRESH_S", 0.0 if night.now == at("05:00") else 60.0)
            worker.scan()
            worker.wait()
            with closing(open_ledger(night.workspace.ledger)) as ledger:
                list(judge.judge(night.workspace, ledger))
            if night.now == at("23:15"):
                command = [sys.executable, "-c", DIES, str(night.root), night.now.isoformat()]
                done = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, timeout=120)
                assert done.returncode == -signal.SIGKILL
            tell_people(night.workspace, lambda: night.now, os.environ, list)
            state = collect_check(context, None, night.now, os.environ)
            by_check = {(alert["kind"], alert["partner"]) for alert in state["alerts"]}
            # that a target takes nothing is found after what is told in this turn
            assert open_by_messages(read_messages(ops)) | {UNREACHABLE} == by_check | {UNREACHABLE}, night.now
            service_state = read_service_state(night.workspace, night.now, os.environ)
            shown = service_state.problems
            assert {(problem.kind, problem.partner) for problem in shown} == by_check
            page = app.test_client().get("/today").text
            assert (count_sentence(shown) if shown else "Nothing needs you.") in page
            night.now += STEP
    close_app(app)
    told, again = {}, set()
    for message in read_messages(ops):
        if told.setdefault(message["data"]["id"], message) is not message:
            assert told[message["data"]["id"]] == message
            again.add(message["timestamp"])
    assert again <= {"2026-01-05T23:15:00Z"}  # only what was under way when the process was killed
    times = defaultdict(list)
    for message in told.values():
        data = message["data"]
        times[data["kind"], data["partner"]].append((message["type"], datetime.fromisoformat(message["timestamp"])))
    bounds = {
        ("partner_down", DOWN): ("23:15", "23:15", "00:00", "00:45"),
        ("refused", BROKEN): ("00:15", "00:15", "04:00", "04:00"),
        ("partner_paused", EXPIRED): ("00:15", "00:15", "05:00", "05:00"),
        ("failed", EXPIRED): ("00:15", "00:15", "05:00", "05:00"),  # the file whose request was turned away
        ("partner_down", FULL): ("01:15", "01:15", "02:00", "02:45"),
        ("not_arrived", LATE): ("02:00", "02:15", "03:15", "03:15"),
    }
    assert set(times) == {*bounds, UNREACHABLE}
    for problem, (first, by, over, over_by) in bounds.items():
        assert len(times[problem]) == 2, (problem, times[problem])
        (begun, begun_at), (ended, ended_at) = times[problem]
        assert (begun, ended) == ("milepost.begun", "milepost.ended")
        assert at(first) <= begun_at <= at(by), problem
        assert at(over) <= ended_at <= at(over_by), problem
    of_team = {message["data"]["id"]: message["type"] for message in read_messages(team)}
    assert list(of_team.values()) == ["milepost.begun", "milepost.ended", "milepost.digest"]
    assert len(ops.requests) + len(team.requests) > len(told) + len(of_team)  # the killed process had sent something
    assert {partner: night.delivered(partner) for partner in PARTNERS} == {
        partner: [*range(1, night.sent[partner] + 1)] for partner in PARTNERS
    }
    (left,) = collect_check(context, None, night.now, os.environ)["alerts"]
    assert left["subject"] == "notify unreachable"
