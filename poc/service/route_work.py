"""The files of a feed with a route in one turn: which side gets each, the monolith's runs, and the shadow's."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from poc.errors import ExchangeError, GuardrailBreached
from poc.route.choice import check_service_has, give_to_side, route_of_new_files
from poc.route.file_senders import files_to_shadow, find_sender
from poc.route.guardrails import go_back_if_breached
from poc.route.parity_states import parity_reader
from poc.route.route_store import read_route, route_event
from poc.route.sides.comparison import ShadowComparer
from poc.route.sides.handed_file import digest_of, is_same_file
from poc.route.sides.monolith_side import MonolithSide
from poc.route.sides.shadow import Shadow
from poc.service.finished_file import GONE
from poc.service.runner import RunResult, as_exchange_error, changed_at_us
from poc.transports.archive import archive_file

if TYPE_CHECKING:
    from pathlib import Path

    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.route.file_senders import FileSender
    from poc.route.route_store import Route
    from poc.service.run_settings import RunSettings
    from poc.transports.source_file import FileVersion


class RouteWork:
    """Gives files of one feed to their side, under the lease of the feed; its owner closes it after the turn.

    Each file is asked about by `takes`, whose answer is committed before anything else happens to the file.
    """

    def __init__(self, settings: RunSettings, prepared: PreparedFeed, ledger: Ledger) -> None:
        self.partner, self.feed = prepared.partner, prepared.feed_id
        self._config = prepared.feed
        self._settings = settings
        self._ledger = ledger
        self._shadow = Shadow(settings.workspace, prepared)
        self._comparer = ShadowComparer(settings.workspace, ledger, self._shadow, settings.clock, settings.recorder)
        self._given: dict[Path, tuple[FileSender, Route, FileVersion]] = {}
        self._monolith = MonolithSide(
            settings.workspace, self.partner, self.feed, ledger, settings.clock, settings.recorder, settings.by_person
        )

    def takes(self, path: Path) -> bool:
        """Return whether the monolith exchanges a file for real; give it to a side first, if none has it.

        A file that cannot be read, or whose name is not text, is left to the service, which reports why.
        """
        self._given.pop(path, None)
        with suppress(ExchangeError, OSError, UnicodeEncodeError):  # raised again where the service opens the file
            sha256, version = digest_of(path)
            route = self._route_of_file(sha256)
            now_us = int(self._settings.clock().timestamp() * 1_000_000)
            size_bytes = version.size_bytes
            sender = give_to_side(self._ledger, route, self.partner, self.feed, path.name, sha256, size_bytes, now_us)
            if sender.side == "monolith":
                self._given[path] = sender, route, version
                return True
        return False

    def _route_of_file(self, sha256: str) -> Route:
        """Return the route of a file; one that a side has stays with it, also where new ones have no route."""
        if self._config.monolith is None and find_sender(self._ledger, self.partner, self.feed, sha256) is not None:
            return read_route(self._ledger, self.partner, self.feed)
        return route_of_new_files(self._ledger, self._config, self.partner, self.feed)

    def has(self, path: Path) -> bool:
        """Return whether the monolith was given a file by `takes`."""
        return path in self._given

    def exchange(self, path: Path) -> RunResult:
        """Let the monolith exchange a file that it was given, and archive it; return the result."""
        sender, route, version = self._given.pop(path)
        result = partial(RunResult, self.partner, self.feed)
        try:
            due_at_us = changed_at_us(path) or sender.given_at_us
            run = self._monolith.exchange(path, sender, route, due_at_us=due_at_us)
            if not is_same_file(path, version):
                return result(path, monolith=run, note=GONE.format(path=path, event="replaced, changed or deleted"))
            archived = archive_file(self._settings.workspace, self.partner, self.feed, path, run.outcome, sender.sha256)
            return result(archived, monolith=run)
        except Exception as error:  # noqa: BLE001 (whatever one file raises, the others are exchanged)
            return result(path, error=as_exchange_error(error))

    def admit(self, entry: ExchangeRecord) -> None:
        """Check that the service may exchange a file; see `poc.route.choice.check_service_has`."""
        check_service_has(self._ledger, self._config, entry)

    def shadow_next(self) -> bool:
        """Exchange the next file of the monolith without sending it, and compare; return whether there was one."""
        waiting = files_to_shadow(self._ledger, self.partner, self.feed)
        if not waiting:
            return False
        self._comparer.compare(waiting[0], read_route(self._ledger, self.partner, self.feed).stage)
        return True

    def check_guardrails(self) -> RunResult | None:
        """Let the feed go back where a guardrail is breached; return what to tell people then.

        Without a monolith, there is no way back.
        """
        if self._config.monolith is None:
            return None
        workspace = self._settings.workspace
        config = workspace.get_feed(self.partner, self.feed)[1].route
        now = self._settings.clock()
        now_us = int(now.timestamp() * 1_000_000)
        reader = parity_reader(workspace, self._ledger, now)
        change = go_back_if_breached(self._ledger, config, self.partner, self.feed, reader, now_us)
        if change is None:
            return None
        self._settings.recorder.record(route_event(change))
        text = f"went back from {change.stage_before} to {change.position.words} by itself: {change.why}"
        inbox = workspace.inbox(self.partner, self.feed)
        return RunResult(self.partner, self.feed, inbox, error=GuardrailBreached(text))

    def close(self) -> None:
        """Close what the turn opened."""
        self._shadow.close()
