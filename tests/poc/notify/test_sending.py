"""Sending: at least once with the same id, each target on its own, retried and then given up."""

import signal
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from poc.alerts.open_alerts import open_alerts
from poc.ledger.ledger import Ledger
from poc.ledger.opening import open_ledger
from poc.ledger.tables.notifications import NOTIFICATION
from poc.notify.notification import Notification, NotSent
from poc.notify.notification_store import CLAIM, MOST_READY, add_notification, claim_next
from poc.notify.recording import Recording
from poc.notify.sending import send_due

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
SECOND_US = 1_000_000
OPS = 'name = "ops"\nto = "${env:OPS}"'
BOSS = 'name = "boss"\nto = "${env:OPS}"'

#: Seconds after which a step has failed; far more than any needs.
PATIENCE_S = 60


class Target:
    """Takes notifications, or refuses them while `error` is set."""

    def __init__(self, error=""):
        self.error, self.taken = error, []

    def __call__(self, notification):
        """Take a notification, or refuse it."""
        if self.error:
            raise NotSent(self.error)
        self.taken.append(notification)


def send(ledger, senders, seconds=0):
    """Send what is due some seconds after `NOW`; return the errors of the attempts."""
    attempts = send_due(ledger, senders, lambda: NOW_US + int(seconds) * SECOND_US, lambda: 1.0)
    return [attempt.error for attempt in attempts]


def states(ledger, *columns):
    """Return columns of all notifications, in the order of their targets."""
    rows = ledger.connection.execute(NOTIFICATION.select().order_by("target", "created_at_us")).mappings().all()
    ledger.connection.rollback()
    return [tuple(row[name] for name in columns) for row in rows]


def test_a_failing_target_is_retried_and_stops_no_other(make_workspace, ledger, down):
    """It is tried again after 5 seconds, then after 5 minutes; the other has its message at once, and once."""
    Recording(make_workspace(OPS, BOSS), [down], [], NOW).record(ledger)
    ops, boss = Target("no connection"), Target()
    senders = {"ops": ops, "boss": boss}
    assert sorted(send(ledger, senders)) == ["", "no connection"]
    assert send(ledger, senders, 4) == []
    assert send(ledger, senders, 5) == ["no connection"]
    assert states(ledger, "target", "state", "attempts", "error") == [
        ("boss", "sent", 1, ""),
        ("ops", "pending", 2, "no connection"),
    ]
    ops.error = ""
    assert (send(ledger, senders, 304), send(ledger, senders, 305)) == ([], [""])
    assert (len(ops.taken), len(boss.taken)) == (1, 1)


def test_a_notification_is_given_up_when_the_schedule_is_used_up(make_workspace, ledger, down):
    """It was tried ten times; then it is `failed`, with the last error."""
    Recording(make_workspace(OPS), [down], [], NOW).record(ledger)
    tries = [send(ledger, {"ops": Target("no")}, day * 86_400) for day in range(12)]
    assert sum(map(len, tries)) == 10
    assert states(ledger, "state", "attempts", "error") == [("failed", 10, "no")]


def test_a_target_that_takes_nothing_is_an_alert_until_it_does(make_workspace, ledger, down):
    """From the third failed attempt on; so a monitor and the other targets hear of it."""
    workspace = make_workspace(OPS)
    Recording(workspace, [down], [], NOW).record(ledger)
    ops, shown = Target("no connection"), []
    for seconds in (0, 5, 305):
        send(ledger, {"ops": ops}, seconds)
        alerts = open_alerts(workspace, ledger, NOW + timedelta(seconds=seconds), {})
        shown += [[alert.summary for alert in alerts if alert.subject == "notify ops"]]
    assert shown == [[], [], ["1 notification to ops not taken: no connection"]]
    ops.error = ""
    send(ledger, {"ops": ops}, 3600)
    assert [alert.kind for alert in open_alerts(workspace, ledger, NOW, {}) if alert.kind != "disk_full"] == []


def test_the_end_is_not_sent_before_the_begin(make_workspace, ledger, down):
    """While the begin waits to be sent again, so does the end of the same alert; other messages go out."""
    workspace = make_workspace(OPS)
    Recording(workspace, [down], [], NOW).record(ledger)
    assert send(ledger, {"ops": Target("no")}) == ["no"]
    other = replace(down, kind="late", feed="flights")
    Recording(workspace, [other], [], NOW + timedelta(seconds=1)).record(ledger)
    ops = Target()
    send(ledger, {"ops": ops}, 2)
    send(ledger, {"ops": ops}, 6)
    assert [(n.phase, n.kind) for n in ops.taken] == [
        ("begun", "late"),
        ("begun", "partner_down"),
        ("ended", "partner_down"),
    ]


def test_a_slow_target_keeps_no_other_waiting(make_workspace, ledger, down):
    """Two targets of which each waits for the other's message are both served."""
    Recording(make_workspace(OPS, BOSS), [down], [], NOW).record(ledger)
    both = threading.Barrier(2)

    def meet(_):
        both.wait(PATIENCE_S)

    assert send(ledger, {"ops": meet, "boss": meet}) == ["", ""]


def test_two_processes_never_send_the_same(make_workspace, ledger, down):
    """While one sends, another one finds nothing to send."""
    Recording(make_workspace(OPS), [down], [], NOW).record(ledger)
    seen = []

    def sending(_):
        with closing(open_ledger(ledger.path)) as other:
            seen.append(send(other, {"ops": Target()}))

    assert (send(ledger, {"ops": sending}), seen) == ([""], [[]])


def test_of_two_processes_that_read_the_same_one_sends_it(make_workspace, ledger, down, monkeypatch):
    """Between the reading and the claim of one, the other claims it."""
    Recording(make_workspace(OPS), [down], [], NOW).record(ledger)
    first = []
    with closing(open_ledger(ledger.path)) as other:
        execute = other.execute

        def execute_late(statement, *values):
            if statement is CLAIM and not first:
                first.append(claim_next(ledger, "ops", NOW_US))
            return execute(statement, *values)

        monkeypatch.setattr(other, "execute", execute_late)
        assert claim_next(other, "ops", NOW_US) is None
    assert [notification.phase for notification in first] == ["begun"]


def test_a_clock_that_was_ahead_holds_nothing_back(make_workspace, ledger, down):
    """What was recorded and tried under a clock a year ahead is sent when the clock is right, as is what comes then."""
    workspace, year = make_workspace(OPS + '\ndigest = "13:00"'), timedelta(days=365)
    Recording(workspace, [down], [], NOW + year).record(ledger)
    assert send(ledger, {"ops": Target("no")}, year.total_seconds()) == ["no"]
    Recording(workspace, [], [], NOW).record(ledger)
    Recording(workspace, [], [], NOW + timedelta(hours=1)).record(ledger)
    ops = Target()
    send(ledger, {"ops": ops}, 3600)
    assert [notification.phase for notification in ops.taken] == ["begun", "ended", "digest"]


def test_messages_to_a_removed_target_are_given_up(make_workspace, ledger, down):
    """They are `failed`, and the error names the target."""
    Recording(make_workspace(OPS), [down], [], NOW).record(ledger)
    assert send(ledger, {}) == []
    assert states(ledger, "state", "error") == [("failed", "milepost.toml has no target 'ops' any more")]


def test_an_unexpected_error_of_a_service_is_a_failed_attempt(make_workspace, ledger, down):
    """It is recorded like any other, without its text, which may hold a secret."""
    Recording(make_workspace(OPS), [down], [], NOW).record(ledger)

    def fail(_):
        raise ZeroDivisionError("secret")

    assert send(ledger, {"ops": fail}) == ["unexpected ZeroDivisionError"]


DIES = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from poc.config.workspace import load_workspace
from poc.notify import notifier, sending
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "after sending":
    sending.record_sent = die
if sys.argv[2] == "before sending":
    sending._try = die
notifier.tell_people(load_workspace(Path(sys.argv[1])), lambda: datetime.now(UTC), os.environ, lambda: [])
"""


def turn(root, dies):
    """Run one turn of notifications in a process of its own; return how it ended."""
    command = [sys.executable, "-c", DIES, str(root), dies]
    return subprocess.run(command, cwd=Path(__file__).parents[3], timeout=PATIENCE_S, check=False).returncode


def test_a_kill_repeats_a_message_only_between_sending_and_recording(make_workspace, webhook, receiver):
    """Then it comes again at once with the same id and body; killed before it was sent, it comes once."""
    workspace = make_workspace(webhook + '\nkinds = ["workspace_problem"]')
    (workspace.root / "partners" / "AA.toml").write_text("not TOML")
    assert turn(workspace.root, "before sending") == -signal.SIGKILL
    assert len(receiver.requests) == 0
    assert turn(workspace.root, "after sending") == -signal.SIGKILL
    assert len(receiver.requests) == 1
    assert [turn(workspace.root, "never"), turn(workspace.root, "never")] == [0, 0]
    (first, body), (second, same) = receiver.requests
    assert (first["webhook-id"], body) == (second["webhook-id"], same)


def test_the_next_notification_is_found_among_thousands_without_reading_them_all(ledger, monkeypatch):
    """A target that was down for a night gets what waits in a time that grows with it, not with its square."""
    with ledger.one_commit():
        ledger.begin()
        for number in range(3 * MOST_READY):
            add_notification(ledger, Notification(
                id=str(number), target="ops", phase="begun", kind="failed", severity="critical", partner="AA",
                feed="flights", subject=str(number), title="title", body="body", created_at_us=NOW_US,
            ))  # fmt: skip
    execute, read = Ledger.execute, []

    def execute_and_count(self, statement, *values):
        rows = execute(self, statement, *values)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(Ledger, "execute", execute_and_count)
    assert claim_next(ledger, "ops", NOW_US).id == "0"
    assert sum(read) <= MOST_READY + 1  # with that of the claim
