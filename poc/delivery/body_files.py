"""Files of request bodies: how they are read, what is said of one that cannot be used, and which are removed."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from poc.errors import BadInput, TryLater
from poc.ledger.lease import is_any_feed_held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from poc.ledger.ledger import Ledger

#: What a person can do about a file of bodies that is missing or cut short.
RESTORE_HINT = "it holds requests to be sent: restore it, or give the exchange up with `milepost outbox discard`"

#: Name of a file of bodies: the id of its exchange, and a token of the attempt that made it.
FILE_NAME = re.compile(r"([0-9a-f]{24})(?:\.[0-9a-f]{16})?")


def read_body(path: Path, start_byte: int, size_bytes: int) -> bytes:
    """Read a body from a file. Raises BadInput where it is missing or cut short."""
    try:
        with path.open("rb") as file:
            file.seek(start_byte)
            body = file.read(size_bytes)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}; {RESTORE_HINT}") from error
    if len(body) != size_bytes:
        raise BadInput(f"{path}: is cut short; {RESTORE_HINT}")
    return body


@contextmanager
def report_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing a file into TryLater, with the file's path."""
    try:
        yield
    except OSError as error:
        raise TryLater(f"{path}: cannot be written: {error.strerror}; make room and try again") from error


def remove_stray_files(ledger: Ledger) -> None:
    """Remove files of bodies of exchanges that the ledger does not know: a run died before its first commit.

    An attempt that works has its feed's lease from before it makes its file until after that commit. So the files are
    listed first, and left where any process has a lease then. Raises TryLater, LedgerDamaged.
    """
    folder = ledger.path.parent / "outbox"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if names and not is_any_feed_held(ledger):
        for name in names:
            if (match := FILE_NAME.fullmatch(name)) and ledger.get(match[1]) is None:
                with suppress(OSError):  # a file that cannot be removed now is removed by a later run
                    (folder / name).unlink()
