"""A pass: files of one feed that wait are exchanged together, so that many small files cost like one large one.

Each file is split on its own. Then all are checked and mapped together, as one frame or, where they have few rows, by
looking up their cells. Their requests are reserved in one commit and sent in order, and what the partner confirmed is
recorded in one commit. Every file keeps its own account, receipt, budget and quarantine. What a pass does not do better
is left to `poc.exchanges.exchange`, in its turn: a file that is large, known already, or not readable. A pass that is
killed leaves open exchanges, which the next run resumes, those of files that are handed in again together.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from io import BytesIO
from itertools import islice, repeat
from typing import TYPE_CHECKING

from metrics.shares import share
from poc.errors import FileBusy, LedgerDamaged, TryLater
from poc.exchanges.exchange import exchange, open_attempt
from poc.exchanges.joint_exchange import JointExchange
from poc.exchanges.joint_resume import resume_together
from poc.exchanges.pass_file import PassFile
from poc.formats.joint_reader import JointRead, read_together
from poc.pipeline.capabilities import has_capability, new_window
from poc.pipeline.small_file import MAX_ROWS, encode_small, encode_together
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    import polars as pl

    from poc.batch import Batch
    from poc.delivery.send_window import SendWindow
    from poc.exchanges.receipt import Receipt
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.transports.source_file import FileVersion

#: The most bytes of a file that is put into a pass, and of all files of one.
MAX_FILE_BYTES, MAX_PASS_BYTES = 1 << 20, 8 << 20

#: From so many files on, one frame costs less than looking up the cells of each.
MIN_JOINED = 4


def can_pass(prepared: PreparedFeed) -> bool:
    """Return whether files of a feed fit in a pass: they become requests, and are checked before they are sent."""
    return (
        has_capability("pass", prepared.level) and prepared.endpoint is not None and prepared.feed.deliver == "checked"
    )


def size_in_pass(path: Path) -> int | None:
    """Return the size of a file in bytes; None for one that is exchanged alone, as it is large or cannot be read."""
    try:
        size_bytes = path.lstat().st_size
    except OSError:
        return None
    return size_bytes if size_bytes <= MAX_FILE_BYTES else None


def exchange_files(
    prepared: PreparedFeed,
    paths: Sequence[Path],
    now: datetime,
    ledger: Ledger,
    opened: Callable[[Path, ExchangeRecord], None] = lambda _, __: None,
) -> list[Receipt | Exception]:
    """Exchange files of one feed in their order; return the receipt of each, or the error that prevented it.

    Calls `opened` with each file and its ledger entry before a row of it is checked; a second time for one that is
    exchanged alone after all.

    Raises:
        LedgerDamaged: no file can be exchanged any more.
    """
    file_pass = _Pass(prepared, now, ledger, opened)
    for path in paths:
        file_pass.add(path)
    file_pass.exchange_waiting()
    return [file_pass.results[at] for at in range(len(paths))]


@dataclass(frozen=True, slots=True)
class _OpenedFile:
    """A file of a pass, new or interrupted, with its bytes in memory. `spent_ns` is its time in each stage."""

    path: Path
    version: FileVersion
    entry: ExchangeRecord
    content: BytesIO
    spent_ns: dict[str, int]


@dataclass(slots=True)
class _Pass:
    """The files of a pass: `waiting` are new, opened and not exchanged yet, by their place in the pass.

    `interrupted` are those whose rows are all in the ledger, as an earlier pass was killed. `stopped` says why no file
    can be exchanged for the moment; the files that are left get this error at once.
    """

    prepared: PreparedFeed
    now: datetime
    ledger: Ledger
    opened: Callable[[Path, ExchangeRecord], None]
    waiting: dict[int, _OpenedFile] = field(default_factory=dict)
    interrupted: dict[int, _OpenedFile] = field(default_factory=dict)
    results: dict[int, Receipt | Exception] = field(default_factory=dict)
    window: SendWindow = field(init=False)
    stopped: TryLater | None = None
    _size_bytes: int = 0
    _count: int = 0
    _began_ns: int = field(default_factory=time.monotonic_ns)

    def __post_init__(self) -> None:
        self.window = new_window(self.prepared)

    def add(self, path: Path) -> None:
        """Read a file into the pass; exchange it alone, after the files before it, where it does not fit in."""
        at, self._count = self._count, self._count + 1
        file = None
        with suppress(Exception):  # whatever it is, it is raised again where the file is exchanged alone
            file = self._open(path) if can_pass(self.prepared) and self.stopped is None else None
        if file is None:
            self.exchange_waiting()
            self._exchange_alone(at, path)
            return
        others = self.waiting if file.entry.whole else self.interrupted
        if others or self._size_bytes + file.version.size_bytes > MAX_PASS_BYTES:
            self.exchange_waiting()
        (self.interrupted if file.entry.whole else self.waiting)[at] = file
        self._size_bytes += file.version.size_bytes

    def exchange_waiting(self) -> None:
        """Exchange the files that wait, in their order: those that can be read as one batch together."""
        self._resume_interrupted()
        waiting, self.waiting, self._size_bytes = self.waiting, {}, 0
        together: dict[int, PassFile] = {}
        read = self._read_batches(list(waiting.values()))
        for (at, file), batch in zip(waiting.items(), read.batches, strict=True):
            if batch is not None:
                run = open_attempt(self.prepared, file.entry, self.ledger, self._time(), file.version, self.window)
                together[at] = PassFile(file.path, run, file.content, batch, file.spent_ns)
                continue
            self._exchange_together(together)
            together = {}
            self._exchange_alone(at, file.path)
        self._exchange_together(together, read.rows)

    def _resume_interrupted(self) -> None:
        interrupted, self.interrupted = self.interrupted, {}
        exchanges = [(file.entry, file.version) for file in interrupted.values()]
        results = resume_together(self.prepared, exchanges, self._time(), self.ledger) if exchanges else []
        for at, result in zip(interrupted, results, strict=True):
            self.results[at] = result
            if isinstance(result, TryLater):
                self.stopped = result

    def _read_batches(self, files: Sequence[_OpenedFile]) -> JointRead:
        """Read the rows of each file, encoded or not; a file without a batch is exchanged alone."""
        small, sizes = self.prepared.small_files, [file.version.size_bytes for file in files]
        contents, spent_ns = [file.content for file in files], [file.spent_ns for file in files]
        # too many rows for the short path are no fault of the files: they are not tried, so that it stays in use
        lines = sum(content.getvalue().count(b"\n") for content in contents)
        is_short = lines <= MAX_ROWS + len(files)  # each with a header
        encoded = encode_together(small, contents, sum(sizes), spent_ns) if is_short else None
        if encoded is not None:
            return JointRead([*encoded], None)
        for content in contents:
            content.seek(0)
        if len(files) < MIN_JOINED:
            read = JointRead(list(map(encode_small, repeat(small), contents, sizes, spent_ns)), None)
        else:
            began_ns = time.monotonic_ns()
            read = read_together(self.prepared.reader, contents)
            for spent, part_ns in zip(spent_ns, share(time.monotonic_ns() - began_ns, sizes), strict=True):
                spent["receive"] += part_ns
        pairs = zip(files, read.batches, strict=True)
        return JointRead([self._read_batch(file) if batch is None else batch for file, batch in pairs], read.rows)

    def _read_batch(self, file: _OpenedFile) -> Batch | None:
        began_ns = time.monotonic_ns()
        file.content.seek(0)
        batches: list[Batch] = []
        with suppress(Exception):  # whatever it is, it is raised again where the file is exchanged alone
            batches = list(islice(self.prepared.reader.read(file.content), 2))
        file.spent_ns["receive"] += time.monotonic_ns() - began_ns
        return batches[0] if len(batches) == 1 else None

    def _exchange_together(self, files: dict[int, PassFile], rows: pl.DataFrame | None = None) -> None:
        """Exchange files together; where that is not possible, one by one. `rows` are those of all files, if known."""
        if not files:
            return
        together = JointExchange(self.prepared, list(files.values()), self.ledger, self.window, rows)
        try:
            prevented = self._attempt(together.reserve)
            error = prevented or self._attempt(together.send)
        finally:
            together.end()
        for at, file in files.items():
            if prevented is None or self.stopped is not None:
                result = file.receipt or file.error or error
                assert result is not None  # noqa: S101 (without an error, all accounts are closed)
                self.results[at] = result
            else:  # nothing was sent: whatever the error is, it is reported for the file that it is about
                self._exchange_alone(at, file.path)

    def _attempt(self, step: Callable[[], None]) -> Exception | None:
        try:
            step()
        except LedgerDamaged:
            raise
        except Exception as error:  # noqa: BLE001 (whatever one file raises, the other files are exchanged)
            if isinstance(error, TryLater) and not isinstance(error, FileBusy):
                self.stopped = error
            return error
        return None

    def _exchange_alone(self, at: int, path: Path) -> None:
        def run() -> None:
            self.results[at] = exchange(self.prepared, path, self._time(), self.ledger, partial(self.opened, path))

        if error := self.stopped or self._attempt(run):
            self.results[at] = error

    def _time(self) -> datetime:
        """Return the current time, so that the clocks of all files agree on what came later."""
        return self.now + timedelta(microseconds=(time.monotonic_ns() - self._began_ns) / 1000)

    def _open(self, path: Path) -> _OpenedFile | None:
        """Open a file, and read its bytes; None for one that is exchanged alone. Raises what opening it raises."""
        began_ns = time.monotonic_ns()
        path.name.encode()
        source, version = open_regular(path)
        with source:
            if version.size_bytes > MAX_FILE_BYTES:
                return None
            data = source.read()
            if not version.is_content_of(source):
                return None
        content = BytesIO(data)
        entry = self.ledger.find(self.prepared.partner, self.prepared.feed_id, path.name, sha256_hex(content))
        is_interrupted = entry.outcome == "open" and entry.whole
        others = {file.entry.exchange_id for file in (*self.waiting.values(), *self.interrupted.values())}
        if (entry.outcome and not is_interrupted) or entry.exchange_id in others:
            return None
        content.seek(0)
        self.opened(path, entry)
        return _OpenedFile(path, version, entry, content, {"receive": time.monotonic_ns() - began_ns})
