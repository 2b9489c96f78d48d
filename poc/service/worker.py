"""The worker of a running service: exchanges the files in the inboxes by itself, turn by turn."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from metrics.events import SpoolRecorder
from poc.delivery.circuit_breaker import longest_waits_us
from poc.pipeline.capabilities import resolve_level, retries_itself
from poc.service.runner import RunResult, RunSelection, run_inbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import ExchangeRecord

#: A file by path and time of its last change, or an exchange by its id and the number of its next attempt.
AttemptKey: TypeAlias = "tuple[str, float]"

#: Wait before a failed file is retried, as an operator would do it; a file that changes is retried at once.
RETRY_AFTER = timedelta(days=1)


class InboxWorker:
    """Exchanges what is waiting, one turn after the other, and reports once what needs a person.

    Args:
        workspace: the workspace of the inboxes.
        clock: returns the current time, in UTC.
        release: version of the program, for the events.
        stop: returns True when the service is to end; the current file is finished, the next one is not started.
        report: prints a line for a person.
    """

    def __init__(
        self,
        workspace: Workspace,
        clock: Callable[[], datetime],
        release: str,
        stop: Callable[[], bool],
        report: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._release = release
        self._stop = stop
        self._report = report
        self._level = resolve_level(workspace.settings.level)
        waits_us = longest_waits_us(workspace.partners).values()
        self._longest_wait = max([RETRY_AFTER, *(timedelta(microseconds=wait_us) for wait_us in waits_us)])
        self._not_before: dict[AttemptKey, datetime] = {}
        self._reported: dict[Path, str] = {}

    def turn(self) -> None:
        """Exchange what is waiting now. Raises what `run_inbox` raises."""
        selection = RunSelection(self._is_file_due, self._is_entry_due)
        with closing(SpoolRecorder(self._workspace.spool)) as recorder:
            results = run_inbox(
                self._workspace, None, self._level, self._clock, recorder, self._release, selection, by_person=False
            )
            for result in results:
                self._handle(result)

    def _is_file_due(self, path: Path) -> bool:
        try:
            return self._is_due((str(path), path.stat().st_mtime))
        except FileNotFoundError:  # removed since it was listed
            return False

    def _is_entry_due(self, entry: ExchangeRecord) -> bool:
        return self._is_due((entry.exchange_id, entry.attempt))

    def _is_due(self, key: AttemptKey) -> bool:
        now = self._clock()
        not_before = self._not_before.get(key, now)
        # a time further ahead than any wait was noted while the clock was wrong
        return not self._stop() and not now < not_before <= now + self._longest_wait

    def _handle(self, result: RunResult) -> None:
        """Report once what needs a person, and set the time of the next try for what stays."""
        receipt, message = result.receipt, str(result.error or result.note)
        stays = (
            not result.note
            and result.path.is_file()
            and result.path.parent == self._workspace.inbox(result.partner, result.feed)
        )
        next_try = self._clock() + RETRY_AFTER
        if receipt is not None and receipt.outcome != "done":
            message = receipt.error
            if receipt.due_at_us is not None:
                next_try = datetime.fromtimestamp(receipt.due_at_us / 1_000_000, UTC)
            elif receipt.outcome == "failed" and receipt.whole and retries_itself(self._level):
                message = f"{message}; it needs you: see `milepost outbox ls`"
            elif receipt.outcome == "failed" or stays:
                message = f"{message}; retried in a day, or by `milepost run`"
            if not (receipt.outcome == "due" and receipt.whole):  # the ledger has the time of these
                self._not_before[receipt.exchange_id, receipt.attempt + 1] = next_try
        elif stays:
            message = f"{message}; retried in a day, or by `milepost run`"
        if result.entry is not None and result.error is not None:
            self._not_before[result.entry.exchange_id, result.entry.attempt] = next_try
        if stays:
            self._not_before[str(result.path), result.path.stat().st_mtime] = next_try
        if message and self._reported.get(result.path) != message:
            self._reported[result.path] = message
            self._report(f"{result.partner}/{result.feed} {result.path.name}: {message}")
