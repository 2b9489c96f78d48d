"""A workspace with targets of notifications, its ledger, and a webhook receiver."""

import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from poc.alerts.alert import Alert
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.ledger import open_ledger

#: The secret that signs webhooks in these tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.fixture
def make_workspace(tmp_path):
    """A function that writes a workspace of two partners with tables `[[notify]]`, and loads it."""

    def make(*targets):
        root = tmp_path / "w"
        if not root.exists():
            create_workspace(root, "shop", "live", {"AA": AIRLINES["AA"], "UA": AIRLINES["UA"]}, "schema = 1\n")
        path = root / "milepost.toml"
        text = path.read_text().partition("[[notify]]")[0]
        path.write_text(text + "".join(f"[[notify]]\n{target}\n" for target in targets))
        return load_workspace(root)

    return make


@pytest.fixture
def ledger(make_workspace):
    """The ledger of that workspace."""
    with closing(open_ledger(make_workspace().ledger)) as ledger:
        yield ledger


@dataclass
class Receiver:
    """A webhook's address that answers with the next of `answers`, then always with 204."""

    answers: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def __post_init__(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    """A running webhook receiver on loopback."""
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def webhook(receiver, monkeypatch):
    """The table of a target that posts to the receiver; its secret is in the environment."""
    monkeypatch.setenv("HOOK", SECRET)
    return f'name = "hook"\nwebhook = "http://{receiver.address}/h"\nsecret = "${{env:HOOK}}"'


@pytest.fixture
def down():
    """The alert that a partner is down."""
    return Alert(
        kind="partner_down", severity="critical", partner="AA", since=datetime(2026, 3, 28, 11, 30, tzinfo=UTC),
        count=3, summary="nothing is sent to AA: no connection", next_step="milepost partner ls",
    )  # fmt: skip
