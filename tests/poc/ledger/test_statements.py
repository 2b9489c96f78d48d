"""Connections of a new ledger, and the changes of a joined commit: executed together, and only all of them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from poc.errors import TryLater
from poc.ledger.opening import open_ledger


def new_entries(ledger):
    """Two files that the ledger does not know."""
    return [ledger.find("UA", "flights", f"{letter}.csv", letter * 64) for letter in "ab"]


def test_a_joined_commit_holds_all_its_changes_and_each_look_up_sees_those_before(ledger):
    """They wait until something is asked, or until the end."""
    first, second = new_entries(ledger)
    with ledger.one_commit():
        ledger.record_attempt(first, 10, 1, rows_in=2, rows_due=2)
        assert ledger.find("UA", "flights", "a.csv", "a" * 64).outcome == "open"
        ledger.update(first, outcome="done", rows_due=0, rows_delivered=2)
        ledger.record_attempt(second, 10, 1)
        ledger.commit()
    found = [ledger.get(entry.exchange_id) for entry in (first, second)]
    assert [entry.outcome for entry in found] == ["done", "open"]
    assert found[0].rows["delivered"] == 2


@pytest.mark.parametrize("joined", [True, False])
def test_a_file_that_another_process_entered_meanwhile_is_tried_later(ledger, joined):
    """Nothing of what was to be committed with it stays."""
    other = ledger.sibling()
    first, second = new_entries(ledger)
    other.record_attempt(other.find("UA", "flights", "b.csv", "b" * 64), 10, 1)
    other.commit()

    def enter_both():
        with ledger.one_commit() if joined else nullcontext():
            for entry in (first, second):
                ledger.record_attempt(entry, 10, 1, outcome="done")

    with pytest.raises(TryLater, match="another process exchanges it"):
        enter_both()
    ledger.roll_back()
    assert [ledger.get(entry.exchange_id) is None for entry in (first, second)] == [True, False]
    assert ledger.get(second.exchange_id).outcome == "open"
    other.close()


def test_connections_that_make_a_ledger_at_the_same_time_all_open_it(tmp_path):
    """SQLite refuses one of two that begin a write-ahead log at once; it tries again."""
    begin = threading.Barrier(4)

    def make(path):
        begin.wait(60)
        open_ledger(path).close()
        return path

    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            path = tmp_path / str(number) / "ledger.db"
            assert list(pool.map(make, [path] * 4)) == [path] * 4
