"""A snapshot of the store that holds the rows of some partners alone.

Views of the connection stand in front of the tables: SQLite looks a name up among them first, so that every query is
narrowed, whoever wrote it. A table whose rows are of no one partner, such as decisions and money, is empty here, and so
is a table that this module does not know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from metrics.store.database import Snapshot, open_reader

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sqlite_utils import Database

#: Tables without rows of partners, which are seen as they are.
SHARED_TABLES = frozenset({"meta", "series", "baseline", "_sqlite_migrations"})

#: A hint of a query for the planner; a view has no index of its own, and the query is the same without it.
INDEX_HINT = re.compile(r"\bINDEXED BY \w+")


class PartnersSnapshot(Snapshot):
    """A snapshot with the rows of some partners."""

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> sqlite3.Cursor:
        """Execute a statement without its hints for the planner."""
        return super().execute(INDEX_HINT.sub("", sql), parameters)


def open_partners_snapshot(path: Path, partners: Iterable[str], *, check_same_thread: bool = True) -> PartnersSnapshot:
    """Open a snapshot of the rows of some partners. Raises as `open_reader` does."""
    db = open_reader(path, check_same_thread=check_same_thread)
    try:
        _narrow(db, sorted(partners))
        return PartnersSnapshot(db.conn)
    except BaseException:
        db.close()
        raise


def _narrow(db: Database, partners: list[str]) -> None:
    """Put a view in front of each table."""
    names = ", ".join(str(db.execute("SELECT quote(?)", (partner,)).fetchone()[0]) for partner in partners)
    mine = f"partner IN ({names})"
    tables = (
        "SELECT name FROM main.sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    )
    for (table,) in db.execute(tables).fetchall():
        if table in SHARED_TABLES:
            continue
        columns = {column[1] for column in db.execute(f'PRAGMA main.table_info("{table}")')}
        condition = "0"
        if "partner" in columns:
            condition = mine
        elif "cell" in columns:
            condition = f"cell IN (SELECT id FROM main.cell WHERE {mine})"  # noqa: S608 (quoted above)
        db.execute(f'CREATE TEMP VIEW "{table}" AS SELECT * FROM main."{table}" WHERE {condition}')  # noqa: S608
