"""Where numbers leave to: standard output, written to its end or said not to be, and files that may be replaced."""

from __future__ import annotations

import contextlib
import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from metrics.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def binary_stdout() -> Iterator[IO[bytes]]:
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
        _discard_buffer(sink)
        raise BadInput(f"stdout: cannot be written: {error.strerror or error}") from error


def resolve_target(path: Path) -> Path:
    """Where a new file may take the place of `path`: behind its links, and never that of a device, a pipe or a folder.

    Raises:
        BadInput: something is there that is no file.
    """
    try:
        real = path.resolve()
        free = real.is_file() or not real.exists()
    except (OSError, RuntimeError) as error:
        raise BadInput(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
    if not free:
        raise BadInput(f"{path}: cannot be written: it is no file, and none may take its place; choose another name")
    return real


def _discard_buffer(sink: IO[bytes]) -> None:
    """Let what is still held back go nowhere; else it would be tried, and fail, once more when Python ends."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sink.fileno())
        os.close(nowhere)
