"""The context of the metrics commands, and the option types they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CliContext(Protocol):
    """The workspace that a command works in; each part is read when it is first used."""

    @property
    def folder(self) -> Path:
        """The folder given on the command line; it may not be a workspace."""

    @property
    def root(self) -> Path:
        """The folder of the workspace, whose files are all valid."""

    @property
    def clock(self) -> str:
        """Clock of the workspace: `replay` or `live`."""

    @property
    def built(self) -> int:
        """The highest service level that is built."""

    @property
    def store(self) -> Path:
        """The metrics database that the workspace is judged by."""

    @property
    def log_mapping(self) -> Mapping[str, Any]:
        """The unchecked table `[import]` of `milepost.toml`; empty if there is none."""

    def log_notes(self) -> Sequence[str]:
        """Return for each milestone that an imported log cannot prove why not, and what can."""

    def replayed(self) -> CliContext:
        """Return the context of the workspace that a replay runs in."""

    def store_of(self, clock: str) -> Path:
        """Return the metrics database of a clock."""


PATH = click.Path(path_type=Path)

DAY = click.DateTime(formats=["%Y-%m-%d"])
