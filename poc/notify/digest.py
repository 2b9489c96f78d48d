"""The digest of a target: once a day, what is open, what ended, and what was exchanged since the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from poc.ledger.schema import EXCHANGE
from poc.notify.messages import MAX_TITLE, clean, duration
from poc.notify.routes import concerns_feed, takes_statuses
from poc.schedule.local_time import last_and_next
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from poc.alerts.alert import Alert
    from poc.config.settings.notify import NotifyTarget
    from poc.ledger.ledger import Ledger
    from poc.notify.notification import StatusReport
    from poc.notify.reported_store import ReportedAlert

#: The most lines of a section.
MAX_LINES = 50

#: Outcomes of rows that are shown, and the words for them.
ROWS = {
    "rows_delivered": "delivered",
    "rows_quarantined": "quarantined",
    "rows_refused": "refused",
    "rows_failed": "failed",
    "rows_due": "due",
    "rows_ambiguous": "ambiguous",
}

_c = EXCHANGE.c
SELECT_EXCHANGED = (
    sa.select(_c.partner, _c.feed, sa.func.count(), sa.func.sum(_c.rows_in), *(sa.func.sum(_c[name]) for name in ROWS))
    .where(_c.closed_at_us > sa.bindparam("after_us"), _c.closed_at_us <= sa.bindparam("until_us"))
    .group_by(_c.partner, _c.feed)
    .order_by(_c.partner, _c.feed)
)


def last_due(target: NotifyTarget, now: datetime) -> datetime:
    """Return the newest moment up to now, in UTC, at which the digest of a target was due."""
    return last_and_next(target.digest, ZoneInfo(target.zone), now)[0]


def next_due(target: NotifyTarget, now: datetime) -> datetime:
    """Return the first moment after now, in UTC, at which the digest of a target is due."""
    return last_and_next(target.digest, ZoneInfo(target.zone), now)[1]


def digest_text(
    target: NotifyTarget,
    workspace: str,
    open_alerts: Sequence[Alert],
    ended: Sequence[ReportedAlert],
    statuses: Iterable[StatusReport],
    exchanged: Sequence[str],
    after_us: int,
) -> tuple[str, str]:
    """Return title and text of a digest; all its parts are already those of its target."""
    since = format_utc(after_us)
    sections = [
        _section(f"Open now ({len(open_alerts)})", map(_open_line, open_alerts)),
        _section(f"Over since {since} ({len(ended)})", map(_ended_line, ended)),
        _section(f"Exchanged since {since}", exchanged),
    ]
    of_target = [report for report in statuses if takes_statuses(target, report.kind)]
    if milestones := [f"{report.subject}: {report.status}" for report in of_target]:
        sections.append(_section("Milestones", milestones))
    title = f"[{workspace}] Digest: {len(open_alerts)} open, {len(ended)} over"
    return clean(title)[:MAX_TITLE], clean("\n\n".join(sections))


def exchanged_lines(ledger: Ledger, target: NotifyTarget, after_us: int, until_us: int) -> list[str]:
    """Return a line for each feed of a target of which exchanges ended in a time, with files and rows."""
    lines = []
    for partner, feed, files, rows_in, *counts in ledger.execute(
        SELECT_EXCHANGED, {"after_us": after_us, "until_us": until_us}
    ):
        if concerns_feed(target, partner, feed):
            parts = [f"{count:,} {word}" for count, word in zip(counts, ROWS.values(), strict=True) if count]
            rows = f"{rows_in:,} rows in" + (f": {', '.join(parts)}" if parts else "")
            lines.append(f"{partner}/{feed}: {files:,} file(s), {rows}")
    return lines


def _section(heading: str, lines: Iterable[str]) -> str:
    shown = list(lines)
    more = [f"and {len(shown) - MAX_LINES:,} more"] if len(shown) > MAX_LINES else []
    return "\n".join([f"{heading}:", *(f"- {line}" for line in shown[:MAX_LINES] + more or ["nothing"])])


def _open_line(alert: Alert) -> str:
    since = format_utc(int(alert.since.timestamp() * 1_000_000))
    step = f" Next: {alert.next_step}" if alert.next_step else ""
    return f"{alert.severity}, since {since}: {alert.scope and alert.scope + ': '}{alert.summary}.{step}"


def _ended_line(alert: ReportedAlert) -> str:
    lasted = duration(((alert.ended_at_us or alert.since_us) - alert.since_us) / 1e6)
    return f"{alert.scope and alert.scope + ': '}{alert.summary} (for {lasted})"
