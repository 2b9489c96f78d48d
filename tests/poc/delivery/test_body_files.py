"""Files of bodies of requests: what is written is read again, and which files are removed."""

from contextlib import closing

from poc.delivery import body_files, outbox
from poc.delivery.body_files import BodyReader, BodyWriter, remove_stray_files
from poc.delivery.outbound_request import OutboundRequest
from poc.delivery.outbox import Outbox
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
    folder = ledger.folder / "outbox"
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


def test_bodies_are_read_as_they_were_written_while_the_disk_stores_them(tmp_path, monkeypatch):
    """The disk begins before the last body; each is read from its place, also in a file that was continued."""
    monkeypatch.setattr(body_files, "BEGIN_BYTES", 8192)
    bodies = [bytes([number]) * (3000 + number) for number in range(20)]
    starts = []
    for mode, part in (("xb", bodies[:12]), ("ab", bodies[12:])):
        writer = BodyWriter((tmp_path / "a").open(mode))
        starts += [writer.write(body) for body in part]
        size_bytes = writer.store()
    assert size_bytes == sum(map(len, bodies))
    with closing(BodyReader(tmp_path)) as reader:
        read = [reader.read("a", start, len(body)) for start, body in zip(starts, bodies, strict=True)]
    assert read == bodies
