"""Lanes: an error that concerns all feeds is reported, and a stop ends the feeds that wait."""

import threading
from datetime import UTC, datetime

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.engine.lanes import Lanes
from poc.engine.precedence import Precedence
from poc.errors import LedgerDamaged
from poc.ledger.lease import LeaseHolder
from poc.service.inbox_run import run_inbox


class Work:
    """A feed that works until it is let go, or raises an error; its events are noted."""

    cap = 8

    def __init__(self, feed, events, error=None):
        self.partner, self.key = "UA", ("UA", feed)
        self.began, self.let_go = threading.Event(), threading.Event()
        self._events, self._error = events, error

    def turn(self, ledger):
        """Have more to do, once let go."""
        assert ledger.guard is not None
        self.began.set()
        assert self.let_go.wait(60)
        if self._error is not None:
            raise self._error
        return 0.0

    def busy(self, ledger):
        """No other process works on it."""

    def fail(self, error):
        """Its lease is free."""

    def end(self):
        """Note the end."""
        self._events.append(self.key[1])


class NoRecorder:
    """A recorder that keeps nothing."""

    def record(self, event, *, started=False):
        """Take an event."""


@pytest.fixture
def lanes(ledger):
    """A function that returns lanes whose errors are noted among the events."""
    with LeaseHolder(ledger.sibling()) as holder:
        yield lambda slots, events: Lanes(ledger, holder, slots, events.append, Precedence())


def test_an_error_is_reported_before_its_feed_ends(lanes):
    """Who waits for the end of the last feed has the error by then, and the feeds that waited have ended, too."""
    events, error = [], LedgerDamaged("the ledger is gone")
    works = [Work("a", events, error), Work("b", events)]
    pool = lanes(1, events)
    pool.offer(works)
    works[0].let_go.set()
    pool.wait()
    assert pool.join(60)
    assert events == [error, "b", "a"]


def test_a_stop_ends_the_feeds_that_wait(lanes):
    """The turn under way ends by itself; nothing waits for a feed that had no turn, and none is taken any more."""
    events = []
    first, second, third = (Work(feed, events) for feed in "abc")
    pool = lanes(1, events)
    pool.offer([first, second])
    assert first.began.wait(60)
    pool.stop()
    assert events == ["b"]
    pool.offer([third])
    first.let_go.set()
    pool.wait()
    assert pool.join(60)
    assert events == ["b", "c", "a"]
    assert not second.began.is_set()


def test_a_ledger_that_is_lost_in_the_only_feed_ends_the_run_with_its_error(tmp_path, monkeypatch):
    """The run does not end as if nothing had been there to do."""
    create_workspace(tmp_path / "w", "w", "live", {"UA": AIRLINES["UA"]}, "")

    def is_lost(*_, **__):
        raise LedgerDamaged("the ledger is gone")

    monkeypatch.setattr("poc.service.feed_work.resumable_exchanges", is_lost)
    workspace = load_workspace(tmp_path / "w")
    with pytest.raises(LedgerDamaged, match="the ledger is gone"):
        list(run_inbox(workspace, None, 4, lambda: datetime.now(UTC), NoRecorder(), "0"))
