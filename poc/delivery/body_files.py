"""Files of request bodies: how they are read, and what is said of one that cannot be read or written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from poc.errors import BadInput, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What a person can do about a file of bodies that is missing or cut short.
RESTORE_HINT = "it holds requests to be sent: restore it, or give the exchange up with `milepost outbox discard`"


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
