"""The outbox of an exchange: its files of bodies."""

import pytest

from poc.delivery import outbox
from poc.delivery.outbound_request import OutboundRequest
from poc.delivery.outbox import Outbox


def test_an_attempt_that_was_replaced_does_not_touch_the_bodies_of_the_other(ledger, monkeypatch):
    """A process that was stopped while it read a file, and gives up when it goes on, deletes its own bodies only."""
    monkeypatch.setattr(outbox, "INLINE_BYTES", 4)
    entry = ledger.find("UA", "flights", "a.csv", "00")
    stopped, other = Outbox(ledger, entry), Outbox(ledger, entry)
    stopped.add(OutboundRequest("0", 1, b"as it was read first"))
    other.add(OutboundRequest("0", 1, b"as it was read again"))
    other.reserve("keyed")
    ledger.commit()
    stopped.discard_unreserved()
    assert [request.body for request in other.pending()] == [b"as it was read again"]


@pytest.mark.parametrize("ledger_address", ["sqlite"], indirect=True)
def test_a_joint_request_is_found_without_reading_the_requests_of_others(ledger):
    """After a long outage many wait, and each joint request takes as many steps of the database as before."""
    driver = ledger.connection.connection.dbapi_connection
    first = Outbox(ledger, ledger.find("UA", "flights", "a.csv", "00"))
    steps = []

    def count_steps(number):
        for joint in range(number):
            first.add(OutboundRequest(f"{number}-{joint}", 1, b"{}", f"joint-{number}-{joint}"))
        first.reserve("keyed")
        ledger.commit()
        steps.append(0)

        def step():
            steps[-1] += 1

        driver.set_progress_handler(step, 10)
        first.joint_request("joint-4-1")
        first.accept_joint("joint-4-1")
        driver.set_progress_handler(None, 0)
        ledger.commit()
        return steps[-1]

    assert count_steps(4) + 5 > count_steps(2000)
