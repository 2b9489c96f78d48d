"""Precedence: a backlog gives way to new files, but not to files that wait for their partner."""

import threading

import pytest

from poc.engine import precedence as module
from poc.engine.precedence import Precedence, PrecedenceEndpoint


@pytest.fixture
def precedence(monkeypatch):
    """A precedence whose backlogs wait until they may go on."""
    monkeypatch.setattr(module, "LONGEST_S", 60)
    return Precedence()


def backlog(precedence):
    """Start a backlog that wants to go on; the event says that it did."""
    went_on = threading.Event()
    threading.Thread(target=lambda: (precedence.give_way(), went_on.set()), daemon=True).start()
    return went_on


def test_a_backlog_waits_until_all_new_files_are_done(precedence):
    """With two new files at work, the end of the first is not enough."""
    first, second = precedence.new_file(), precedence.new_file()
    first.__enter__()
    with second:
        went_on = backlog(precedence)
        first.__exit__(None, None, None)
        assert not went_on.is_set()
    assert went_on.wait(60)


def test_a_backlog_does_not_wait_for_a_partner_that_does_not_answer(precedence):
    """While a new file waits for its answer, the backlog goes on; after the answer, it gives way again."""
    answer, asked = threading.Event(), threading.Event()

    class Partner:
        def post(self, body, headers, now):
            asked.set()
            answer.wait(60)

    endpoint = PrecedenceEndpoint(Partner(), precedence)
    endpoint.has_new_file = True
    with precedence.new_file():
        request = threading.Thread(target=endpoint.post, args=(b"", {}, None), daemon=True)
        request.start()
        assert asked.wait(60)
        assert backlog(precedence).wait(60)
        answer.set()
        request.join(60)
        went_on = backlog(precedence)
        assert not went_on.wait(0.01)
    assert went_on.wait(60)


def test_a_backlog_is_worked_off_beside_new_files_without_end(monkeypatch):
    """It gives way for a moment only."""
    monkeypatch.setattr(module, "LONGEST_S", 0.001)
    precedence = Precedence()
    with precedence.new_file():
        assert backlog(precedence).wait(60)


def test_a_feed_with_several_requests_under_way_waits_for_its_partner_once(precedence):
    """It has one lane, so that one more feed may be worked on meanwhile, and not one for each request."""
    changes = []
    precedence.listener = changes.append
    both, answer = threading.Barrier(3), threading.Event()

    class Partner:
        def post(self, body, headers, now):
            both.wait(60)
            answer.wait(60)

    endpoint = PrecedenceEndpoint(Partner(), precedence)
    endpoint.has_new_file = True
    with precedence.new_file():
        requests = [threading.Thread(target=endpoint.post, args=(b"", {}, None), daemon=True) for _ in range(2)]
        for request in requests:
            request.start()
        both.wait(60)
        assert backlog(precedence).wait(60)
        answer.set()
        for request in requests:
            request.join(60)
    assert changes == [1, -1]
