"""The audit log: who did what, to what, when, and from where. It is only added to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act. `detail` holds its values as JSON, such as a role before and after; never a secret."""

    at_us: int
    who: str
    act: str
    target: str
    detail: Mapping[str, Any]
    address: str


def record_act(connection: sqlite3.Connection, entry: AuditEntry) -> None:
    """Add an entry in the transaction of the act itself, so that neither stands without the other."""
    connection.execute(
        "INSERT INTO audit (at_us, who, act, target, detail, address) VALUES (?, ?, ?, ?, ?, ?)",
        (entry.at_us, entry.who, entry.act, entry.target, json.dumps(dict(entry.detail)), entry.address),
    )


#: How many of the newest entries are looked through for an equal one.
LOOKED_THROUGH = 200


def was_recorded(connection: sqlite3.Connection, who: str, act: str, target: str, since_us: int) -> bool:
    """Return whether one of the newest entries is of this act, and not older than a time."""
    row = connection.execute(
        "SELECT 1 FROM (SELECT * FROM audit ORDER BY id DESC LIMIT ?) "
        "WHERE who = ? AND act = ? AND target = ? AND at_us >= ?",
        (LOOKED_THROUGH, who, act, target, since_us),
    ).fetchone()
    return row is not None


def read_acts(connection: sqlite3.Connection, limit: int) -> list[AuditEntry]:
    """Return the newest entries, the newest first."""
    rows = connection.execute(
        "SELECT at_us, who, act, target, detail, address FROM audit ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [
        AuditEntry(at_us=at_us, who=who, act=act, target=target, detail=json.loads(detail), address=address)
        for at_us, who, act, target, detail, address in rows
    ]
