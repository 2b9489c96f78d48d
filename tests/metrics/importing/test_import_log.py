"""A log becomes runs: each row once, however often the log is imported."""

import sqlite3
from contextlib import closing

import pytest

from metrics.errors import TryLater
from metrics.importing.import_log import ImportResult


def test_a_log_that_grew_adds_its_new_rows(rows, to_csv, import_file, tmp_path):
    """Equal rows are as many runs as there are rows, in whatever pieces the log is imported."""
    path = tmp_path / "log.csv"
    path.write_text(to_csv([rows[0], rows[0]]))
    assert import_file(path)[0].new == 2
    path.write_text(to_csv([rows[0], rows[1], rows[0], rows[0]]))
    result, _ = import_file(path)
    assert (result.new, result.known) == (2, 2)


@pytest.mark.parametrize("dry", [False, True])
def test_a_row_that_contradicts_its_id_is_skipped(rows, table, to_csv, import_file, tmp_path, dry):
    """Two different rows with one id are not one run; the second is named."""
    mapping = table | {"id": {"column": "feed"}, "feed": {"value": "f"}}
    (tmp_path / "log.csv").write_text(to_csv([rows[0], rows[0], rows[1]]))
    result, messages = import_file(tmp_path / "log.csv", mapping, dry=dry)
    assert (result.new, result.known, result.skipped) == (1, 1, 1)
    assert messages[0].startswith("line 4: attempt 1 of AA/f/f is known already")


def test_a_dry_run_has_the_same_result_and_changes_nothing(db, rows, to_csv, import_file, tmp_path):
    """The import afterwards has the new, known and skipped rows that the dry run announced."""
    (tmp_path / "log.csv").write_text(to_csv([*rows, rows[0] | {"ms": "-1"}]))
    dry, dry_messages = import_file(tmp_path / "log.csv", dry=True)
    assert db["run"].count == 0
    result, messages = import_file(tmp_path / "log.csv")
    assert (dry, dry_messages) == (result, messages)
    assert isinstance(result, ImportResult)
    assert [run.records for run in result.first] == [10, 20, None]
    assert import_file(tmp_path / "log.csv", dry=True)[0].known == 3


def test_an_interrupted_import_is_finished_by_the_next(db, rows, to_csv, import_file, stored, tmp_path, monkeypatch):
    """Complete batches are stored when a later one fails; the next import adds the others, and nothing twice."""
    from metrics.importing import import_log as module
    from metrics.store import writer

    (tmp_path / "log.csv").write_text(to_csv([rows[0] | {"ms": str(number)} for number in range(25)]))
    monkeypatch.setattr(module, "BATCH", 10)
    real, calls = writer.insert_events, []

    def dies(*arguments):
        real(*arguments)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "insert_events", dies)
    with pytest.raises(KeyboardInterrupt):
        import_file(tmp_path / "log.csv")
    assert db["run"].count == 10
    result, _ = import_file(tmp_path / "log.csv")
    assert (result.new, result.known, db["run"].count) == (15, 10, 25)


def test_a_locked_store_is_tried_later(db, rows, to_csv, import_file, tmp_path):
    """While another program writes, the import ends with a message and stores nothing."""
    (tmp_path / "log.csv").write_text(to_csv(rows))
    db.execute("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(tmp_path / "metrics.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryLater, match="0 runs were imported, import again for the others"):
            import_file(tmp_path / "log.csv")
