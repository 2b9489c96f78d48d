"""Remove what is settled and older than `[keep]` says; nothing that is owed to anybody is ever removed.

Owed is what still has to be done: files that wait, requests in the outbox, rows held in quarantine and the archived
file that they are repaired with, refused files that no mended one has replaced, and exchanges that have not ended.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.capture.journal_reader import day_folders
from poc.delivery.body_files import remove_stray_files
from poc.duration import parse_duration
from poc.ledger.lookup import SETTLED
from poc.ledger.queries import refused_files
from poc.ledger.schema import ASIDE, DECISION, EXCHANGE, PARCEL
from poc.route.file_senders import delete_old_senders
from poc.schedule.tick_store import delete_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger

#: Name of an archived file whose own name was taken: the beginning of its digest, and a number.
NUMBERED = re.compile(r".*\.([0-9a-f]{8})\.[0-9]+(?:\.[^.]*)?")

#: Rows that are deleted in one commit, so that no other writer waits long.
BATCH_ROWS = 500

_ASIDE, _NEXT = ASIDE.alias("other"), DECISION.alias("next")
OF_ASIDE = sa.exists().where(_ASIDE.c.exchange_id == EXCHANGE.c.id)
#: Exchanges that have ended for good, with nothing to send, and no row held in quarantine.
IS_SETTLED = sa.and_(
    sa.or_(*(EXCHANGE.c.outcome == outcome for outcome in SETTLED)),  # `execute` knows no lists
    ~sa.exists().where(PARCEL.c.exchange_id == EXCHANGE.c.id),
    ~OF_ASIDE.where(_ASIDE.c.state == "held"),
)
#: Exchanges of which nothing else in the ledger tells.
IS_ALONE = sa.and_(
    ~OF_ASIDE,
    ~sa.exists().where(DECISION.c.exchange_id == EXCHANGE.c.id),
    ~sa.exists().where(_NEXT.c.next_exchange_id == EXCHANGE.c.id),
)
DELETE_EXCHANGE = sa.delete(EXCHANGE).where(EXCHANGE.c.id == sa.bindparam("key"), IS_SETTLED, IS_ALONE)
DELETE_ROWS = sa.delete(ASIDE).where(ASIDE.c.exchange_id == sa.bindparam("key"), ASIDE.c.state != "held")


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed of one kind, a key of `[keep]`, or would be: files, rows, exchanges or runs."""

    kind: str
    count: int
    before: datetime
    size_bytes: int = 0


def tidy(
    workspace: Workspace,
    ledger: Ledger,
    now: datetime,
    remove_old_runs: Callable[[datetime], int],
    *,
    dry_run: bool = False,
) -> list[Removed]:
    """Remove what `[keep]` does not keep, and return what was removed, or would be with `dry_run`.

    Args:
        workspace: with its settings.
        ledger: of the workspace.
        now: the current time.
        remove_old_runs: removes the runs before a time from the metrics store, or counts them with `dry_run`.
        dry_run: remove nothing.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be used; what was removed before is gone.
    """
    keep = workspace.settings.keep
    var = workspace.root / "var"
    limits = {
        kind: now - parse_duration(text)
        for kind in ("archive", "refused", "spool", "capture", "quarantine", "history", "metrics")
        if (text := getattr(keep, kind)) is not None
    }
    if not dry_run:
        remove_stray_files(ledger)
    removed = []
    for kind, before in limits.items():
        before_us = int(before.timestamp() * 1_000_000)
        if kind == "archive":
            removed.append(_remove_files(kind, old_archived_files(var / "archive", ledger, before_us), before, dry_run))
        elif kind == "refused":
            removed.append(_remove_files(kind, old_refused_files(var / "refused", ledger, before_us), before, dry_run))
        elif kind == "spool":
            removed.append(_remove_files(kind, old_damaged_lines(var / "spool", before_us), before, dry_run))
        elif kind == "capture":
            old = chain(old_captures(var / "capture", before), old_shadow_requests(var / "shadow", before))
            removed.append(_remove_files(kind, old, before, dry_run))
        elif kind == "quarantine":
            removed.append(Removed(kind, remove_settled_rows(ledger, before_us, dry_run=dry_run), before))
        elif kind == "history":
            removed.append(Removed(kind, remove_history(ledger, before_us, dry_run=dry_run), before))
        else:
            removed.append(Removed(kind, remove_old_runs(before), before))
    return removed


def old_archived_files(archive: Path, ledger: Ledger, before_us: int) -> Iterator[Path]:
    """Yield archived files whose exchanges ended before a time and are settled.

    A file without an exchange in the ledger is as old as its last change or move.
    """
    c = EXCHANGE.c
    columns = (c.partner, c.feed, c.file, c.sha256, c.closed_at_us, IS_SETTLED.label("is_settled"))
    with ledger.reporting_errors():
        rows = ledger.connection.execute(sa.select(*columns)).all()
        ledger.connection.rollback()
    ended_us: dict[tuple[str, str, str], float] = defaultdict(lambda: -1.0)
    for partner, feed, file, sha256, closed_at_us, is_settled in rows:
        for name in (file, sha256[:8]):
            age_us = float(closed_at_us or 0) if is_settled else float("inf")
            ended_us[partner, feed, name] = max(ended_us[partner, feed, name], age_us)
    for partner, feed, path in _files_of_feeds(archive):
        numbered = NUMBERED.fullmatch(path.name)
        names = [path.name, *([numbered[1]] if numbered else [])]
        known = [ended_us[partner, feed, name] for name in names if (partner, feed, name) in ended_us]
        if (max(known) if known else _changed_us(path)) < before_us:
            yield path


def old_refused_files(refused: Path, ledger: Ledger, before_us: int) -> Iterator[Path]:
    """Yield refused files that were replaced by a mended one or discarded, and were refused before a time."""
    settled: dict[tuple[str, str, str], bool] = {}
    for row in refused_files(ledger):
        name = (row["partner"], row["feed"], row["file"])
        is_old = row["state"] != "open" and (row["closed_at_us"] or 0) < before_us
        settled[name] = is_old and settled.get(name, True)
    for partner, feed, path in _files_of_feeds(refused):
        if settled.get((partner, feed, path.name)):
            yield path


def old_damaged_lines(spool: Path, before_us: int) -> Iterator[Path]:
    """Yield files of lines that are no events, which were saved apart before a time."""
    return (path for path in _files(spool) if path.parent.name == "damaged" and _changed_us(path) < before_us)


def old_captures(captures: Path, before: datetime) -> Iterator[Path]:
    """Yield what proxies kept on the days that ended before a time."""
    day = f"{before.astimezone(UTC):%Y-%m-%d}"
    for folder in sorted(captures.glob("*")):
        for path in day_folders(folder):
            if path.name < day:
                yield from _files(path)
                with suppress(OSError):  # not empty in a dry run, or where a file could not be removed
                    path.rmdir()


def old_shadow_requests(shadows: Path, before: datetime) -> Iterator[Path]:
    """Yield the requests that were kept instead of sent before a time, by `poc.route.sides.shadow`."""
    for folder in sorted(shadows.glob("*/*/requests/*")):
        with suppress(OSError):  # removed meanwhile
            if folder.stat().st_mtime < before.timestamp():
                yield from _files(folder)
                folder.rmdir()


def remove_settled_rows(ledger: Ledger, before_us: int, *, dry_run: bool) -> int:
    """Remove rows that have left quarantine, of settled exchanges that ended before a time; return how many.

    Raises TryLater, LedgerDamaged.
    """
    is_old = sa.and_(EXCHANGE.c.closed_at_us < before_us, IS_SETTLED)
    query = (
        sa.select(EXCHANGE.c.id, sa.func.count())
        .join(ASIDE, ASIDE.c.exchange_id == EXCHANGE.c.id)
        .where(is_old)
        .group_by(EXCHANGE.c.id)
    )
    with ledger.reporting_errors():
        rows = ledger.connection.execute(query).all()
        ledger.connection.rollback()
    if not dry_run:
        _delete(ledger, DELETE_ROWS, [key for key, _ in rows])
    return sum(count for _, count in rows)


def remove_history(ledger: Ledger, before_us: int, *, dry_run: bool) -> int:
    """Remove settled exchanges that ended before a time, with the ticks and arrivals before it; return how many.

    A file whose exchange was removed is a new file when it is handed in again. Exchanges that a person decided about
    stay, and those with rows that were in quarantine. Raises TryLater, LedgerDamaged.
    """
    with ledger.reporting_errors():
        query = sa.select(EXCHANGE.c.id).where(EXCHANGE.c.closed_at_us < before_us, IS_SETTLED, IS_ALONE)
        keys = list(ledger.connection.execute(query).scalars())
        ledger.connection.rollback()
    if not dry_run:
        _delete(ledger, DELETE_EXCHANGE, keys)
        delete_history(ledger, before_us)
        delete_old_senders(ledger, before_us)
        ledger.commit()
    return len(keys)


def _delete(ledger: Ledger, statement: sa.Delete, keys: list[str]) -> None:
    for start in range(0, len(keys), BATCH_ROWS):
        ledger.execute(statement, *({"key": key} for key in keys[start : start + BATCH_ROWS]))
        ledger.commit()


def _remove_files(kind: str, paths: Iterator[Path], before: datetime, dry_run: bool) -> Removed:
    count = size_bytes = 0
    for path in paths:
        with suppress(OSError):  # a file that cannot be removed now is removed another day
            file_bytes = path.stat().st_size
            if not dry_run:
                path.unlink()
            count, size_bytes = count + 1, size_bytes + file_bytes
    return Removed(kind, count, before, size_bytes)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _files_of_feeds(folder: Path) -> Iterator[tuple[str, str, Path]]:
    for path in _files(folder):
        parts = path.relative_to(folder).parts
        if len(parts) == 3:
            yield parts[0], parts[1], path


def _changed_us(path: Path) -> float:
    """Return when a file was last changed or moved, in microseconds since 1970; for ever where that is unknown."""
    try:
        status = path.stat()
    except OSError:
        return float("inf")
    return max(status.st_mtime, status.st_ctime) * 1_000_000


def describe(removed: Removed) -> str:
    """Return what was removed of one kind, as a phrase."""
    nouns = {"quarantine": "settled row(s) of quarantine", "history": "settled exchange(s)", "metrics": "run(s)"}
    noun = nouns.get(removed.kind, f"file(s) in {removed.kind}")
    size = f", {removed.size_bytes:,} bytes" if removed.size_bytes else ""
    return f"{removed.count:,} {noun} before {removed.before.astimezone(UTC):%Y-%m-%d}{size}"
