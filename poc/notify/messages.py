"""The texts of notifications: a title, and a few plain sentences with what is wrong, since when, and what to do next.

They hold no values of rows and no secrets, as the alerts that they are made from hold none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.terminal import escape_control_characters
from poc.notify.notification import Notification, notification_id
from poc.text import format_utc

if TYPE_CHECKING:
    from pathlib import Path

    from poc.alerts.alert import Alert
    from poc.notify.notification import StatusReport
    from poc.notify.reported_store import ReportedAlert

#: Titles by the kind of the alert; `{scope}` is PARTNER/FEED, PARTNER or the workspace's name.
TITLES = {
    "workspace_problem": "{scope} has a file that cannot be used",
    "disk_full": "{scope} has little disk space left",
    "partner_down": "{scope} is down",
    "partner_paused": "{scope} is paused",
    "not_arrived": "a file of {scope} has not come",
    "late": "{scope} is late",
    "feed_stuck": "{scope} is stuck",
    "failed": "an exchange of {scope} failed",
    "given_up": "an exchange of {scope} was given up",
    "ambiguous": "requests of {scope} need a decision",
    "over_budget": "a file of {scope} was refused",
    "quarantine_old": "rows of {scope} have been in quarantine for long",
    "credentials_expiring": "credentials of {scope} need to be renewed",
    "milestone_status": "a milestone has another status",
    "route": "the route of {scope} needs attention",
}

#: The most characters of a title; some services show no more.
MAX_TITLE = 120

#: Units of a duration, in seconds.
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def begun_text(alert: Alert, workspace: str, root: Path) -> tuple[str, str]:
    """Return title and text of the message that an alert has begun; `root` is the folder for the next command."""
    lines = [
        f"{sentence(alert.summary)}",
        "",
        f"Severity: {alert.severity}",
        f"Since: {format_utc(int(alert.since.timestamp() * 1_000_000))}",
    ]
    if alert.scope:
        lines.append(f"{'Feed' if alert.feed else 'Partner'}: {alert.scope}")
    if alert.count > 1:
        lines.append(f"Count: {alert.count:,}")
    if alert.next_step:
        lines.append(f"Next: {alert.next_step}")
    lines += [f"Workspace: {root}", "", "Another message says when this is over."]
    return title(workspace, alert.severity.capitalize(), alert.kind, alert.scope), clean("\n".join(lines))


def ended_text(alert: ReportedAlert, workspace: str, now_us: int) -> tuple[str, str]:
    """Return title and text of the message that an alert has ended; its summary is that of its begin."""
    lines = [
        "This problem is over:",
        sentence(alert.summary),
        "",
        f"Since: {format_utc(alert.since_us)}",
        f"Until: {format_utc(now_us)}, after {duration((now_us - alert.since_us) / 1e6)}",
    ]
    return title(workspace, "Over", alert.kind, alert.scope), clean("\n".join(lines))


def changed_text(report: StatusReport, before: str, workspace: str) -> tuple[str, str]:
    """Return title and text of the message that something has another status; `before` is empty for a first one."""
    change = f"{report.subject} is {report.status}" + (f", and was {before}" if before else "")
    lines = [sentence(report.summary), "", f"Status: {change}"]
    if report.next_step:
        lines.append(f"Next: {report.next_step}")
    return clean(f"[{workspace}] {report.subject} is {report.status}")[:MAX_TITLE], clean("\n".join(lines))


def test_message(workspace: str, target: str, now_us: int) -> Notification:
    """Return a test message to a target."""
    text = f"This is a test. Notifications of the workspace {workspace} reach the target {target}."
    return Notification(
        id=notification_id(workspace, "test", target, now_us), target=target, phase="test", body=clean(text),
        title=clean(f"[{workspace}] Test of {target}")[:MAX_TITLE], created_at_us=now_us,
    )  # fmt: skip


def title(workspace: str, state: str, kind: str, scope: str) -> str:
    """Return the title of a message about an alert, such as "[shop] Critical: AA is down"."""
    text = TITLES[kind].format(scope=scope or "the workspace")
    return clean(f"[{workspace}] {state}: {text}")[:MAX_TITLE]


def sentence(text: str) -> str:
    """Return a line as a sentence: with a capital, unless a name begins it, and with a full stop."""
    first = text.partition(" ")[0]
    text = text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text
    return text + ("" if text.endswith((".", "!", "?", "…")) else ".")


def clean(text: str) -> str:
    """Return a text without characters that could change how it is shown; line breaks stay."""
    return escape_control_characters(text, keep="\n")


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as "2 h 5 min"."""
    left = max(int(seconds), 0)
    parts: list[str] = []
    for unit, size in UNITS:
        number, left = divmod(left, size)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])
