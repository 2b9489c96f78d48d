"""What each target was told of: the tables `reported_alert` and `notify_target` of the ledger.

Every change stays with the transaction of its caller.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from poc.ledger.tables.notifications import NOTIFY_TARGET, REPORTED_ALERT

if TYPE_CHECKING:
    from collections.abc import Collection

    from poc.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedAlert:
    """An alert that a target was told of, or whose status it was told."""

    target: str
    kind: str
    partner: str
    feed: str
    subject: str
    begun_at_us: int  #: when it was first noticed
    severity: str
    since_us: int
    summary: str
    status: str = ""  #: of what has a status instead of a begin and an end
    ended_at_us: int | None = None  #: None: it is open

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """The fields by which it is the same alert: kind, partner, feed and subject."""
        return self.kind, self.partner, self.feed, self.subject

    @property
    def scope(self) -> str:
        """PARTNER/FEED, PARTNER, or an empty text for the whole workspace."""
        return f"{self.partner}/{self.feed}" if self.feed else self.partner


@dataclass(frozen=True, slots=True)
class TargetState:
    """How far a target is up to date, in microseconds since 1970."""

    compared_at_us: int  #: the time of the newest alerts that were compared for it
    digest_at_us: int  #: when its last digest was made, or the first was asked for; 0: none is wanted


NAMES = tuple(part.name for part in fields(ReportedAlert))
SELECT_REPORTED = sa.select(*(REPORTED_ALERT.c[name] for name in NAMES)).order_by(
    REPORTED_ALERT.c.begun_at_us, *REPORTED_ALERT.primary_key.columns
)
_SAME = sa.and_(*(column == sa.bindparam(f"of_{column.name}") for column in REPORTED_ALERT.primary_key.columns))
INSERT_REPORTED = sa.insert(REPORTED_ALERT)
END_REPORTED = sa.update(REPORTED_ALERT).where(_SAME).values(ended_at_us=sa.bindparam("end_us"))
SET_STATUS = (
    sa.update(REPORTED_ALERT)
    .where(_SAME)
    .values(
        status=sa.bindparam("new_status"),
        severity=sa.bindparam("new_severity"),
        summary=sa.bindparam("new_summary"),
        since_us=sa.bindparam("new_since_us"),
    )
)
DELETE_ENDED = sa.delete(REPORTED_ALERT).where(
    REPORTED_ALERT.c.target == sa.bindparam("of_target"), REPORTED_ALERT.c.ended_at_us <= sa.bindparam("until_us")
)
DELETE_REPORTED = sa.delete(REPORTED_ALERT).where(REPORTED_ALERT.c.target == sa.bindparam("of_target"))
SELECT_TARGETS = sa.select(NOTIFY_TARGET.c.name, NOTIFY_TARGET.c.compared_at_us, NOTIFY_TARGET.c.digest_at_us)
SET_TARGET = (
    insert(NOTIFY_TARGET)
    .values(name=sa.bindparam("name"), compared_at_us=sa.bindparam("compared"), digest_at_us=sa.bindparam("digest"))
    .on_conflict_do_update(
        index_elements=[NOTIFY_TARGET.c.name],
        set_={"compared_at_us": sa.bindparam("compared"), "digest_at_us": sa.bindparam("digest")},
    )
)
DELETE_TARGET = sa.delete(NOTIFY_TARGET).where(NOTIFY_TARGET.c.name == sa.bindparam("of_target"))


def read_reported(ledger: Ledger) -> list[ReportedAlert]:
    """Return the alerts that targets were told of, the oldest first; those that ended since the last digest, too."""
    return [ReportedAlert(**dict(zip(NAMES, row, strict=True))) for row in ledger.execute(SELECT_REPORTED, {})]


def read_targets(ledger: Ledger) -> dict[str, TargetState]:
    """Return the state of each target that was ever told of something, by name."""
    return {name: TargetState(*times) for name, *times in ledger.execute(SELECT_TARGETS, {})}


def add_reported(ledger: Ledger, alert: ReportedAlert) -> None:
    """Add an alert that a target is told of."""
    ledger.execute(INSERT_REPORTED, dict(zip(NAMES, astuple(alert), strict=True)))


def end_reported(ledger: Ledger, alert: ReportedAlert, now_us: int) -> None:
    """Mark an alert as ended."""
    ledger.execute(END_REPORTED, {**_key(alert), "end_us": now_us})


def set_status(ledger: Ledger, alert: ReportedAlert, now_us: int, *, status: str, severity: str, summary: str) -> None:
    """Replace the status of something by the one that its target is told now."""
    values = {"new_status": status, "new_severity": severity, "new_summary": summary, "new_since_us": now_us}
    ledger.execute(SET_STATUS, {**_key(alert), **values})


def delete_ended(ledger: Ledger, target: str, until_us: int) -> None:
    """Delete the alerts of a target that ended until a time."""
    ledger.execute(DELETE_ENDED, {"of_target": target, "until_us": until_us})


def set_target(ledger: Ledger, name: str, state: TargetState) -> None:
    """Set how far a target is up to date."""
    ledger.execute(SET_TARGET, {"name": name, "compared": state.compared_at_us, "digest": state.digest_at_us})


def delete_targets(ledger: Ledger, names: Collection[str]) -> None:
    """Delete what targets were told, which are no longer in the configuration."""
    for name in names:
        ledger.execute(DELETE_REPORTED, {"of_target": name})
        ledger.execute(DELETE_TARGET, {"of_target": name})


def _key(alert: ReportedAlert) -> dict[str, object]:
    return {f"of_{column.name}": getattr(alert, column.name) for column in REPORTED_ALERT.primary_key.columns}
