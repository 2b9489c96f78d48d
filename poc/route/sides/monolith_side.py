"""The monolith's side of a file: its command runs on it, and the ledger knows at every step how far it came.

The ledger is committed before the command begins and after it ends. A process that dies between the two leaves the
command running; the next run waits for its end, and reads how it ended from the notes of the command's shell.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from metrics.events import RunEvent, RunKey
from poc.config.monolith import FILE_PLACEHOLDER
from poc.errors import BadInput, FileBusy, MonolithFailed
from poc.ledger.process_identity import process_id
from poc.route.file_senders import FileSender, update_sender
from poc.route.sides.command import (
    LOCK,
    OUTPUT,
    CommandEnd,
    forget_last_run,
    kill_left_command,
    locked,
    noted_end,
    noted_end_us,
    run_command,
)
from poc.route.sides.handed_file import file_folder, hand_over, remove_folder
from poc.route.sides.monolith_output import watch_output

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from metrics.events import Recorder
    from poc.config.monolith import MonolithConfig
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.route.route_store import Route


@dataclass(frozen=True, slots=True)
class MonolithRun:
    """What the monolith did with a file: `done` now, or `already_received` where it had done so before."""

    outcome: Literal["done", "already_received"]
    sha256: str
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MonolithSide:
    """Hands files of one feed to the monolith's command.

    Attributes:
        workspace: the workspace.
        partner: the feed's partner.
        feed: the feed.
        ledger: the ledger, under the lease of the feed.
        clock: returns the current time, in UTC.
        recorder: records the runs.
        by_person: whether a person started them; otherwise the service works by itself.
    """

    workspace: Workspace
    partner: str
    feed: str
    ledger: Ledger
    clock: Callable[[], datetime]
    recorder: Recorder
    by_person: bool

    @property
    def config(self) -> MonolithConfig:
        """The monolith's command; a feed without one has no route."""
        config = self.workspace.get_feed(self.partner, self.feed)[1].monolith
        assert config is not None  # noqa: S101 (only feeds with a route are handed in; tells the type checker)
        return config

    def exchange(self, path: Path, sender: FileSender, route: Route, *, due_at_us: int) -> MonolithRun:
        """Run the command on a file that the monolith has, unless it has exchanged it before.

        Raises:
            MonolithFailed: the command failed, or was killed and a person has to decide.
            BadInput: the feed is retired or names no monolith any more, or the file cannot be handed over.
            FileStillChanging: the file was replaced since it was given to the monolith.
            FileBusy: the command of an earlier run still works on it.
            TryLater: as every change of the ledger.
        """
        folder = file_folder(self.workspace, self.partner, self.feed, sender.sha256)
        if sender.state in {"done", "given_up"}:
            return MonolithRun("already_received", sender.sha256)
        if self.workspace.get_feed(self.partner, self.feed)[1].monolith is None:
            raise BadInput(
                f"{sender.file}: is with the monolith ({sender.state}), and the feed names none any more; put "
                f"`[feed.{self.feed}.monolith]` back until the file is settled"
            )
        has_notes = (folder / LOCK).exists()  # not after a restore from a backup
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder) as lock:
            if lock is None:
                raise FileBusy(self._still_running(sender, folder))
            if sender.state == "begun":
                sender, run = self._take_up(sender, folder, due_at_us, has_notes=has_notes)
                if run is not None:
                    return run
            self._check_may_run(sender, route)
            return self._run(path, sender, folder, lock, route, due_at_us)

    def _check_may_run(self, sender: FileSender, route: Route) -> None:
        name = f"{self.partner}/{self.feed}"
        if sender.state == "ambiguous" and not self.config.repeatable:
            raise MonolithFailed(self._held(sender))
        if route.stage == "retired":
            raise BadInput(
                f"{sender.file}: {name} is retired, so that the monolith's command is refused; "
                f"`milepost route back {name}` lets it run again"
            )

    def _run(
        self, path: Path, sender: FileSender, folder: Path, lock: int, route: Route, due_at_us: int
    ) -> MonolithRun:
        handed = hand_over(path, folder, sender.sha256)
        forget_last_run(folder)
        sender = self._update(
            sender, state="begun", attempt=sender.attempt + 1, begun_at_us=self._now_us(), process=process_id(),
            file=path.name, note="",
        )  # fmt: skip
        begun = self._begin_event(sender, due_at_us)
        self.recorder.record(begun, started=True)
        config = self.config
        command = [part.replace(FILE_PLACEHOLDER, str(handed)) for part in config.command]
        with watch_output(self.workspace, self.partner, config, folder, route) as watched:
            self.ledger.check_before_send()
            end = run_command(command, folder, self.workspace.root, lock, config.timeout_s)
        return self._end(sender, folder, end, begun, wants_shadow=watched.is_open)

    def _take_up(
        self, sender: FileSender, folder: Path, due_at_us: int, *, has_notes: bool
    ) -> tuple[FileSender, MonolithRun | None]:
        """Go on with a command that was begun and whose process died; return the run where it had ended well."""
        # its notes say something only on its host, if that was not booted since
        same_system = has_notes and sender.process.split("/")[:2] == process_id().split("/")[:2]
        end = noted_end(folder)
        if end is None and same_system:  # it never began
            return self._update(sender, state="given"), None
        if end is None or (end.exit_code is None and not same_system):
            end = CommandEnd(None, was_killed=True, why="was killed, or its machine stopped")
        ended_us = noted_end_us(folder) or self._now_us()
        duration_ns = max(ended_us - (sender.begun_at_us or ended_us), 0) * 1000
        begun = self._begin_event(sender, due_at_us)
        try:
            return sender, self._end(sender, folder, replace(end, duration_ns=duration_ns), begun, wants_shadow=False)
        except MonolithFailed:
            if end.was_killed and self.config.repeatable:
                return replace(sender, state="ambiguous"), None
            if not end.was_killed:
                return replace(sender, state="failed"), None
            raise

    def _end(
        self, sender: FileSender, folder: Path, end: CommandEnd, begun: RunEvent, *, wants_shadow: bool
    ) -> MonolithRun:
        """Record how the command ended. Raises MonolithFailed where it did not end well."""
        outcome = end.outcome
        shadow = "waits" if wants_shadow and outcome == "done" else ""
        sender = self._update(
            sender, state=outcome, ended_at_us=self._now_us(), exit_code=end.exit_code, note=end.why, shadow=shadow
        )
        self.recorder.record(
            replace(
                begun,
                duration_ns=end.duration_ns,
                cpu_ns=end.cpu_ns,
                peak_rss_bytes=end.peak_rss_bytes,
                outcome=outcome,
                error_type="" if outcome == "done" else end.why,
            )
        )
        if outcome == "done":
            if not shadow:
                with suppress(OSError):
                    remove_folder(folder)
            return MonolithRun("done", sender.sha256, end.duration_ns / 1e9)
        if outcome == "ambiguous" and not self.config.repeatable:
            raise MonolithFailed(self._held(sender))
        raise MonolithFailed(f"{sender.file}: the monolith's command {end.why}; its output is in {folder / OUTPUT}")

    def _held(self, sender: FileSender) -> str:
        return (
            f"{sender.file}: the monolith's command {sender.note}, and may have sent it; ask the partner, then "
            f"`milepost route settle {self.partner}/{self.feed} {sender.file} --arrived` or `--again`"
        )

    def _still_running(self, sender: FileSender, folder: Path) -> str:
        """Say that the command of a dead process works on; kill it once its time is over."""
        over_us = (sender.begun_at_us or 0) + int(self.config.timeout_s * 1_000_000)
        if self._now_us() > over_us:
            kill_left_command(folder)
        return f"{sender.file}: the monolith's command of an earlier run still works on it; try again when it has ended"

    def _update(self, sender: FileSender, **values: object) -> FileSender:
        update_sender(self.ledger, sender, **values)
        self.ledger.commit()
        return replace(sender, **values)  # type: ignore[arg-type] # the values of its columns

    def _now_us(self) -> int:
        return int(self.clock().timestamp() * 1_000_000)

    def _begin_event(self, sender: FileSender, due_at_us: int) -> RunEvent:
        begun_at_us = sender.begun_at_us or self._now_us()
        day = self.clock().date().isoformat()
        return RunEvent(
            key=RunKey(
                system="monolith", level=0, mode="live", faults="real", series="", round=0,
                exchange_id=f"{self.partner}/{self.feed}/{sender.sha256[:24]}", attempt=sender.attempt,
            ),
            release="", partner=self.partner, feed=self.feed, file=sender.file, block=day, block_end=day,
            due_at_us=due_at_us, started_at_us=begun_at_us, duration_ns=None, outcome="running", records=None, rows={},
            bytes_in=sender.size_bytes, bytes_out=None, input_sha256=sender.sha256, calls=None,
            operator_touch=int(self.by_person and sender.attempt > 1),
        )  # fmt: skip
