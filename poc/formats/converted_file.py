"""Reader of files that a command converts: it writes one of the other formats on its output, which is then read.

The command gets a copy of the file in a folder of its own, without a shell. Its time and its output are limited. It has
to write the same for the same file, as a file may be read a second time, for the keys of rows that are replayed.
"""

from __future__ import annotations

import os
import resource
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from poc.errors import ContractBreach
from poc.formats.cell_file import COPY_BYTES, seekable
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from poc.batch import Batch, Finding
    from poc.config.partner import Feed
    from poc.formats.block_batches import BlockLines
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.file_reader import FileReader
    from poc.formats.parsed_block import ParsedBlock
    from poc.formats.record_block import RecordBlock

#: Error code of a file that the command cannot convert.
FAILED = "conversion-error"

#: What the command gets of the environment: nothing that may be a secret.
VARIABLES = ("PATH", "HOME", "LANG", "TZ", "SYSTEMROOT")

#: The most bytes of the error output that are looked at for the last line.
ERROR_BYTES = 64 << 10


class ConvertedReader:
    """Reads the files of a feed as a command converts them; `reader` reads the output."""

    def __init__(self, feed: Feed, reader: FileReader) -> None:
        self._feed = feed
        self._reader = reader
        self._failed: tuple[object, ContractBreach] | None = None

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Yield the batches of the output. Raises ContractBreach where there is none."""
        with self._converted(source) as output:
            yield from self._reader.read(output)

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield the number and original bytes of every row of the output. Raises ContractBreach."""
        with self._converted(source) as output:
            yield from self._reader.rows(output)

    def head(self, source: BinaryIO) -> bytes:
        """Return the head of the output. Raises ContractBreach."""
        with self._converted(source) as output:
            return self._reader.head(output)

    def rebuild(self, head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces of a file made of a head and original rows."""
        return self._reader.rebuild(head, rows)

    def only_block(self, source: BinaryIO) -> None:  # noqa: ARG002 - each file is converted alone
        """Return None: the file is not a text of its own."""
        return

    def block_parser(
        self, head: FileHead, encoding: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of the output."""
        return self._reader.block_parser(head, encoding)

    def batches(self, parsed: ParsedBlock, lines: BlockLines, notes: tuple[Finding, ...]) -> Iterator[Batch]:
        """Yield the batches of a parsed block."""
        return self._reader.batches(parsed, lines, notes)

    @contextmanager
    def _converted(self, source: BinaryIO) -> Iterator[BinaryIO]:
        if self._failed is not None and self._failed[0] is source:
            raise self._failed[1]  # a file that failed is not converted again to count its rows
        self._failed = None
        folder_of_its_own = tempfile.TemporaryDirectory(prefix="milepost-convert-", ignore_cleanup_errors=True)
        with folder_of_its_own as folder, tempfile.TemporaryFile() as output:
            try:
                convert(self._feed, source, Path(folder), output)
            except ContractBreach as breach:
                self._failed = (source, breach)
                raise
            output.seek(0)
            yield cast("BinaryIO", output)


def convert(feed: Feed, source: BinaryIO, folder: Path, output: IO[bytes]) -> None:
    """Write what the feed's command makes of a file. Raises ContractBreach."""
    copy = folder / "input"
    with seekable(feed, source) as file, copy.open("wb") as target:
        shutil.copyfileobj(file, target, COPY_BYTES)
    arguments = [argument.replace("{file}", str(copy)) for argument in feed.convert]
    environ = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - the settings name the command
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=folder,
                env=environ,
                start_new_session=True,
            )
        except OSError as error:
            raise ContractBreach(FAILED, f"{feed.convert[0]!r} cannot be started: {error.strerror}") from error
        limit_files(process.pid, feed.max_size_bytes)
        deadline = time.monotonic() + feed.convert_timeout_s
        try:
            is_whole = copy_output(process, output, feed.max_size_bytes, deadline)
            status = process.wait(max(deadline - time.monotonic(), 0))
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            reason = f"{feed.convert[0]!r} took longer than {feed.convert_timeout_s:g} s"
            raise ContractBreach(FAILED, reason) from error
        finally:
            end(process)
        if not is_whole:
            raise ContractBreach(FAILED, f"{feed.convert[0]!r} wrote more than {feed.max_size_bytes} bytes")
        if status:
            raise ContractBreach(FAILED, f"{feed.convert[0]!r} ended with status {status}: {last_line(errors)}")


def copy_output(process: subprocess.Popen[bytes], output: IO[bytes], limit: int, deadline: float) -> bool:
    """Copy the output of a command; return whether it is within the limit, and end the command where it is not.

    Raises:
        TimeoutError: the output did not end in time. Something that the command left behind may keep it open.
    """
    assert process.stdout is not None  # noqa: S101 (tells the type checker)
    size_bytes = 0
    with process.stdout as pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(max(deadline - time.monotonic(), 0)):
                raise TimeoutError
            piece = os.read(pipe.fileno(), COPY_BYTES)
            if not piece:
                return True
            size_bytes += len(piece)
            if size_bytes > limit:
                end(process)
                return False
            output.write(piece)


def limit_files(pid: int, limit: int) -> None:
    """Limit the size of the files that a command writes, its error output among them, where the system can do so."""
    if hasattr(resource, "prlimit"):
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, limit))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it has started, where it still runs."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_line(errors: IO[bytes]) -> str:
    """Return the last line of the error output that is not blank."""
    size_bytes = errors.seek(0, 2)
    errors.seek(max(size_bytes - ERROR_BYTES, 0))
    lines = [line for line in errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return truncate(lines[-1]) if lines else "it wrote no reason"
