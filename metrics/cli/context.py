"""What the metrics commands get from the front door, and the option types they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


class CliContext(Protocol):
    """The workspace that a command works in; each part is read when it is first asked for."""

    @property
    def folder(self) -> Path:
        """The folder that was named; a workspace or not."""

    @property
    def root(self) -> Path:
        """The workspace, all of whose files are in order."""

    @property
    def clock(self) -> str:
        """`replay` or `live`."""

    @property
    def built(self) -> int:
        """The highest service level that stands."""

    @property
    def store(self) -> Path:
        """The metrics database that this workspace is judged by."""

    @property
    def log_mapping(self) -> Mapping[str, Any]:
        """The table `[import]` of `milepost.toml`, as it stands there; empty where there is none."""

    def replayed(self) -> CliContext:
        """The workspace that a replay runs in."""

    def store_of(self, clock: str) -> Path:
        """The metrics database of a clock."""


PATH = click.Path(path_type=Path)


DAY = click.DateTime(formats=["%Y-%m-%d"])
