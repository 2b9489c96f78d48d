"""Standard output, written to its end or said not to be."""

from __future__ import annotations

import contextlib
import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from metrics.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def written() -> Iterator[IO[bytes]]:
    """Standard output for bytes, flushed at the end.

    Raises:
        BrokenPipeError: its reader has seen enough.
        BadInput: what it goes to cannot be written, as a full disk.
    """
    sink = sys.stdout.buffer
    try:
        yield sink
        sink.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _forget(sink)
        raise BadInput(f"stdout: cannot be written: {error.strerror or error}") from error


def _forget(sink: IO[bytes]) -> None:
    """Let what is still held back go nowhere; else it would be tried, and fail, once more when Python ends."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sink.fileno())
        os.close(nowhere)
