"""Choose which side exchanges a file for real: once, committed before either side begins, and for good."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from poc.errors import BadInput, FileStillChanging, TryLater
from poc.route.file_senders import FileSender, add_sender, find_sender, side_of_open_name
from poc.route.route_store import has_history, read_route
from poc.route.sides.handed_file import digest_of
from poc.route.stages import SHADOWED, Position

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.partner import Feed
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.route.route_store import Route
    from poc.route.stages import Side


def feed_has_route(ledger: Ledger, feed: Feed, partner: str, feed_id: str) -> bool:
    """Return whether each file of a feed is given to a side: it names a monolith, or once did.

    The monolith keeps what it had of a feed whose table `monolith` was removed. Raises TryLater, LedgerDamaged.
    """
    return feed.monolith is not None or has_history(ledger, partner, feed_id)


def route_of_new_files(ledger: Ledger, feed: Feed, partner: str, feed_id: str) -> Route:
    """Return the route by which new files of a feed are given to a side; without a monolith, the service gets them.

    Raises:
        BadInput: the monolith was removed at a stage at which the service is still on trial.
        TryLater, LedgerDamaged.
    """
    route = read_route(ledger, partner, feed_id)
    if feed.monolith is not None:
        return route
    if route.stage in SHADOWED:
        raise BadInput(
            f"{partner}/{feed_id} is at {route.position.words}, and names no monolith any more; put "
            f"`[feed.{feed_id}.monolith]` back, and advance the feed to `service`, or take it back to `monolith`, first"
        )
    return replace(route, position=Position("service", 1.0))


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


def give_handed_in(ledger: Ledger, feed: Feed, partner: str, feed_id: str, path: Path, now_us: int) -> None:
    """Give a file in the inbox, which a person or a program asked to exchange now, to a side.

    Raises:
        TryLater: the monolith has it: the file stays in the inbox for the next run, which hands it over.
        BadInput: it cannot be read, or as for `route_of_new_files`.
        FileStillChanging: it changed while it was read.
    """
    sha256, version = digest_of(path)
    route = route_of_new_files(ledger, feed, partner, feed_id)
    sender = give_to_side(ledger, route, partner, feed_id, path.name, sha256, version.size_bytes, now_us)
    if sender.side == "monolith":
        raise TryLater(
            f"{path}: {partner}/{feed_id} is at {route.position.words}, and the monolith exchanges this file; it waits "
            "in the inbox for the next `milepost run`"
        )


def check_service_has(ledger: Ledger, feed: Feed, entry: ExchangeRecord) -> None:
    """Check that the service may exchange these bytes: the file may have been replaced since it was given to a side.

    Raises:
        FileStillChanging: it was, so that it is left for the next run.
        BadInput: it was given to no side, as for `route_of_new_files`.
        TryLater, LedgerDamaged.
    """
    sender = find_sender(ledger, entry.partner, entry.feed, entry.sha256)
    if sender is None:
        route_of_new_files(ledger, feed, entry.partner, entry.feed)
    if sender is None or sender.side != "service":
        raise FileStillChanging(f"{entry.file}: was replaced before it was read; it is left for the next run")
