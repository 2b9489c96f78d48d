"""What is recorded for people: begins, ends, changes and digests, each once."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from poc.ledger.opening import open_ledger
from poc.ledger.schema import EXCHANGE
from poc.ledger.tables.notifications import NOTIFICATION
from poc.notify.notification import StatusReport
from poc.notify.recording import Recording

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OPS = 'name = "ops"\nto = "${env:OPS}"'


def recorded(ledger, *columns):
    """Return columns of all notifications in their order; one column as plain values."""
    query = NOTIFICATION.select().order_by("created_at_us", "target")
    rows = ledger.connection.execute(query).mappings().all()
    ledger.connection.rollback()
    return [row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns) for row in rows]


def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends(make_workspace, ledger, down):
    """However often it is looked at, and though its time and count change; old problems are told at the first look."""
    workspace = make_workspace(OPS)
    later = replace(down, since=down.since + MINUTE, count=9)
    for minutes, alerts in enumerate([[down], [down], [later], [], []]):
        Recording(workspace, alerts, [], NOW + minutes * MINUTE).record(ledger)
    assert recorded(ledger, "phase", "partner", "state") == [("begun", "AA", "pending"), ("ended", "AA", "pending")]
    begun, ended = recorded(ledger, "body")
    assert begun == (
        "Nothing is sent to AA: no connection.\n\nSeverity: critical\nSince: 2026-03-28 11:30:00 UTC\nPartner: AA\n"
        f"Count: 3\nNext: milepost partner ls\nWorkspace: {workspace.root}\n\nAnother message says when this is over."
    )
    assert ended.endswith("Since: 2026-03-28 11:30:00 UTC\nUntil: 2026-03-28 12:03:00 UTC, after 33 min")


def test_an_alert_that_begins_again_is_a_new_one(make_workspace, ledger, down):
    """Its messages have ids of their own."""
    workspace = make_workspace(OPS)
    for minutes, alerts in enumerate([[down], [], [down], []]):
        Recording(workspace, alerts, [], NOW + minutes * MINUTE).record(ledger)
    assert recorded(ledger, "phase") == ["begun", "ended", "begun", "ended"]
    assert len(set(recorded(ledger, "id"))) == 4


def test_two_processes_record_an_alert_once(make_workspace, ledger, down):
    """One that looked earlier and records later neither begins again what has ended, nor tells of it twice."""
    workspace = make_workspace(OPS)
    with closing(open_ledger(workspace.ledger)) as other:
        slow = Recording(workspace, [down], [], NOW)
        Recording(workspace, [down], [], NOW + MINUTE).record(other)
        Recording(workspace, [], [], NOW + 2 * MINUTE).record(other)
        slow.record(ledger)
    assert recorded(ledger, "phase") == ["begun", "ended"]


def test_the_second_of_two_at_once_sees_what_the_first_recorded(make_workspace, ledger, down, monkeypatch):
    """Between its look and its transaction another process records the same."""
    workspace = make_workspace(OPS)
    begin, begun = ledger.begin, []

    def begin_late(scope):
        begun.append(True)
        with closing(open_ledger(workspace.ledger)) as other:
            Recording(workspace, [down], [], NOW).record(other)
        begin(scope)

    monkeypatch.setattr(ledger, "begin", begin_late)
    Recording(workspace, [down], [], NOW).record(ledger)
    assert (begun, recorded(ledger, "phase")) == ([True], ["begun"])


def test_a_new_target_is_told_of_what_is_open(make_workspace, ledger, down):
    """The others are not told again; both messages about the same begin have ids of their own."""
    Recording(make_workspace(OPS), [down], [], NOW).record(ledger)
    Recording(make_workspace(OPS, OPS.replace("ops", "boss")), [down], [], NOW + MINUTE).record(ledger)
    assert recorded(ledger, "target", "phase") == [("ops", "begun"), ("boss", "begun")]


@pytest.mark.parametrize(
    ("route", "is_told"),
    [
        ('kinds = ["partner_down"]', True),
        ('kinds = ["late"]', False),
        ('partners = ["A*"]', True),
        ('partners = ["UA"]', False),
        ('feeds = ["*/flights"]', True),  # a whole partner with such a feed
        ('feeds = ["*/prices"]', False),
        ('min_severity = "critical"', True),
        ("at_once = false\ndigest = '07:00'", False),
    ],
)
def test_routes_select_by_kind_partner_feed_and_severity(make_workspace, ledger, down, route, is_told):
    """A target is told of the alerts that all its keys select."""
    Recording(make_workspace(f"{OPS}\n{route}"), [down], [], NOW).record(ledger)
    assert recorded(ledger, "phase") == (["begun"] if is_told else [])


def test_a_severity_that_falls_does_not_hide_the_end(make_workspace, ledger, down):
    """A target of critical alerts hears of the end of one, also if it was a warning at last."""
    workspace = make_workspace(f'{OPS}\nmin_severity = "critical"')
    for minutes, alerts in enumerate([[down], [replace(down, severity="warning")], []]):
        Recording(workspace, alerts, [], NOW + minutes * MINUTE).record(ledger)
    assert recorded(ledger, "phase") == ["begun", "ended"]


def test_a_broken_partner_file_ends_no_alert(make_workspace, ledger, down):
    """While the file cannot be read, nothing is known of the partner."""
    workspace = make_workspace(OPS)
    Recording(workspace, [down], [], NOW).record(ledger)
    broken = workspace.model_copy(update={"problems": {"AA": "AA.toml: not TOML"}, "partners": {}})
    Recording(broken, [], [], NOW + MINUTE).record(ledger)
    assert recorded(ledger, "phase") == ["begun"]


def test_people_get_one_message_of_what_comes_together_and_a_program_one_of_each(make_workspace, ledger, webhook, down):
    """Three files of a feed that fail at once, and are sent again one after the other."""
    workspace = make_workspace(OPS, webhook)
    failed = [
        replace(down, kind="failed", feed="flights", subject=name, summary=f"{name}.csv: answered 422", count=1)
        for name in "abc"
    ]
    for minutes, alerts in enumerate([failed, failed[1:], []]):
        Recording(workspace, alerts, [], NOW + minutes * MINUTE).record(ledger)
    titles = [title for target, title in recorded(ledger, "target", "title") if target == "ops"]
    assert titles == [
        "[shop] Critical: 3 files failed, AA/flights",
        "[shop] Over: an exchange of AA/flights failed",
        "[shop] Over: 2 files failed, AA/flights",
    ]
    subjects = [(phase, subject) for target, phase, subject in recorded(ledger, "target", "phase", "subject")
                if target == "hook"]  # fmt: skip
    assert sorted(subjects) == [(phase, name) for phase in ("begun", "ended") for name in "abc"]
    body = recorded(ledger, "body")[[*recorded(ledger, "target", "phase")].index(("ops", "begun"))]
    assert body.startswith("- a.csv: answered 422\n- b.csv: answered 422\n- c.csv: answered 422\n\nSeverity: critical")
    assert "\nCount: 3\nNext: milepost partner ls\nWorkspace" in body


def status(name, severity="warning"):
    """The status of milestone M4."""
    return StatusReport(
        kind="milestone_status", subject="M4", status=name, severity=severity, summary=f"M4 Retries: {name}",
        next_step="milepost roadmap show M4",
    )  # fmt: skip


def test_each_change_of_a_status_is_one_message(make_workspace, ledger):
    """The first status is only noted, unless it is critical; a target with patterns for partners hears of none."""
    workspace = make_workspace(OPS, 'name = "aa"\nto = "${env:OPS}"\npartners = ["AA"]')
    for minutes, report in enumerate(
        [status("on track"), status("stalled", "critical"), status("stalled", "critical"), status("proven")]
    ):
        Recording(workspace, [], [report], NOW + minutes * MINUTE).record(ledger)
    assert recorded(ledger, "target", "title") == [("ops", "[shop] M4 is stalled"), ("ops", "[shop] M4 is proven")]
    assert recorded(ledger, "body")[0] == (
        "M4 Retries: stalled.\n\nStatus: M4 is stalled, and was on track\nNext: milepost roadmap show M4"
    )
    Recording(make_workspace(OPS, OPS.replace("ops", "pm")), [], [status("stalled", "critical")], NOW).record(ledger)
    assert recorded(ledger, "target")[-1] == "ops"  # `NOW` is the past for the ledger: the order is by time
    assert sorted(recorded(ledger, "target")) == ["ops", "ops", "pm"]


def test_a_digest_is_made_once_a_day_at_its_local_time(make_workspace, ledger, down):
    """In Berlin at 07:00, also on the day on which clocks change; it has what is open, what ended, and exchanges."""
    digest = 'at_once = false\ndigest = "07:00"\nzone = "Europe/Berlin"'
    workspace = make_workspace(f"{OPS}\n{digest}")
    late = replace(down, kind="late", feed="flights", severity="warning", summary="2 files are late", next_step="")
    for hours in range(72):
        alerts = [late] * (hours < 10) + [down] * (hours > 2)
        Recording(workspace, alerts, [], NOW + timedelta(hours=hours)).record(ledger)
        Recording(workspace, alerts, [], NOW + timedelta(hours=hours)).record(ledger)
    made = [datetime.fromtimestamp(at_us / 1e6, UTC) for at_us in recorded(ledger, "created_at_us")]
    assert [f"{moment:%d %H}" for moment in made] == ["29 05", "30 05", "31 05"]  # summer time begins on 29 March
    assert recorded(ledger, "title")[0] == "[shop] Digest: 1 open, 1 over"
    assert recorded(ledger, "body")[0] == (
        "Open now (1):\n- critical, since 2026-03-28 11:30:00 UTC: AA: nothing is sent to AA: no connection. "
        "Next: milepost partner ls\n\nOver since 2026-03-28 12:00:00 UTC (1):\n- AA/flights: 2 files are late "
        "(for 10 h 30 min)\n\nExchanged since 2026-03-28 12:00:00 UTC:\n- nothing"
    )
    assert recorded(ledger, "title")[1:] == ["[shop] Digest: 1 open, 0 over"] * 2


def test_a_digest_has_the_milestones_and_what_was_exchanged(make_workspace, ledger):
    """Of the feeds that its patterns select; a target with patterns has no milestones."""
    all_of_it, one_partner = (
        f'{OPS}\ndigest = "13:00"',
        'name = "ua"\nto = "${env:OPS}"\ndigest = "13:00"\npartners = ["UA"]',
    )
    workspace = make_workspace(all_of_it, one_partner)
    Recording(workspace, [], [status("on track")], NOW).record(ledger)
    for partner, rows in (("AA", 12), ("UA", 30)):
        closed_us = int((NOW + MINUTE).timestamp() * 1e6)
        ledger.connection.execute(EXCHANGE.insert(), {
            "id": partner, "partner": partner, "feed": "flights", "sha256": partner, "file": "a.csv", "size_bytes": 1,
            "attempt": 1, "outcome": "done", "opened_at_us": closed_us, "closed_at_us": closed_us, "rows_in": rows,
            "rows_delivered": rows - 2, "rows_quarantined": 2,
        })  # fmt: skip
    ledger.connection.commit()
    Recording(workspace, [], [status("on track")], NOW + 60 * MINUTE).record(ledger)
    of_ops, of_ua = (
        body.partition("Exchanged since 2026-03-28 12:00:00 UTC:\n")[2] for body in recorded(ledger, "body")
    )
    assert of_ops == (
        "- AA/flights: 1 file(s), 12 rows in: 10 delivered, 2 quarantined\n"
        "- UA/flights: 1 file(s), 30 rows in: 28 delivered, 2 quarantined\n\nMilestones:\n- M4: on track"
    )
    assert of_ua == "- UA/flights: 1 file(s), 30 rows in: 28 delivered, 2 quarantined"


def test_a_removed_target_is_forgotten(make_workspace, ledger, down):
    """Added again, it is told of what is open then."""
    Recording(make_workspace(OPS), [down], [], NOW).record(ledger)
    Recording(make_workspace(OPS.replace("ops", "x")), [], [], NOW + MINUTE).record(ledger)
    Recording(make_workspace(OPS), [down], [], NOW + 2 * MINUTE).record(ledger)
    assert recorded(ledger, "target", "phase") == [("ops", "begun"), ("ops", "begun")]
