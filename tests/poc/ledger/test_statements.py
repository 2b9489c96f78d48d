"""Connections of a new ledger, and the changes of a joined commit: executed together, and only all of them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
import sqlalchemy as sa

from poc.errors import BadInput, TryLater
from poc.ledger.lookup import find_by_prefix
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


def test_an_argument_that_is_no_utf_8_is_named(ledger):
    """Neither database takes it, as a query or as a change, and the next change goes on."""
    first, second = new_entries(ledger)
    with pytest.raises(BadInput, match=r"'caf\\udce9' is not UTF-8"):
        find_by_prefix(ledger, "caf\udce9")
    with pytest.raises(BadInput, match="is not UTF-8"):
        ledger.record_attempt(first, 1, 1, reason="caf\udce9")
    ledger.record_attempt(second, 1, 1)
    ledger.commit()
    assert (ledger.get(first.exchange_id), ledger.get(second.exchange_id).outcome) == (None, "open")


def test_a_pattern_may_leave_characters_out(ledger):
    """`[!a]` is one that is no `a`, in both databases."""
    names = ["a.csv", "b.csv", "!.csv"]
    query = [sa.select(ledger.matches_glob(sa.literal(name), "[!a].csv")) for name in names]
    assert [bool(ledger.connection.execute(one).scalar_one()) for one in query] == [False, True, True]
