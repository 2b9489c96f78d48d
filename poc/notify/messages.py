"""The texts of notifications: a title, and a few plain sentences with what is wrong, since when, and what to do next.

They hold no values of rows and no secrets, as the alerts that they are made from hold none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.terminal import escape_control_characters
from poc.alerts.groups import NAMES
from poc.notify.notification import Notification, notification_id
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from poc.alerts.alert import Alert
    from poc.notify.notification import StatusReport
    from poc.notify.reported_store import ReportedAlert

#: Titles by the kind of the alert; `{scope}` is PARTNER/FEED, PARTNER or the workspace's name.
TITLES = {
    "workspace_problem": "{scope} has a problem",
    "disk_full": "{scope} has little disk space left",
    "partner_down": "{scope} is down",
    "partner_paused": "{scope} is paused",
    "place_down": "the place of {scope} does not work",
    "pickup_failed": "files of {scope} are stuck at their place",
    "not_arrived": "a file of {scope} has not come",
    "late": "{scope} is late",
    "feed_stuck": "{scope} is stuck",
    "failed": "an exchange of {scope} failed",
    "given_up": "an exchange of {scope} was given up",
    "ambiguous": "requests of {scope} need a decision",
    "refused": "a file of {scope} was refused",
    "quarantine_old": "rows of {scope} have been in quarantine for long",
    "credentials_expiring": "credentials of {scope} need to be renewed",
    "milestone_status": "a milestone has another status",
    "route": "the route of {scope} needs attention",
}

#: The most characters of a title; some services show no more.
MAX_TITLE = 120

#: The most summaries and commands of a message about several alerts.
MAX_LISTED, MAX_STEPS = 20, 3

#: Units of a duration, in seconds.
UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def begun_text(alerts: Sequence[Alert], workspace: str, root: Path) -> tuple[str, str]:
    """Return title and text of the message that alerts of one kind and one feed have begun.

    `root` is the workspace's folder, where the next command is given.
    """
    first = alerts[0]
    severity = "critical" if any(alert.severity == "critical" for alert in alerts) else "warning"
    count = sum(alert.count for alert in alerts)
    steps = list(dict.fromkeys(alert.next_step for alert in alerts if alert.next_step))
    lines = [
        *listed([alert.summary for alert in alerts]),
        "",
        f"Severity: {severity}",
        f"Since: {format_utc(min(to_us(alert.since) for alert in alerts))}",
        *_place(first),
        *([f"Count: {count:,}"] if count > 1 else []),
        *(f"Next: {step}" for step in steps[:MAX_STEPS]),
        f"Workspace: {root}",
        "",
        "Another message says when this is over.",
    ]
    return title(workspace, severity.capitalize(), alerts), clean("\n".join(lines))


def ended_text(alerts: Sequence[ReportedAlert], workspace: str, now_us: int) -> tuple[str, str]:
    """Return title and text of the message that alerts of one kind and one feed have ended; summaries are the first."""
    since_us = min(alert.since_us for alert in alerts)
    lines = [
        "This is over:",
        *listed([alert.summary for alert in alerts]),
        "",
        *_place(alerts[0]),
        f"Since: {format_utc(since_us)}",
        f"Until: {format_utc(now_us)}, after {duration((now_us - since_us) / 1e6)}",
    ]
    return title(workspace, "Over", alerts), clean("\n".join(lines))


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


def title(workspace: str, state: str, alerts: Sequence[Alert] | Sequence[ReportedAlert]) -> str:
    """Return the title of a message about alerts of one kind and one feed, such as "[shop] Critical: AA is down"."""
    first = alerts[0]
    scope = first.scope or "the workspace"
    if len(alerts) > 1:
        text = f"{len(alerts):,} {NAMES[first.kind][1]}, {scope}"
    else:
        text = TITLES[first.kind].format(scope=scope)
    return clean(f"[{workspace}] {state}: {text}")[:MAX_TITLE]


def listed(summaries: Sequence[str]) -> list[str]:
    """Return summaries as lines: one as a sentence, several as a list, of which the first are shown."""
    if len(summaries) == 1:
        return [sentence(summaries[0])]
    more = len(summaries) - MAX_LISTED
    return [*(f"- {summary}" for summary in summaries[:MAX_LISTED]), *([f"- and {more:,} more"] if more > 0 else [])]


def to_us(at: datetime) -> int:
    """Return a time in microseconds since 1970."""
    return int(at.timestamp() * 1_000_000)


def _place(alert: Alert | ReportedAlert) -> list[str]:
    return [f"{'Feed' if alert.feed else 'Partner'}: {alert.scope}"] if alert.scope else []


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
