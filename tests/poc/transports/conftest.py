"""A workspace of one feed, whose inbox tests fill; a session; and a clock for deadlines."""

import time
from types import SimpleNamespace

import pytest

from poc.config import workspace as config_workspace
from poc.transports.http import HttpEndpoint, new_session
from poc.transports.http_connection import Connection

PARTNER = """
schema = 1
id = "UA"
name = "United"
[endpoint]
url = "http://127.0.0.1:1"
[feed.flights]
contract = "flights.schema.json"
files = "*"
{more}
map = [{{ to = "flight", from = "flight" }}]
"""


@pytest.fixture
def workspace(tmp_path):
    """A function that makes a workspace of one feed, and gives it with the feed and its inbox."""

    def make(more="settle_s = 2"):
        for folder in ("partners", "contracts", "var/inbox/UA/flights"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "milepost.toml").write_text('schema = 1\nname = "w"\n')
        (tmp_path / "contracts/flights.schema.json").write_text("{}")
        (tmp_path / "partners/UA.toml").write_text(PARTNER.format(more=more))
        made = config_workspace.load_workspace(tmp_path)
        return made, made.get_feed("UA", "flights")[1], made.inbox("UA", "flights")

    return make


@pytest.fixture
def session():
    """A session as the service creates it."""
    with new_session() as session:
        yield session


@pytest.fixture
def clock_from_request(monkeypatch):
    """Let the deadline of a delivery run from the moment its request is sent, however slow the machine is before."""
    sent_s: list[float] = []
    post, send = HttpEndpoint.post, Connection.send

    def post_at_zero(*arguments):
        sent_s.clear()
        post(*arguments)

    def send_and_start(*arguments):
        send(*arguments)
        sent_s.append(time.monotonic())

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() - sent_s[0] if sent_s else 0.0)
    monkeypatch.setattr(HttpEndpoint, "post", post_at_zero)
    monkeypatch.setattr(Connection, "send", send_and_start)
    for module in ("http", "http_connection"):
        monkeypatch.setattr(f"poc.transports.{module}.time", clock)
