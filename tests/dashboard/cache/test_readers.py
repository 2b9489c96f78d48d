"""Readers of the store that are kept open between requests."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dashboard.app import close_app
from dashboard.cache.readers import Readers
from metrics.errors import StoreDamaged, StoreMissing
from metrics.queries import runs
from metrics.queries.run_filter import RunFilter
from metrics.store.database import Snapshot, open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask import Flask

    from dashboard.cache.readers import Reader
    from metrics.events import RunEvent


@pytest.fixture
def store(tmp_path: Path, a_run: Callable[..., RunEvent]) -> Path:
    """A store with one run."""
    path = tmp_path / "metrics.db"
    add_run(path, a_run())
    return path


@pytest.fixture
def readers(store: Path) -> Iterator[Readers]:
    """The readers of that store."""
    with closing(Readers(store)) as found:
        yield found


def add_run(path: Path, run: RunEvent) -> None:
    """Insert a run into a store."""
    with closing(open_store(path, "replay")) as db, db.conn:
        insert_events(db, [("", run)])


def count(reader: Reader) -> int:
    """Return the number of runs that a reader sees."""
    return int(reader.db.execute("SELECT COUNT(*) FROM run").fetchone()[0])


def is_closed(reader: Reader) -> bool:
    """Check whether the connection of a reader is closed."""
    try:
        reader.db.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_a_reader_of_an_unchanged_store_is_used_again(readers: Readers) -> None:
    """The next request takes the connection of the last."""
    first = readers.take()
    assert count(first) == 1
    readers.give_back(first, intact=True)
    second = readers.take()
    assert (second.db, count(second)) == (first.db, 1)
    readers.give_back(second, intact=True)


def test_runs_are_counted_once_until_the_store_changes(
    readers: Readers, store: Path, a_run: Callable[..., RunEvent]
) -> None:
    """A count that an earlier request made is used again; after a change it is made anew."""
    counts, statements = [], []
    for new_run in (None, None, a_run(2)):
        if new_run is not None:
            add_run(store, new_run)
        reader = readers.take()
        reader.db.conn.set_trace_callback(statements.append)
        counts.append(runs.count_runs(reader.db, RunFilter()))
        readers.give_back(reader, intact=True)
    assert counts == [1, 1, 2]
    assert len([sql for sql in statements if "SUM(runs)" in sql]) == 2


def test_a_change_between_two_looks_is_seen(
    readers: Readers, store: Path, a_run: Callable[..., RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is stored while a reader is taken is in the list and in its count, or in neither."""
    reader = readers.take()
    assert runs.count_runs(reader.db, RunFilter()) == 1
    readers.give_back(reader, intact=True)
    begin = Snapshot.begin

    def begin_late(snapshot: Snapshot) -> None:
        add_run(store, a_run(2))
        begin(snapshot)

    monkeypatch.setattr(Snapshot, "begin", begin_late)
    later = readers.take()
    assert count(later) == runs.count_runs(later.db, RunFilter()) == 2
    readers.give_back(later, intact=True)


def test_a_snapshot_keeps_a_bounded_number_of_counts(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many filters, one after another, do not fill the memory."""
    monkeypatch.setattr(runs, "MAX_COUNTS", 2)
    reader = readers.take()
    names = ("UA", "DL", "AA", "UA")
    counts = [runs.count_runs(reader.db, RunFilter(partners=(name,))) for name in names]
    assert counts == [runs._count_runs(reader.db, RunFilter(partners=(name,))) for name in names]
    assert len(reader.db.computed["run counts"]) <= 2
    readers.give_back(reader, intact=True)


def test_two_requests_at_once_have_two_readers(readers: Readers) -> None:
    """A connection is never shared."""
    pair = readers.take(), readers.take()
    assert pair[0].db is not pair[1].db
    for reader in pair:
        readers.give_back(reader, intact=True)


def test_a_request_after_a_change_sees_it(readers: Readers, store: Path, a_run: Callable[..., RunEvent]) -> None:
    """A request that had begun to read before the change sees the store as it was."""
    idle, busy = readers.take(), readers.take()
    assert (count(idle), count(busy)) == (1, 1)
    readers.give_back(idle, intact=True)
    add_run(store, a_run(2))
    assert count(busy) == 1
    readers.give_back(busy, intact=True)
    after = readers.take()
    assert count(after) == 2
    assert is_closed(idle)
    assert is_closed(busy)
    readers.give_back(after, intact=True)


def test_another_file_in_the_place_of_the_store_is_read(
    readers: Readers, store: Path, tmp_path: Path, a_run: Callable[..., RunEvent]
) -> None:
    """A restored copy is opened anew."""
    readers.give_back(readers.take(), intact=True)
    shutil.copy(store, tmp_path / "copy.db")
    add_run(tmp_path / "copy.db", a_run(2))
    (tmp_path / "copy.db").replace(store)
    reader = readers.take()
    assert count(reader) == 2
    readers.give_back(reader, intact=True)


def test_a_store_that_a_newer_release_has_changed_is_refused(readers: Readers, store: Path) -> None:
    """Although it was readable at the request before."""
    readers.give_back(readers.take(), intact=True)
    with closing(sqlite3.connect(store)) as db, db:
        columns = "migration_set, name, applied_at"
        later = "SELECT migration_set, 'of a later release', applied_at FROM _sqlite_migrations LIMIT 1"
        db.execute(f"INSERT INTO _sqlite_migrations ({columns}) {later}")
    with pytest.raises(StoreDamaged, match="newer release"):
        readers.take()


def test_a_store_that_is_gone_is_missing(readers: Readers, store: Path) -> None:
    """The idle reader of the deleted file is not used."""
    readers.give_back(readers.take(), intact=True)
    store.unlink()
    with pytest.raises(StoreMissing):
        readers.take()


def test_a_reader_is_closed_after_an_error(readers: Readers) -> None:
    """Its connection may be in the middle of a query."""
    reader = readers.take()
    readers.give_back(reader, intact=False)
    assert is_closed(reader)


def test_the_end_of_the_dashboard_closes_all_readers(app_on: Callable[..., Flask], store: Path) -> None:
    """Idle ones at once, and one in use when its request ends."""
    app = app_on(store)
    readers = app.extensions["readers"]
    idle, busy = readers.take(), readers.take()
    readers.give_back(idle, intact=True)
    close_app(app)
    assert is_closed(idle)
    assert count(busy) == 1
    readers.give_back(busy, intact=True)
    assert is_closed(busy)


def test_requests_take_turns_with_one_reader(year_app: Flask) -> None:
    """A page gives its reader back, also one that is not there."""
    client = year_app.test_client()
    assert [client.get(path).status_code for path in ("/runs", "/runs/1", "/runs/9999999")] == [200, 200, 404]
    assert len(year_app.extensions["readers"]._idle) == 1
