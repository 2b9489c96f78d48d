"""Digests in the metrics database: recorded before they are sent, and kept until a server has taken them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlite_utils.migrations import Migrations

from metrics.store.database import open_store, write_transaction
from roadmap.digest.letter import Letter

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database

    from roadmap.digest.standing import Standings

#: Microseconds until the next attempt, by the number of attempts so far; after the last, always the last.
RETRY_US = tuple(minutes * 60_000_000 for minutes in (1, 5, 15, 60))

#: Microseconds after which a digest that no server took is given up; the next one says what was in it.
GIVE_UP_US = 3 * 86_400_000_000

#: Microseconds for which one attempt keeps other processes away.
CLAIM_US = 300_000_000

migrations = Migrations("milepost.digest")


@migrations()
def create_digests(db: Database) -> None:
    """Create the digests: their text, their state, and where the milestones stood."""
    columns: dict[str, Any] = dict.fromkeys(("id", "state", "standing", "subject", "text", "html", "error"), str)
    columns |= {"pdf": bytes} | dict.fromkeys(("made_at_us", "next_at_us", "sent_at_us", "attempts"), int)
    db.create_table("digest", columns, pk="id", strict=True, not_null={"state", "made_at_us", "attempts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A digest and its state: baseline, waiting, sent, replaced (by a later one) or given_up."""

    id: str
    state: str
    made_at_us: int
    next_at_us: int
    sent_at_us: int | None
    attempts: int
    error: str
    letter: Letter
    pdf: bytes | None
    standing: Standings


def open_digests(path: Path, clock: str) -> Database:
    """Open the metrics database with the table of digests. Raises as `open_store` does."""
    db = open_store(path, clock)
    if not db.table("digest").exists():
        migrations.apply(db)
    return db


def newest_digest(db: Database, state: str | None = None) -> Digest | None:
    """Return the newest digest, of a state or of any; None where there is none."""
    if not db.table("digest").exists():
        return None
    where = "WHERE state IN (?, 'baseline')" if state else ""
    sql = f"SELECT * FROM digest {where} ORDER BY made_at_us DESC, rowid DESC LIMIT 1"  # noqa: S608
    rows = list(db.query(sql, (state,) if state else ()))
    return _digest(rows[0]) if rows else None


def record_baseline(db: Database, standing: Standings, now_us: int) -> None:
    """Record where the milestones stand before the first digest, which then says what has changed."""
    with write_transaction(db):
        _insert(db, "baseline", standing, Letter(subject="", text="", html=""), None, now_us)


def record_digest(db: Database, standing: Standings, letter: Letter, pdf: bytes | None, now_us: int) -> str:
    """Record a digest that waits to be sent, and return its id; earlier ones that wait are replaced by it."""
    with write_transaction(db):
        db.execute("UPDATE digest SET state = 'replaced', pdf = NULL WHERE state = 'waiting'")
        return _insert(db, "waiting", standing, letter, pdf, now_us)


def _insert(db: Database, state: str, standing: Standings, letter: Letter, pdf: bytes | None, now_us: int) -> str:
    number = hashlib.sha256(f"{now_us}\n{letter.subject}\n{letter.text}".encode()).hexdigest()[:24]
    row = {
        "id": number, "state": state, "standing": json.dumps(standing), "subject": letter.subject, "text": letter.text,
        "html": letter.html, "error": "", "pdf": pdf, "made_at_us": now_us, "next_at_us": now_us, "sent_at_us": None,
        "attempts": 0,
    }  # fmt: skip
    names = ", ".join(row)
    db.execute(f"INSERT OR IGNORE INTO digest ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))  # noqa: S608
    return number


def claim_due(db: Database, now_us: int) -> Digest | None:
    """Return a digest whose attempt is due, and keep other processes from it for a while; None where none is due."""
    with write_transaction(db):
        db.execute(
            "UPDATE digest SET state = 'given_up', pdf = NULL WHERE state = 'waiting' AND made_at_us < ?",
            (now_us - GIVE_UP_US,),
        )
        rows = list(db.query("SELECT * FROM digest WHERE state = 'waiting' AND next_at_us <= ? LIMIT 1", (now_us,)))
        if rows:
            db.execute("UPDATE digest SET next_at_us = ? WHERE id = ?", (now_us + CLAIM_US, rows[0]["id"]))
    return _digest(rows[0]) if rows else None


def note_sent(db: Database, number: str, now_us: int, error: str = "") -> None:
    """Note that a server has taken a digest; `error` names addresses that it refused."""
    with write_transaction(db):
        db.execute(
            "UPDATE digest SET state = 'sent', sent_at_us = ?, attempts = attempts + 1, error = ?, pdf = NULL "
            "WHERE id = ?",
            (now_us, error, number),
        )


def note_failed(db: Database, digest: Digest, now_us: int, error: str) -> int:
    """Note a failed attempt; return when the next one is due, in microseconds."""
    wait_us = RETRY_US[min(digest.attempts, len(RETRY_US) - 1)]
    with write_transaction(db):
        db.execute(
            "UPDATE digest SET attempts = attempts + 1, error = ?, next_at_us = ? WHERE id = ?",
            (error, now_us + wait_us, digest.id),
        )
    return now_us + wait_us


def _digest(row: dict[str, Any]) -> Digest:
    return Digest(
        id=row["id"], state=row["state"], made_at_us=row["made_at_us"], next_at_us=row["next_at_us"],
        sent_at_us=row["sent_at_us"], attempts=row["attempts"], error=row["error"] or "", pdf=row["pdf"],
        letter=Letter(subject=row["subject"], text=row["text"], html=row["html"]),
        standing=json.loads(row["standing"]),
    )  # fmt: skip
