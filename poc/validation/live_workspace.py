"""The workspace of a running service: its files are read again when they change, and a broken change is not used."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from poc.config.workspace import Workspace, load_workspace
from poc.errors import BadInput
from poc.validation.partner_problems import feed_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from poc.config.partner import Partner
    from poc.config.workspace import WorkspaceSettings

#: Path, time of the last change and size of each file of the configuration.
Signature: TypeAlias = "frozenset[tuple[str, int, int]]"

#: Settings that a running service keeps, as they decide how it was started.
KEPT_SETTINGS = ("name", "clock", "web", "work")


class LiveWorkspace:
    """The workspace as it is now.

    A partner whose file, contract or map has become invalid stays as it was when it was last valid, and
    `Workspace.unused_changes` names the problem; a new one is left out, as at the start.

    Args:
        workspace: as it was loaded at the start.
        report: is told each problem, once.
        note: is told each change that is used, once.
    """

    def __init__(self, workspace: Workspace, report: Callable[[str], None], note: Callable[[str], None]) -> None:
        self.current = workspace
        self._on_disk = workspace  # as its files say, also where a change is not used
        self._report = report
        self._note = note
        self._read = self._seen = signature(workspace)

    def refresh(self) -> Workspace:
        """Return the workspace, read again if its files have changed and have stayed so since the last call."""
        now = signature(self.current, self._on_disk)
        if now != self._read and now == self._seen:  # an editor has finished writing
            self._read = now
            self._load()
        self._seen = now
        return self.current

    def _load(self) -> None:
        before = self.current
        milestone_file = str(before.root / "milepost.toml")
        try:
            loaded = load_workspace(before.root)
        except BadInput as error:
            self.current = before.model_copy(update={"unused_changes": {**before.unused_changes, "": str(error)}})
            self._report_problems(before)
            return
        self._on_disk = loaded
        partners, problems, unused = dict(loaded.partners), dict(loaded.problems), {}
        for name, problem in [*problems.items(), *self._feed_problems(loaded)]:
            if name in before.partners:
                partners[name], unused[name] = before.partners[name], problem
                problems.pop(name, None)
        self.current = loaded.model_copy(
            update={
                "settings": kept_settings(before.settings, loaded.settings),
                "partners": dict(sorted(partners.items())),
                "problems": problems,
                "unused_changes": unused,
            }
        )
        if changed := [
            name for name in KEPT_SETTINGS if getattr(before.settings, name) != getattr(loaded.settings, name)
        ]:
            self._report(f"{milestone_file}: {', '.join(changed)} counts after a restart of `milepost serve`")
        self._report_problems(before)
        for text in changes(before.partners, self.current.partners):
            self._note(text)

    def _feed_problems(self, loaded: Workspace) -> Iterator[tuple[str, str]]:
        """Yield the partners whose contracts or maps are invalid, each with its first problem."""
        for name, partner in loaded.partners.items():
            for feed_id, feed in partner.feed.items():
                if problem := next(iter(feed_problems(loaded.root, feed)), ""):
                    yield name, f"{loaded.root / 'partners' / name}.toml: feed.{feed_id}: {problem}"
                    break

    def _report_problems(self, before: Workspace) -> None:
        for name, problem in self.current.problems.items():
            if before.problems.get(name) != problem:
                self._report(f"{problem}; this partner is left out")
        for name, problem in self.current.unused_changes.items():
            if before.unused_changes.get(name) != problem:
                self._report(f"{problem}; the change is not used, the service goes on as before")
        for name in {*before.problems, *before.unused_changes} - {*self.current.problems, *self.current.unused_changes}:
            self._note(f"{f'partner {name}' if name else 'milepost.toml'} is in order again")


def kept_settings(before: WorkspaceSettings, loaded: WorkspaceSettings) -> WorkspaceSettings:
    """Return the new settings, with those of the old ones that a running service keeps."""
    return loaded.model_copy(update={name: getattr(before, name) for name in KEPT_SETTINGS})


def changes(before: dict[str, Partner], now: dict[str, Partner]) -> Iterator[str]:
    """Yield a line for each partner that is new, changed or gone."""
    for name in sorted({*before, *now}):
        if name not in before:
            yield f"partner {name} is new: its files are exchanged from now on"
        elif name not in now:
            yield f"partner {name} is gone: its files are not exchanged any more"
        elif before[name] != now[name]:
            yield f"partner {name} has changed: its file was read again"


def signature(workspace: Workspace, *others: Workspace) -> Signature:
    """Return what tells whether files of the configuration have changed, without reading any of them.

    `others` are earlier or later versions of the workspace, whose look-ups count as well.
    """
    look_ups = (
        stats
        for version in {id(each): each for each in (workspace, *others)}.values()
        for stats in _look_up_stats(version)
    )
    return frozenset([*_stats(workspace.root), *look_ups])


def _look_up_stats(workspace: Workspace) -> Iterator[tuple[str, int, int]]:
    feeds = (feed for partner in workspace.partners.values() for feed in partner.feed.values())
    for name in {field.lookup_file for feed in feeds for field in feed.map if field.lookup_file}:
        with suppress(OSError):
            status = (workspace.root / name).stat()
            yield name, status.st_mtime_ns, status.st_size


def _stats(root: Path) -> Iterator[tuple[str, int, int]]:
    for folder, ending in (("", "milepost.toml"), ("partners", ".toml"), ("contracts", ".json")):
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    if entry.name.endswith(ending):
                        status = entry.stat()
                        yield entry.path, status.st_mtime_ns, status.st_size
        except OSError:  # a folder that cannot be listed has no files, as when the workspace is loaded
            continue
