"""Choose which side exchanges a file for real: once, committed before either side begins, and for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.errors import FileStillChanging, TryLater
from poc.route.file_senders import FileSender, add_sender, find_sender, side_of_open_name
from poc.route.route_store import read_route
from poc.route.sides.handed_file import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.route.route_store import Route
    from poc.route.stages import Side


def give_to_side(
    ledger: Ledger, route: Route, partner: str, feed: str, file: str, sha256: str, size_bytes: int, now_us: int
) -> FileSender:
    """Return which side has a file; give a new one to a side by the route, and commit.

    The same bytes stay with the side that has them, under whatever name, and also those that the service exchanged
    before the feed had a route. Other bytes go where a file of their name is still under way; else the route decides.

    Raises TryLater, LedgerDamaged.
    """
    if (sender := find_sender(ledger, partner, feed, sha256)) is not None:
        return sender
    side: Side
    entry = ledger.find(partner, feed, file, sha256)
    if entry.outcome:
        side = "service"
    else:
        side = side_of_open_name(ledger, partner, feed, file) or route.position.side_of(file)
    sender = FileSender(
        partner=partner,
        feed=feed,
        sha256=sha256,
        file=file,
        size_bytes=size_bytes,
        side=side,
        exchange_id=entry.exchange_id,
        change_id=route.change_id,
        given_at_us=now_us,
    )
    add_sender(ledger, sender)
    ledger.commit()
    return sender


def give_handed_in(ledger: Ledger, partner: str, feed: str, path: Path, now_us: int) -> None:
    """Give a file in the inbox, which a person or a program asked to exchange now, to a side.

    Raises:
        TryLater: the monolith has it: the file stays in the inbox for the next run, which hands it over.
        BadInput, FileStillChanging: it cannot be read.
    """
    sha256, version = digest_of(path)
    route = read_route(ledger, partner, feed)
    sender = give_to_side(ledger, route, partner, feed, path.name, sha256, version.size_bytes, now_us)
    if sender.side == "monolith":
        raise TryLater(
            f"{path}: {partner}/{feed} is at {route.position}, and the monolith exchanges this file; it waits in the "
            "inbox for the next `milepost run`"
        )


def check_service_has(ledger: Ledger, entry: ExchangeRecord) -> None:
    """Check that the service may exchange these bytes: the file may have been replaced since it was given to a side.

    Raises:
        FileStillChanging: it was, so that it is left for the next run.
        TryLater, LedgerDamaged.
    """
    sender = find_sender(ledger, entry.partner, entry.feed, entry.sha256)
    if sender is None or sender.side != "service":
        raise FileStillChanging(f"{entry.file}: was replaced before it was read; it is left for the next run")
