"""Files of bodies of requests: which are removed."""

from poc.delivery import outbox
from poc.delivery.body_files import remove_stray_files
from poc.delivery.outbox import OutboundRequest, Outbox
from poc.ledger.lease import LeaseHolder


def test_bodies_of_an_exchange_that_the_ledger_does_not_know_are_removed(ledger, monkeypatch):
    """A run died before its first commit. While a process works on any feed, the file may be of its attempt."""
    monkeypatch.setattr(outbox, "INLINE_BYTES", 4)
    reserved = ledger.find("UA", "flights", "a.csv", "00")
    kept = Outbox(ledger, reserved)
    kept.add(OutboundRequest("0", 1, b"reserved"))
    kept.reserve("keyed")
    ledger.record_attempt(reserved, 1, 0)
    ledger.commit()
    folder = ledger.path.parent / "outbox"
    (folder / "notes.txt").write_text("of a person")
    stray = folder / f"{ledger.find('UA', 'flights', 'b.csv', '01').exchange_id}.0123456789abcdef"
    stray.write_bytes(b"never reserved")
    holder = LeaseHolder(ledger.sibling())
    lease = holder.take("AA", "flights", cap=1)
    remove_stray_files(ledger)
    assert stray.exists()
    holder.give_back(lease)
    remove_stray_files(ledger)
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == {reserved.exchange_id, "notes"}
