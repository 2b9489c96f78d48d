"""What a running service does with its inboxes by itself, turn by turn."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from metrics.events import SpoolRecorder
from poc.pipeline.capabilities import resolve_level, retries_itself
from poc.service.runner import RunResult, RunSelection, run_inbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import ExchangeRecord

#: What is tried: a file as it was last changed, or an exchange by the number of its next attempt.
AttemptKey: TypeAlias = "tuple[str, float]"

#: A file that failed is tried again after a day, as an operator would, or as soon as it changes.
RETRY_AFTER = timedelta(days=1)


class InboxWorker:
    """Exchanges what waits, one turn after the other, and says once what needs a person.

    Args:
        workspace: whose inboxes.
        clock: the time now, in UTC.
        release: version of the program, for the events.
        stop: true once the service is to end; the file under way is finished, the next is left.
        say: where a line for a person goes.
    """

    def __init__(
        self,
        workspace: Workspace,
        clock: Callable[[], datetime],
        release: str,
        stop: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._clock = clock
        self._release = release
        self._stop = stop
        self._say = say
        self._level = resolve_level(workspace.settings.level)
        self._not_before: dict[AttemptKey, datetime] = {}
        self._said: dict[Path, str] = {}

    def turn(self) -> None:
        """Exchange what waits now. Raises what `run_inbox` raises."""
        wanted = RunSelection(self._file, self._entry)
        with closing(SpoolRecorder(self._workspace.spool)) as recorder:
            exchanged = run_inbox(
                self._workspace, None, self._level, self._clock, recorder, self._release, wanted, by_person=False
            )
            for ran in exchanged:
                self._note(ran)

    def _file(self, path: Path) -> bool:
        try:
            return self._is_time((str(path), path.stat().st_mtime))
        except FileNotFoundError:  # taken away since it was listed
            return False

    def _entry(self, entry: ExchangeRecord) -> bool:
        return self._is_time((entry.exchange_id, entry.attempt))

    def _is_time(self, key: AttemptKey) -> bool:
        return not self._stop() and self._not_before.get(key, self._clock()) <= self._clock()

    def _note(self, ran: RunResult) -> None:
        """Say what needs a person, once; and note when that which stays is for another turn."""
        receipt, said = ran.receipt, str(ran.error or "")
        stays = ran.path.is_file() and ran.path.parent == self._workspace.inbox(ran.partner, ran.feed)
        again = self._clock() + RETRY_AFTER
        if receipt is not None and receipt.outcome != "done":
            said = receipt.error
            if receipt.due_at_us is not None:
                again = datetime.fromtimestamp(receipt.due_at_us / 1_000_000, UTC)
            elif receipt.outcome == "failed" and receipt.whole and retries_itself(self._level):
                said = f"{said}; for you to look at: `milepost outbox ls`"
            elif receipt.outcome == "failed" or stays:
                said = f"{said}; tried again in a day, or by `milepost run`"
            self._not_before[receipt.exchange_id, receipt.attempt + 1] = again
        elif stays:
            said = f"{said}; tried again in a day, or by `milepost run`"
        if ran.entry is not None and ran.error is not None:
            self._not_before[ran.entry.exchange_id, ran.entry.attempt] = again
        if stays:
            self._not_before[str(ran.path), ran.path.stat().st_mtime] = again
        if said and self._said.get(ran.path) != said:
            self._said[ran.path] = said
            self._say(f"{ran.partner}/{ran.feed} {ran.path.name}: {said}")
