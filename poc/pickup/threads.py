"""The pick-ups of a running service: a thread for each place, started, stopped and watched by a periodic job."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from poc.ledger.lease import LeaseHolder
from poc.ledger.opening import open_ledger
from poc.pickup.place_thread import PickupSettings, PlaceThread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from poc.config.workspace import Workspace

#: Seconds for which the end of the program waits for a place that is answering.
END_S = 2.0


class PickupThreads:
    """Threads for the places of a workspace that may change. Call it often; use it in a `with` block.

    Args:
        workspace: returns the workspace as it is now.
        now_us: returns the current time, in microseconds since 1970.
        environ: the environment, for secrets.
        report: prints a line for a person.
    """

    def __init__(
        self,
        workspace: Callable[[], Workspace],
        now_us: Callable[[], int],
        environ: Mapping[str, str],
        report: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._now_us = now_us
        self._environ = environ
        self._report = report
        self._resources = ExitStack()
        self._settings: PickupSettings | None = None
        self._threads: dict[tuple[str, str], PlaceThread] = {}
        self._hanging: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def __call__(self) -> None:
        """Start a thread for each new place, stop those of places that are gone or changed, and note what hangs.

        Raises:
            TryLater, LedgerDamaged: the ledger cannot be used; the next call opens it again.
        """
        workspace = self._workspace()
        if self._settings is not None and any(thread.failed for thread in self._threads.values()):
            failed = next(thread.failed for thread in self._threads.values() if thread.failed)
            self._end()
            raise failed
        feeds = {key: feed for key in workspace.select_feeds(None) if (feed := workspace.get_feed(*key)[1]).pickup}
        for key, thread in list(self._threads.items()):
            if feeds.get(key) != thread.feed:
                thread.stop()
                del self._threads[key]
        if not feeds:
            return
        settings = self._open(workspace)
        for key in feeds.keys() - self._threads.keys():
            thread = self._threads[key] = PlaceThread(settings, *key)
            thread.start()
        for key, thread in self._threads.items():
            self._note_if_hanging(key, thread, settings)

    def _open(self, workspace: Workspace) -> PickupSettings:
        if self._settings is None:
            ledger = self._resources.enter_context(closing(open_ledger(workspace.ledger)))
            leases = self._resources.enter_context(closing(ledger.sibling()))
            holder = self._resources.enter_context(LeaseHolder(leases, lease_s=workspace.settings.work.lease_s))
            self._settings = PickupSettings(
                workspace=workspace, ledger=ledger, holder=holder, now_us=self._now_us, environ=self._environ,
                report=self._report,
            )  # fmt: skip
        elif self._settings.workspace is not workspace:
            self._settings = replace(self._settings, workspace=workspace)
        return self._settings

    def _note_if_hanging(self, key: tuple[str, str], thread: PlaceThread, settings: PickupSettings) -> None:
        silent_s = thread.hangs_for_s()
        if silent_s and key not in self._hanging:
            thread.note_hanging(settings.ledger, silent_s)
            self._hanging.add(key)
        elif not silent_s:
            self._hanging.discard(key)

    def _end(self) -> None:
        for thread in self._threads.values():
            thread.stop()
        for thread in self._threads.values():
            if not thread.hangs_for_s():
                thread.join(END_S)
        self._threads.clear()
        self._settings = None
        self._resources.close()
