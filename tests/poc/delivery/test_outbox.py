"""The outbox of an exchange: its files of bodies."""

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
