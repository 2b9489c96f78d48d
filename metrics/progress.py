"""A progress bar for long work: shown on a terminal, silent elsewhere."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from metrics.terminal import escape_control_characters

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress(Protocol):
    """Function that shows how much of the work is done, and the current phase of it if given."""

    def __call__(self, done: int, total: int, phase: str = "") -> None:
        """Show (done, total) and the phase."""


class ProgressCounter:
    """Counter of finished items, with the phase of the work; for several threads."""

    def __init__(self, progress: Progress) -> None:
        self.total = 0
        self._progress = progress
        self._done = 0
        self._phase = ""
        self._lock = threading.Lock()

    def begin(self, phase: str) -> None:
        """Begin a phase of the work."""
        with self._lock:
            self._phase = phase
            self._progress(self._done, self.total, phase)

    def add(self) -> None:
        """Count one finished item."""
        with self._lock:
            self._done += 1
            self._progress(self._done, self.total, self._phase)


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show a progress bar; yield the function that updates it. A phase is shown instead of the title."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with RichProgress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(escape_control_characters(title)), total=None)

        def update(done: int, total: int, phase: str = "") -> None:
            shown = escape(escape_control_characters(phase or title))
            bar.update(task, completed=done, total=total or None, description=shown)

        yield update
