"""The state of the service, as the dashboard gets it from a workspace."""

from datetime import UTC, datetime

import pytest

from dashboard.service_state import BreakerNow, ExpectedFiles, ServiceUnreadable
from milepost.service_state import read_service_state
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.ledger.schema import BREAKER, EXCHANGE
from poc.schedule.expectation_job import ExpectationJob

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)


@pytest.fixture
def workspace(tmp_path):
    """A workspace of one partner whose inbox is empty."""
    create_workspace(tmp_path / "w", "test", "live", {"AA": AIRLINES["AA"]}, "schema = 1\n")
    for path in (tmp_path / "w/var/inbox").rglob("*.csv"):
        path.unlink()
    return load_workspace(tmp_path / "w")


def test_alerts_of_a_kind_and_feed_are_one_problem(workspace):
    """Two failed files of a feed are one problem with both counts; feed and breaker have theirs."""
    ledger = open_ledger(workspace.ledger)
    values = {"partner": "AA", "feed": "flights", "sha256": "", "size_bytes": 1, "attempt": 1, "outcome": "failed"}
    with ledger.connection.begin():
        for number in (1, 2):
            more = {
                "id": f"e{number}",
                "file": f"{number}.csv",
                "opened_at_us": NOW_US,
                "closed_at_us": NOW_US - number,
            }
            ledger.connection.execute(EXCHANGE.insert(), values | more)
        ledger.connection.execute(
            BREAKER.insert(), {"partner": "AA/flights", "failures": 1, "trips": 0, "paused_at_us": 1}
        )
    ledger.close()
    state = read_service_state(workspace, NOW, {})
    problems = [(p.kind, p.label, p.alerts, p.count, p.summary) for p in state.problems if p.kind != "disk_full"]
    assert problems == [
        ("partner_paused", "partner paused", 1, 1, "nothing is sent until a person releases it"),
        ("failed", "files failed", 2, 2, "2.csv: failed"),
    ]
    assert [(feed.partner, feed.feed, feed.failed, feed.due) for feed in state.feeds] == [("AA", "flights", 2, 0)]
    assert BreakerNow(partner="AA", feed="flights", state="paused") in state.breakers


def test_a_ledger_that_cannot_be_read_is_named(workspace):
    """The dashboard gets the reason, and no half of the state."""
    workspace.ledger.parent.mkdir(parents=True, exist_ok=True)
    workspace.ledger.write_bytes(b"no database" * 1000)
    with pytest.raises(ServiceUnreadable, match=r"ledger\.db: file is not a database"):
        read_service_state(workspace, NOW, {})


def test_expected_files_are_in_words_and_local_time(workspace):
    """The rule, what came of the last moment, and the next ones, as people of the feed's zone read them."""
    path = workspace.root / "partners" / "AA.toml"
    path.write_text(
        path.read_text() + '\n[feed.flights.expect]\nby = "12:00"\nzone = "Europe/Berlin"\ndays = "mon-sat"\n'
    )
    began = datetime(2026, 3, 27, 12, tzinfo=UTC)
    ExpectationJob(lambda: load_workspace(workspace.root), lambda: began, print)()
    (expected,) = read_service_state(load_workspace(workspace.root), NOW, {}).expected
    assert expected == ExpectedFiles(
        partner="AA", feed="flights", rule="by 12:00 Europe/Berlin, mon-sat", is_missing=True,
        last="no file had come by 2026-03-28 12:00 Europe/Berlin",
        next_due=tuple(f"2026-{day} 12:00 Europe/Berlin" for day in ("03-30", "03-31", "04-01")),
        next_at=datetime(2026, 3, 30, 10, tzinfo=UTC),
    )  # fmt: skip
