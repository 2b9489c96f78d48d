"""Fetch one file of a place into the inbox of its feed: as a hidden part, and then complete under its name.

The ledger is told before each step that cannot be repeated: `fetched` once the part is complete and on disk, and
`placed` once it has its name in the inbox. After a crash at any step, `finish_fetched` goes on with what is there.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics.private_files import create_private, open_private
from poc.errors import FileStillChanging, PlaceUnavailable, TryLater
from poc.pickup.store import has_exchange, update_file
from poc.transports.archive import free_path
from poc.transports.folder import NO_SPACE, sync_folder
from poc.transports.inbox import announcement_path

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from poc.config.partner import Feed
    from poc.ledger.ledger import Ledger
    from poc.pickup.store import PickedFile
    from poc.places.place import Place, Seen

#: How the name of a part begins and ends; hidden, so that no run takes it for a file.
PART_PREFIX, PART_SUFFIX = ".pickup-", ".part"


class LocalTrouble(TryLater):
    """The inbox cannot be written: a problem of this machine, not of the place."""


@dataclass(frozen=True, slots=True)
class FeedInbox:
    """The inbox of the feed that files are fetched into; `feed` has the `done_file` of the inbox."""

    path: Path
    feed: Feed

    def part(self, file: PickedFile) -> Path:
        """Return the path of the part of a file."""
        return self.path / f"{PART_PREFIX}{file.id}{PART_SUFFIX}"


def fetch_file(
    ledger: Ledger,
    place: Place,
    inbox: FeedInbox,
    file: PickedFile,
    seen: Seen,
    *,
    announced: str,
    max_bytes: int,
    now_us: int,
    keep_going: Callable[[], None],
) -> PickedFile:
    """Fetch a file that is complete at its place, and return it as the ledger has it then.

    Args:
        ledger: the ledger; each step is committed.
        place: the place.
        inbox: where the file is put.
        file: its row in the ledger, in the state `seen`.
        seen: the file as the place shows it.
        announced: the mark of its announcement, empty without one.
        max_bytes: the most bytes that are fetched.
        now_us: the current time.
        keep_going: called after each piece; an error that it raises ends the transfer.

    Raises:
        FileStillChanging: it changed while it was fetched; what was read is deleted.
        PlaceUnavailable, PlaceRefused: the place failed.
        LocalTrouble: the inbox cannot be written.
    """
    part = inbox.part(file)
    try:
        sha256 = copy_to_part(place, seen, part, max_bytes, keep_going)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    name = free_path(inbox.path, file.name, sha256).name
    note_fetched(ledger, file, sha256=sha256, inbox_name=name, announced=announced, fetched_at_us=now_us)
    fetched = replace(file, state="fetched", sha256=sha256, inbox_name=name, announced=announced, fetched_at_us=now_us)
    return finish_fetched(ledger, inbox, fetched)


def copy_to_part(place: Place, seen: Seen, part: Path, max_bytes: int, keep_going: Callable[[], None]) -> str:
    """Stream a file into a part, which is on disk when this returns; return its sha256. Raises as `fetch_file`."""
    digest = hashlib.sha256()
    size_bytes = 0
    try:
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        with open(part, "wb", opener=open_private) as sink, closing(_pieces(place, seen)) as pieces:
            for piece in pieces:
                size_bytes += len(piece)
                if size_bytes > min(seen.size_bytes, max_bytes):
                    raise FileStillChanging(f"{seen.name}: grew while it was fetched")
                digest.update(piece)
                sink.write(piece)
                keep_going()
            if size_bytes != seen.size_bytes:
                raise PlaceUnavailable(
                    "connection",
                    f"{place.address}: {seen.name}: cut after {size_bytes:,} of {seen.size_bytes:,} bytes",
                )
            sink.flush()
            os.fsync(sink.fileno())
    except OSError as error:
        raise _local_trouble(part.parent, error) from error
    return digest.hexdigest()


def note_fetched(ledger: Ledger, file: PickedFile, **values: object) -> None:
    """Write down that the part of a file is complete and on disk."""
    update_file(ledger, file, state="fetched", **values)
    ledger.commit()


def finish_fetched(ledger: Ledger, inbox: FeedInbox, file: PickedFile) -> PickedFile:
    """Give a fetched file its name in the inbox, and write that down; also after a crash between the two.

    A part that was lost, as by a power cut before its folder was synced, is fetched again, unless the file has arrived.

    Raises:
        LocalTrouble: the inbox cannot be written.
    """
    part = inbox.part(file)
    try:
        has_part = part.stat().st_size == file.size_bytes
    except FileNotFoundError:
        has_part = False
    except OSError as error:
        raise _local_trouble(inbox.path, error) from error
    if not has_part and not _has_arrived(ledger, inbox, file):
        again = replace(file, state="seen", sha256="", inbox_name="", announced="", fetched_at_us=None)
        update_file(ledger, file, state="seen", sha256="", inbox_name="", announced="", fetched_at_us=None)
        ledger.commit()
        return again
    if has_part:
        name = free_path(inbox.path, file.name, file.sha256).name
        if name != file.inbox_name:  # another file has taken it since
            note_fetched(ledger, file, inbox_name=name)
            file = replace(file, inbox_name=name)
        try:
            give_name(inbox, part, file)
        except OSError as error:
            raise _local_trouble(inbox.path, error) from error
    note_placed(ledger, file)
    return replace(file, state="placed", failures=0, failing_since_us=None, next_at_us=0, error="")


def give_name(inbox: FeedInbox, part: Path, file: PickedFile) -> None:
    """Rename a complete part to its name in the inbox, and announce it where the inbox asks for that. Raises OSError.

    Its time is that at which it was first seen, so that the run of its exchange tells how long it waited at the place.
    """
    target = inbox.path / file.inbox_name
    announce(inbox, target)  # first: a file without its announcement would wait for ever after a crash
    settled_us = file.fetched_at_us - int(inbox.feed.settle_s * 1_000_000) if file.fetched_at_us else 0
    changed_ns = min(file.first_seen_at_us, settled_us or file.first_seen_at_us) * 1000
    os.utime(part, ns=(changed_ns, changed_ns))
    part.rename(target)
    sync_folder(inbox.path)


def announce(inbox: FeedInbox, target: Path) -> None:
    """Announce a file of the inbox, where its feed asks for that. Raises OSError."""
    if inbox.feed.done_file:
        create_private(announcement_path(target, inbox.feed))


def note_placed(ledger: Ledger, file: PickedFile) -> None:
    """Write down that a file has its name in the inbox."""
    update_file(ledger, file, state="placed", failures=0, failing_since_us=None, next_at_us=0, error="")
    ledger.commit()


def remove_stray_parts(inbox: FeedInbox, files: Iterable[PickedFile]) -> None:
    """Delete the parts of transfers that were cut: those of no file in the state `fetched`. Raises LocalTrouble."""
    fetched = {inbox.part(file).name for file in files if file.state == "fetched"}
    try:
        with os.scandir(inbox.path) as entries:
            strays = [
                entry.path
                for entry in entries
                if entry.name.startswith(PART_PREFIX) and entry.name.endswith(PART_SUFFIX) and entry.name not in fetched
            ]
        for path in strays:
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 (the path of an entry is a text)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _local_trouble(inbox.path, error) from error


def _has_arrived(ledger: Ledger, inbox: FeedInbox, file: PickedFile) -> bool:
    """Return whether a file without a part had got its name: it lies in the inbox, or its exchange has begun."""
    with suppress(OSError):
        if (inbox.path / file.inbox_name).stat().st_size == file.size_bytes:
            return True
    return has_exchange(ledger, file)


def _pieces(place: Place, seen: Seen) -> Generator[bytes, None, None]:
    """Yield the pieces of a file at a place; an error of the system there is not one of the inbox."""
    try:
        yield from place.read(seen)
    except OSError as error:
        raise PlaceUnavailable("connection", f"{place.address}: {seen.name}: {error.strerror or error}") from error


def _local_trouble(folder: Path, error: OSError) -> LocalTrouble:
    if error.errno in NO_SPACE:
        return LocalTrouble(f"{folder}: cannot be written: {error.strerror}; make room")
    return LocalTrouble(f"{folder}: cannot be written: {error.strerror}; check its permissions")
