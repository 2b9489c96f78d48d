"""What a running service does with its inboxes by itself, turn by turn."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from metrics.events import SpoolRecorder
from poc.line import standing
from poc.run import Ran, run_inbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from poc.config import Workspace

#: A file that failed is tried again after a day, as an operator would, or as soon as it changes.
AGAIN_AFTER = timedelta(days=1)


class Unattended:
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
        self._level = standing(workspace.settings.level)
        self._tried: dict[tuple[Path, float], datetime] = {}
        self._said: dict[Path, str] = {}

    def turn(self) -> None:
        """Exchange what waits now. Raises what `run_inbox` raises."""
        with closing(SpoolRecorder(self._workspace.spool)) as recorder:
            exchanged = run_inbox(
                self._workspace, None, self._level, self._clock, recorder, self._release, self._wanted
            )
            for ran in exchanged:
                self._note(ran)

    def _wanted(self, path: Path) -> bool:
        last = self._tried.get((path, path.stat().st_mtime))
        return not self._stop() and (last is None or self._clock() - last >= AGAIN_AFTER)

    def _note(self, ran: Ran) -> None:
        said = str(ran.error or (ran.receipt.error if ran.receipt and ran.receipt.outcome != "done" else ""))
        if ran.path.is_file() and ran.path.parent == self._workspace.inbox(ran.partner, ran.feed):
            self._tried[ran.path, ran.path.stat().st_mtime] = self._clock()
            said = f"{said}; tried again in a day, or by `milepost run`"
        if said and self._said.get(ran.path) != said:
            self._said[ran.path] = said
            self._say(f"{ran.partner}/{ran.feed} {ran.path.name}: {said}")
