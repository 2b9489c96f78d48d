"""The open alerts of a workspace: each kind begins with its problem and ends with it."""

from datetime import UTC, datetime, timedelta

import pytest

from poc.alerts.open_alerts import SharedAlerts, open_alerts
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.ledger.schema import ASIDE, BREAKER, EXCHANGE

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path):
    """A workspace of two partners whose inboxes are empty."""
    create_workspace(tmp_path / "w", "test", "live", {"AA": AIRLINES["AA"], "UA": AIRLINES["UA"]}, "schema = 1\n")
    for path in (tmp_path / "w/var/inbox").rglob("*.csv"):
        path.unlink()
    return tmp_path / "w"


@pytest.fixture
def ledger(root):
    """The ledger of the workspace."""
    ledger = open_ledger(root / "var" / "ledger.db")
    yield ledger
    ledger.close()


def us(ago):
    """Return a time before `NOW` as the ledger has it."""
    return int((NOW - ago).timestamp() * 1_000_000)


def add_exchange(ledger, key, outcome, ago, file="a.csv", failures=0):
    """Add an exchange of AA/flights that was opened some time ago."""
    values = {"id": key, "partner": "AA", "feed": "flights", "sha256": key, "file": file, "size_bytes": 1, "attempt": 1}
    values["failures"] = failures
    ledger.connection.execute(
        EXCHANGE.insert(),
        {**values, "outcome": outcome, "reason": "why", "opened_at_us": us(ago), "closed_at_us": us(ago)},
    )
    ledger.connection.commit()


def alerts(root, ledger, now=NOW, environ=None):
    """Return kind, severity, scope, subject and count of the open alerts, without those of the disk."""
    found = open_alerts(load_workspace(root), ledger, now, environ or {})
    return [(a.kind, a.severity, a.scope, a.subject, a.count) for a in found if a.kind != "disk_full"]


def test_a_quiet_workspace_has_no_alert(root, ledger):
    """Nothing was exchanged yet, or all is done: no alert."""
    assert alerts(root, None) == []
    add_exchange(ledger, "e1", "done", timedelta(days=300))
    assert alerts(root, ledger) == []


def test_each_exchange_that_waits_for_a_person_is_an_alert(root, ledger):
    """Failed, given up by the schedule and ambiguous are critical, refused a warning; what a person gave up is none."""
    for key, outcome in (("e1", "failed"), ("e3", "ambiguous"), ("e4", "refused"), ("e5", "given_up")):
        add_exchange(ledger, key, outcome, timedelta(hours=2), file=f"{key}.csv")
    add_exchange(ledger, "e2", "failed", timedelta(hours=2), file="e2.csv", failures=10)
    assert alerts(root, ledger) == [
        ("failed", "critical", "AA/flights", "e1", 1),
        ("given_up", "critical", "AA/flights", "e2", 1),
        ("ambiguous", "critical", "AA/flights", "e3", 1),
        ("refused", "warning", "AA/flights", "e4", 1),
    ]


def test_what_is_due_or_interrupted_is_an_alert_only_after_a_while(root, ledger):
    """`due_after` and `stuck_after` count from when the files came; each feed has one alert of a kind."""
    for key, outcome, minutes in (("e1", "due", 61), ("e2", "due", 90), ("e3", "due", 59), ("e4", "open", 31)):
        add_exchange(ledger, key, outcome, timedelta(minutes=minutes))
    assert alerts(root, ledger) == [
        ("late", "warning", "AA/flights", "", 2),
        ("feed_stuck", "warning", "AA/flights", "interrupted", 1),
    ]
    assert alerts(root, ledger, NOW - timedelta(hours=1)) == []


def test_an_open_breaker_is_critical_while_files_wait(root, ledger):
    """A partner that is down matters more while something is due; a paused one needs a person in any case."""
    breaker = {"failures": 5, "trips": 1, "opened_at_us": us(timedelta(minutes=5)), "until_us": us(timedelta(0)) + 1}
    with ledger.connection.begin():
        ledger.connection.execute(BREAKER.insert(), {"partner": "AA", **breaker})
        ledger.connection.execute(
            BREAKER.insert(), {"partner": "UA", "failures": 1, "trips": 0, "paused_at_us": us(timedelta(0))}
        )
        ledger.connection.execute(BREAKER.insert(), {"partner": "gone", **breaker})
    assert alerts(root, ledger) == [
        ("partner_paused", "critical", "UA", "", 1),
        ("partner_down", "warning", "AA", "", 1),
    ]
    add_exchange(ledger, "e1", "due", timedelta(minutes=6))
    assert ("partner_down", "critical", "AA", "", 1) in alerts(root, ledger)


def test_a_partner_is_down_since_its_breaker_opened_first(root, ledger):
    """Each opening lasts twice as long as the one before: the third began 3 minutes after the first at the earliest."""
    opened_us = us(timedelta(minutes=5))
    values = {"partner": "AA", "failures": 7, "trips": 3, "opened_at_us": opened_us, "until_us": opened_us + 1}
    with ledger.connection.begin():
        ledger.connection.execute(BREAKER.insert(), values)
    (alert,) = (each for each in open_alerts(load_workspace(root), ledger, NOW, {}) if each.kind == "partner_down")
    assert alert.since == NOW - timedelta(minutes=8)


def test_rows_in_quarantine_are_an_alert_after_a_day(root, ledger):
    """Held rows count, replayed and discarded ones do not."""
    add_exchange(ledger, "e1", "done", timedelta(hours=25))
    rows = [(1, "held"), (2, "held"), (3, "replayed"), (4, "discarded")]
    with ledger.connection.begin():
        for row, state in rows:
            values = {"exchange_id": "e1", "row": row, "state": state, "findings": "[]", "original": b"x"}
            ledger.connection.execute(ASIDE.insert(), values)
    assert alerts(root, ledger) == [("quarantine_old", "warning", "AA/flights", "", 2)]
    assert alerts(root, ledger, NOW - timedelta(hours=2)) == []


def test_files_that_no_run_takes_are_an_alert(root):
    """A complete file that waits in an inbox for longer than `stuck_after`, and one of no feed."""
    (root / "var/inbox/AA/flights").mkdir(parents=True, exist_ok=True)
    (root / "var/inbox/AA/flights/new.csv").write_text("x")
    (root / "var/inbox/AA/flights/new.pdf").write_text("x")
    now = datetime.now(UTC)
    assert alerts(root, None, now + timedelta(minutes=29)) == []
    assert alerts(root, None, now + timedelta(minutes=31)) == [
        ("feed_stuck", "critical", "AA/flights", "", 1),
        ("workspace_problem", "warning", "", "inbox", 1),
    ]


def test_a_file_whose_exchange_has_begun_is_not_stuck(root, ledger):
    """It stays in the inbox because it will be read again; one whose exchange ended long ago, of the same name, is."""
    folder = root / "var/inbox/AA/flights"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("begun.csv", "again.csv"):
        (folder / name).write_text("x")
    add_exchange(ledger, "e1", "due", timedelta(0), file="begun.csv")
    add_exchange(ledger, "e2", "refused", timedelta(0), file="again.csv")
    later = datetime.now(UTC) + timedelta(minutes=31)
    found = [alert for alert in open_alerts(load_workspace(root), ledger, later, {}) if alert.kind == "feed_stuck"]
    assert [(alert.count, "again.csv" in alert.summary) for alert in found] == [(1, True)]


def test_a_broken_partner_file_is_an_alert_until_it_is_mended(root):
    """The others are not concerned."""
    path = root / "partners/UA.toml"
    text = path.read_text()
    path.write_text(text.replace("timeout_s", "timout_s"))
    assert alerts(root, None) == [("workspace_problem", "critical", "UA", "partner file", 1)]
    path.write_text(text)
    assert alerts(root, None) == []


def test_a_secret_that_cannot_be_read_is_an_alert(root):
    """The alert names the header and the variable."""
    path = root / "partners/UA.toml"
    path.write_text(
        path.read_text().replace("[endpoint]", '[endpoint]\nsecret_headers = { "X-Key" = "${env:UA_KEY}" }')
    )
    assert alerts(root, None) == [("credentials_expiring", "critical", "UA", "secret_headers.X-Key", 1)]
    assert alerts(root, None, environ={"UA_KEY": "s3cret"}) == []


def test_a_client_certificate_warns_before_it_expires(root, certificates):
    """It is a warning two weeks before its end, and critical in the last tenth of that time and after it."""
    end = certificates.now + timedelta(days=30)
    cert, key = certificates["client.pem"], certificates["client.key"]
    path = root / "partners/UA.toml"
    text = path.read_text().replace("http://", "https://")
    path.write_text(text.replace("[endpoint]", f'[endpoint]\nclient_cert = "{cert}"\nclient_key = "{key}"'))
    for before, severity in ((15, None), (13, "warning"), (1, "critical"), (-1, "critical")):
        expected = [] if severity is None else [("credentials_expiring", severity, "UA", str(cert), 1)]
        assert alerts(root, None, end - timedelta(days=before)) == expected


def test_what_waits_for_its_sending_hours_is_no_alert(root, ledger):
    """Outside the hours nothing is late or stuck; once they have begun, the waiting counts from their beginning."""
    path = root / "partners" / "AA.toml"
    path.write_text(path.read_text() + '\n[feed.flights.send]\nnot_before = "13:00"\n')
    add_exchange(ledger, "e1", "due", timedelta(hours=9))
    inbox = root / "var/inbox/AA/flights/new.csv"
    inbox.parent.mkdir(parents=True, exist_ok=True)
    inbox.write_text("x")
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0) + timedelta(days=1)
    assert alerts(root, ledger, day + timedelta(hours=12)) == []
    assert alerts(root, ledger, day + timedelta(hours=13, minutes=29)) == []
    assert [alert[0] for alert in alerts(root, ledger, day + timedelta(hours=13, minutes=31))] == ["feed_stuck"]
    assert [alert[0] for alert in alerts(root, ledger, day + timedelta(hours=14, minutes=1))] == ["feed_stuck", "late"]
    assert alerts(root, ledger, day + timedelta(hours=25)) == []


def test_those_who_ask_in_one_moment_share_a_reading(root):
    """A later question, and one about a workspace that was read again, is answered from a new reading."""
    clock_s = [0.0]
    shared, workspace = SharedAlerts(2.0, lambda: clock_s[0]), load_workspace(root)
    first = shared(workspace, None, NOW, {})
    (root / "var/inbox/AA/new.pdf").write_text("x")
    later = datetime.now(UTC) + timedelta(minutes=31)
    assert shared(workspace, None, later, {}) is first
    clock_s[0] = 2.0
    second = shared(workspace, None, later, {})
    assert "inbox" in {alert.subject for alert in second}
    assert shared(load_workspace(root), None, later, {}) is not second
