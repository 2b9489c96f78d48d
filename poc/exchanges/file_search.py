"""Search for files and exchanges: where a file is now, and how each exchange of it ended."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.errors import BadInput
from poc.ledger.exchange_record import COUNT_COLUMNS
from poc.ledger.queries import redelivery_notes
from poc.ledger.schema import ASIDE, EXCHANGE, PARCEL
from poc.ledger.tables.route import FILE_SENDER
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger

#: Folders below `var` in which files are.
PLACES = ("inbox", "archive", "refused")

#: The most exchanges in a result, the newest ones.
MAX_EXCHANGES = 100

#: The most digests of files whose exchanges are looked up; SQLite bounds the values of a query.
MAX_DIGESTS = 1_000

#: The beginning of an exchange's id or of a digest; fewer characters are only a name.
HEX_START = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)

NAMES = (
    "id", "partner", "feed", "file", "sha256", "size_bytes", "outcome", "reason", "attempt", "opened_at_us",
    "closed_at_us", "due_at_us",
)  # fmt: skip

SENDER_NAMES = (
    "partner", "feed", "file", "sha256", "size_bytes", "state", "attempt", "given_at_us", "ended_at_us", "exit_code",
    "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Exchanges, newest first, and files of the workspace that belong to none of them.

    Each exchange has its counts of `rows`, its `files` (place and path), the unconfirmed `requests` and the rows in
    `quarantine` by state, and the note on its `redelivery`. `more`: there are more exchanges than these.
    `by_monolith` are files that a feed's monolith has for real, newest first, each with the `state` of its command and
    its `files`; the service has no exchange of them.
    """

    exchanges: list[dict[str, Any]]
    files: list[dict[str, Any]]
    more: bool
    by_monolith: list[dict[str, Any]]


def search_files(workspace: Workspace, ledger: Ledger | None, text: str) -> SearchResult:
    """Return the exchanges and files that a name, a pattern of names, a digest or an exchange's id stands for.

    A digest or id is given by its first four digits, or more of them. `ledger` is None before there is one.

    Raises TryLater, LedgerDamaged.
    """
    all_files = list(_workspace_files(workspace))
    named = {path: _digest(path) for place, path in all_files if _is_wanted(place, path, text)}
    named = {path: digest for path, digest in named.items() if _is_named(path, text) or digest.startswith(text.lower())}
    digests = sorted({*named.values()})[:MAX_DIGESTS]
    exchanges, more = ([], False) if ledger is None else _exchanges(ledger, text, digests)
    by_monolith = [] if ledger is None else _files_of_monoliths(ledger, text, digests)
    by_feed = defaultdict(list)
    for row in (*exchanges, *by_monolith):
        by_feed[row["partner"], row["feed"]].append(row)
    files = []
    for place, path in all_files:
        of_feed = by_feed.get((path.parts[-3], path.parts[-2]), [])
        if path not in named and not any(_may_be_file_of(row, path) for row in of_feed):
            continue
        digest = named.get(path) or _digest(path)
        owners = [row for row in of_feed if row["sha256"] == digest]
        for row in owners:
            row["files"].append({"place": place, "path": str(path)})
        if path in named and not owners:
            files.append({"place": place, "path": str(path), "sha256": digest})
    return SearchResult(exchanges, files, more, by_monolith)


def _is_named(path: Path, text: str) -> bool:
    return path.name == text or fnmatchcase(path.name, text)


def _is_wanted(place: str, path: Path, text: str) -> bool:
    """Return whether a file has the name, or waits and may have the digest."""
    return _is_named(path, text) or (place == "inbox" and HEX_START.fullmatch(text) is not None)


def _exchanges(ledger: Ledger, text: str, digests: Sequence[str]) -> tuple[list[dict[str, Any]], bool]:
    """Return the newest exchanges with the name, id or digest, or with one of `digests`; and whether there are more."""
    c = EXCHANGE.c
    matches = [c.file == text, ledger.matches_glob(c.file, text), c.sha256.in_(digests)]
    if HEX_START.fullmatch(text):
        matches += [c.id.startswith(text.lower(), autoescape=True), c.sha256.startswith(text.lower(), autoescape=True)]
    columns = [*(c[name] for name in NAMES), *(c[name] for name in COUNT_COLUMNS)]
    query = sa.select(*columns).where(sa.or_(*matches)).order_by(c.opened_at_us.desc(), c.id)
    with ledger.reporting_errors():
        rows = [dict(row) for row in ledger.connection.execute(query.limit(MAX_EXCHANGES + 1)).mappings()]
        keys = [row["id"] for row in rows]
        requests = _by_state(ledger, keys, PARCEL, sa.func.sum(PARCEL.c.rows))
        quarantine = _by_state(ledger, keys, ASIDE, sa.func.count())
        ledger.connection.rollback()
    notes = redelivery_notes(ledger)
    for row in rows:
        row["rows"] = {name.removeprefix("rows_"): row.pop(name) for name in COUNT_COLUMNS}
        row["files"] = []
        row["requests"] = requests.get(row["id"], [])
        row["quarantine"] = {part["state"]: part["rows"] for part in quarantine.get(row["id"], [])}
        row["redelivery"] = notes.get(row["id"], "")
    return rows[:MAX_EXCHANGES], len(rows) > MAX_EXCHANGES


def _files_of_monoliths(ledger: Ledger, text: str, digests: Sequence[str]) -> list[dict[str, Any]]:
    """Return the newest files that a monolith has, with the name or digest, or with one of `digests`."""
    c = FILE_SENDER.c
    matches = [c.file == text, ledger.matches_glob(c.file, text), c.sha256.in_(digests)]
    if HEX_START.fullmatch(text):
        matches.append(c.sha256.startswith(text.lower(), autoescape=True))
    query = (
        sa.select(*(c[name] for name in SENDER_NAMES))
        .where(c.side == "monolith", sa.or_(*matches))
        .order_by(c.given_at_us.desc())
        .limit(MAX_EXCHANGES)
    )
    with ledger.reporting_errors():
        rows = [dict(row) | {"files": []} for row in ledger.connection.execute(query).mappings()]
        ledger.connection.rollback()
    return rows


def _by_state(
    ledger: Ledger, keys: Sequence[str], table: sa.Table, rows: sa.ColumnElement[int]
) -> dict[str, list[dict[str, Any]]]:
    """Return how many entries and rows each exchange has in a table, by their state."""
    query = (
        sa.select(table.c.exchange_id, table.c.state, sa.func.count(), rows)
        .where(table.c.exchange_id.in_(keys))
        .group_by(table.c.exchange_id, table.c.state)
    )
    result = defaultdict(list)
    for key, state, count, total in ledger.connection.execute(query):
        result[key].append({"state": state, "count": count, "rows": total})
    return result


def _workspace_files(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """Yield the files of all partners and feeds, also of those that are no longer configured, by place and path."""
    for place in PLACES:
        for path in sorted((workspace.root / "var" / place).glob("*/*/*")):
            if path.is_file() and not path.is_symlink():
                yield place, path


def _may_be_file_of(row: dict[str, Any], path: Path) -> bool:
    """Return whether a file has the name of an exchange's file, or one that it got because that was taken."""
    return path.name == row["file"] or f".{row['sha256'][:8]}." in path.name


def _digest(path: Path) -> str:
    """Return the digest of a file; empty for one that was moved or cannot be read."""
    try:
        file, _ = open_regular(path)
    except BadInput:
        return ""
    with file:
        return sha256_hex(file)
