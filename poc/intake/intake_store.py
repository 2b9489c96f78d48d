"""The requests by which files came in, as the ledger has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.ledger.tables.receipts import INTAKE

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger

c = INTAKE.c
COLUMNS = (c.partner, c.key, c.feed, c.receipt_id, c.file, c.sha256, c.size_bytes, c.part, c.is_placed)
SELECT = sa.select(*COLUMNS).where(c.partner == sa.bindparam("p"), c.key == sa.bindparam("k"))
SELECT_RECEIPT = sa.select(c.file).where(
    c.receipt_id == sa.bindparam("number"), c.partner == sa.bindparam("p"), c.feed == sa.bindparam("f")
)
SELECT_OPEN = sa.select(*COLUMNS).where(sa.literal_column("intake.is_placed = 0"), c.came_at_us < sa.bindparam("b"))
INSERT = sa.insert(INTAKE)
RENAME = sa.update(INTAKE).where(c.partner == sa.bindparam("p"), c.key == sa.bindparam("k"))
PLACED = RENAME.values(is_placed=1)


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that came in by a request. `part` is its name in the inbox until it is placed."""

    partner: str
    key: str
    feed: str
    receipt_id: str
    file: str
    sha256: str
    size_bytes: int
    part: str
    is_placed: int = 0


def find_request(ledger: Ledger, partner: str, key: str) -> TakenFile | None:
    """Return the file that came in by a request with a key."""
    rows = ledger.execute(SELECT, {"p": partner, "k": key})
    return TakenFile(*rows[0]) if rows else None


def is_under_way(ledger: Ledger, partner: str, feed: str, receipt_id: str) -> bool:
    """Return whether a file of this receipt came in."""
    return bool(ledger.execute(SELECT_RECEIPT, {"number": receipt_id, "p": partner, "f": feed}))


def unplaced_files(ledger: Ledger, before_us: int) -> list[TakenFile]:
    """Return the files that came in before a time, and did not get their names."""
    return [TakenFile(*row) for row in ledger.execute(SELECT_OPEN, {"b": before_us})]


def add_request(ledger: Ledger, file: TakenFile, now_us: int) -> None:
    """Record a file that came in; `commit` makes it permanent."""
    values = {column.name: getattr(file, column.name) for column in COLUMNS}
    ledger.execute(INSERT, {**values, "came_at_us": now_us})


def rename_request(ledger: Ledger, file: TakenFile) -> None:
    """Record another name of a file that is not placed yet; `commit` makes it permanent."""
    ledger.execute(RENAME, {"p": file.partner, "k": file.key, "file": file.file, "receipt_id": file.receipt_id})


def mark_placed(ledger: Ledger, file: TakenFile) -> None:
    """Record that a file has its name in the inbox, and commit."""
    ledger.execute(PLACED, {"p": file.partner, "k": file.key})
    ledger.commit()
