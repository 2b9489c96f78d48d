"""The workspace that a command runs in, each part read when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from poc.config.workspace import Workspace


@dataclass(frozen=True)
class WorkspaceContext:
    """What commands know of where they run; each part is read when it is first asked for."""

    given: Path | None

    @property
    def folder(self) -> Path:
        """What `-w` or `MILEPOST_WORKSPACE` names, or the folder one stands in; a workspace or not."""
        return (self.given or Path.cwd()).resolve()

    @cached_property
    def workspace(self) -> Workspace:
        """That folder as a workspace, read and checked."""
        from poc.config.workspace import load_workspace

        return load_workspace(self.folder)

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return self.workspace.root

    @property
    def name(self) -> str:
        """What the workspace is called."""
        return self.workspace.settings.name

    @property
    def clock(self) -> str:
        """`replay` or `live`."""
        return self.workspace.settings.clock

    @property
    def store(self) -> Path:
        """The metrics database that this workspace is judged by."""
        return self.store_of(self.clock)

    def store_of(self, clock: str) -> Path:
        """The metrics database of a clock; the two are never mixed."""
        return self.root / "var" / f"metrics-{clock}.db"

    @property
    def log_mapping(self) -> dict[str, Any]:
        """How the logs of the user's own system are read: the table `[import]`, as it stands there."""
        return self.workspace.settings.import_

    def replayed(self) -> WorkspaceContext:
        """The workspace that a replay runs in: this one on the replayed clock, else one of the airlines below `var`."""
        if self.clock == "replay":
            return self
        from poc.config.scaffold import AIRLINES, create_workspace
        from roadmap.plan.template import replay_template

        root = self.root / "var" / "replay" / "workspace"
        if not (root / "milepost.toml").is_file():
            create_workspace(root, "replay", "replay", AIRLINES, replay_template())
        return WorkspaceContext(root)

    @property
    def milestones(self) -> Path:
        """The milestone file."""
        return self.root / "milestones.toml"

    @cached_property
    def built(self) -> int:
        """The highest service level that stands."""
        from poc.pipeline.capabilities import HIGHEST_LEVEL

        return HIGHEST_LEVEL

    @cached_property
    def release(self) -> str:
        """Version of the program."""
        from importlib.metadata import version

        return version("milepost")
