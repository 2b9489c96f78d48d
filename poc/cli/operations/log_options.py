"""The options of commands that log: the form, the level, and the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")

#: As in `poc.logs.logger`, which is imported when a command runs.
FORMATS, LEVELS = ("text", "json"), ("debug", "info", "warning", "error")


def log_options(command: Command) -> Command:
    """Add `--log-format`, `--log-level` and `--log-file` to a command."""
    for option in (
        click.option(
            "--log-file",
            type=click.Path(path_type=Path, dir_okay=False),
            envvar="MILEPOST_LOG_FILE",
            help="Write the log to this file instead of stderr; at 10 MiB it is renamed, and five such files are kept.",
        ),
        click.option(
            "--log-level",
            type=click.Choice(LEVELS),
            envvar="MILEPOST_LOG_LEVEL",
            help="Leave out lines below this level; by default `info`.",
        ),
        click.option(
            "--log-format",
            type=click.Choice(FORMATS),
            envvar="MILEPOST_LOG_FORMAT",
            help="Text for people, or one JSON object a line; by default `text`.",
        ),
    ):
        command = option(command)
    return command


def logger_of(log_format: str | None, log_level: str | None, log_file: Path | None) -> logging.Logger:
    """Return the logger that the options ask for; without any of them, it writes text of level info to stderr.

    Raises BadInput.
    """
    from poc.logs.logger import make_logger

    return make_logger(log_format or "text", log_level or "info", log_file)


def new_run_id() -> str:
    """Return a new id of a process, by which its lines are found among those of others."""
    import uuid

    return uuid.uuid4().hex[:12]
