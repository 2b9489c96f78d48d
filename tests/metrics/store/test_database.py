"""A store is opened for writing or reading, and other files are refused and left as they are."""

import sqlite3
from contextlib import closing

import pytest

from metrics.errors import StoreDamaged, StoreMissing
from metrics.store.database import is_access_error, open_reader, open_store


def test_the_two_clocks_are_never_mixed(a_store, tmp_path):
    """A store of replayed runs refuses to be opened for live ones."""
    open_store(tmp_path / "m.db", "replay").close()
    with pytest.raises(StoreDamaged, match="holds replay runs, not live ones"):
        open_store(tmp_path / "m.db", "live")


@pytest.mark.parametrize("opener", [lambda path: open_store(path, "live"), open_reader], ids=["writer", "reader"])
def test_a_file_that_is_not_a_database_is_not_changed(tmp_path, opener):
    """The message names the file, and its bytes stay."""
    (tmp_path / "m.db").write_bytes(b"a letter " * 500)
    with pytest.raises(StoreDamaged, match=r"m\.db"):
        opener(tmp_path / "m.db")
    assert (tmp_path / "m.db").read_bytes() == b"a letter " * 500


def test_a_store_of_a_newer_release_is_not_changed(tmp_path, insert):
    """The message names the unknown migration."""
    with closing(open_store(tmp_path / "m.db", "live")) as db:
        table = db["_sqlite_migrations"]
        table.insert({"migration_set": "milepost.metrics", "name": "create_wonders", "applied_at": "2030-01-01"})
    with pytest.raises(StoreDamaged, match="made by a newer release \\(create_wonders\\)"):
        open_store(tmp_path / "m.db", "live")


def test_another_programs_database_is_not_changed(a_store, tmp_path):
    """The message names its tables; a file without tables is no store yet, for a reader."""
    with closing(sqlite3.connect(tmp_path / "m.db")) as other:
        other.execute("CREATE TABLE letters (text)")
        other.commit()
        for opener in (lambda: open_store(tmp_path / "m.db", "live"), lambda: open_reader(tmp_path / "m.db")):
            with pytest.raises(StoreDamaged, match=r"another program's database \(it has letters\)"):
                opener()
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("letters",)]
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreMissing, match="no metrics yet"):
        open_reader(tmp_path / "empty.db")


def test_a_reader_changes_nothing(a_store, tmp_path):
    """A reader cannot write, and creates no missing store."""
    with pytest.raises(StoreDamaged, match="no metrics yet"):
        open_reader(tmp_path / "m.db")
    assert list(tmp_path.iterdir()) == []
    open_store(tmp_path / "m.db", "live").close()
    with closing(open_reader(tmp_path / "m.db")) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM run")


def test_a_database_that_may_not_be_written_is_not_damaged(a_store, tmp_path):
    """An access error differs from other errors: an intact database need not be moved away."""
    a_store("live")
    with closing(sqlite3.connect(f"file:{tmp_path / 'metrics.db'}?mode=ro", uri=True)) as reader:
        with pytest.raises(sqlite3.OperationalError) as caught:
            reader.execute("DELETE FROM run")
        assert is_access_error(caught.value)
        with pytest.raises(sqlite3.OperationalError) as other:
            reader.execute("SELECT nothing")
        assert not is_access_error(other.value)
