"""Ticks and arrivals in the ledger."""

from contextlib import closing

import pytest

from poc.ledger.opening import open_ledger
from poc.ledger.schema import EXCHANGE
from poc.schedule.tick_store import TickStore, delete_history
from poc.schedule.ticks import ARRIVED, LATE, NOT_ARRIVED, Tick

HOUR_US = 3600 * 1_000_000


@pytest.fixture
def store(ledger_address):
    """The ticks of a feed in a new ledger."""
    with closing(open_ledger(ledger_address)) as ledger:
        yield TickStore(ledger, "AA", "flights")


def test_a_tick_is_added_once_and_changes_only_when_a_file_comes(store):
    """What another process has judged is returned to nobody; a miss becomes late once, and stays late."""
    missed, late = Tick(5, NOT_ARRIVED), Tick(5, LATE, 7)
    assert store.add_ticks([missed, Tick(9, ARRIVED, 8)], 10) == [missed, Tick(9, ARRIVED, 8)]
    assert store.add_ticks([missed, Tick(9, NOT_ARRIVED)], 11) == []
    assert store.add_ticks([late], 12) == [late]
    assert store.add_ticks([missed, late], 13) == []
    assert store.last_ticks(20, 5) == [Tick(9, ARRIVED, 8), late]
    assert store.last_ticks(8, 5) == [late]


def test_a_file_counts_once_also_if_its_exchange_began_before_the_schedule(store):
    """The opening of an exchange counts before the schedule began, if no arrival of its file is recorded."""
    for key, file, at_us in (("e1", "a.csv", 2), ("e2", "b.csv", 4), ("e3", "c.csv", 9)):
        values = {"id": key, "partner": "AA", "feed": "flights", "sha256": "", "file": file}
        more = {"size_bytes": 1, "attempt": 1, "outcome": "done", "opened_at_us": at_us * HOUR_US}
        store.ledger.connection.execute(EXCHANGE.insert(), {**values, **more})
    store.ledger.connection.commit()
    store.add_arrivals([("b.csv", 3 * HOUR_US), ("d.csv", 10 * HOUR_US)])
    store.add_arrivals([("b.csv", 3 * HOUR_US)])
    store.ledger.commit()
    hours = [at_us // HOUR_US for at_us in store.arrivals(0, 20 * HOUR_US, since_us=5 * HOUR_US)]
    assert hours == [2, 3, 10]


def test_history_can_be_deleted(store):
    """Ticks and arrivals before a moment go; later ones stay."""
    store.add_ticks([Tick(5, ARRIVED, 4), Tick(15, ARRIVED, 14)], 20)
    store.add_arrivals([("a.csv", 4), ("b.csv", 14)])
    delete_history(store.ledger, 10)
    store.ledger.commit()
    assert [tick.due_us for tick in store.last_ticks(20, 5)] == [15]
    assert store.arrivals(0, 20, 0) == [14]
