"""Standard output for bytes, and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from metrics.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def binary_stdout() -> Iterator[IO[bytes]]:
    """Yield standard output for bytes, and flush it at the end.

    Raises:
        BrokenPipeError: the reader has closed the pipe.
        BadInput: standard output cannot be written, for example on a full disk.
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


@contextmanager
def write_atomically(path: Path, *, durable: bool = True, private: bool = False) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of `path` when the block ends; after an error, `path` stays as it was.

    A link stays a link: the file behind it is replaced.

    Args:
        path: the file to write.
        durable: wait until the bytes are on the disk before the file is renamed.
        private: let only the owner read the file, instead of the permissions of any new file.

    Raises:
        BadInput: the file cannot be written there, or something other than a file is there.
    """
    target = resolve_target(path)
    try:
        fd, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(fd, "wb") as sink:
                yield sink
                sink.flush()
                if durable:
                    os.fsync(sink.fileno())
            if not private:
                umask = os.umask(0)
                os.umask(umask)
                os.chmod(name, 0o666 & ~umask)  # noqa: PTH101 (the mode of any new file; mkstemp makes private ones)
            os.replace(name, target)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
            raise
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from error


def resolve_target(path: Path) -> Path:
    """Return the file to replace for `path`, behind its links; never a device, a pipe or a folder.

    Raises:
        BadInput: something other than a file is there.
    """
    try:
        target = path.resolve()
        is_replaceable = target.is_file() or not target.exists()
    except (OSError, RuntimeError) as error:
        raise BadInput(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error
    if not is_replaceable:
        raise BadInput(f"{path}: cannot be written: it is not a file and is not replaced; choose another name")
    return target


def _discard_buffer(sink: IO[bytes]) -> None:
    """Send the buffered bytes to the null device; otherwise Python tries to write them again when it exits."""
    with contextlib.suppress(OSError):
        null_fd = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null_fd, sink.fileno())
        os.close(null_fd)
