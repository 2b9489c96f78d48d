"""What the commands share: their context, option types, and safe output."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger


@contextmanager
def exclusive_ledger(front: CliContext) -> Iterator[Ledger]:
    """The ledger, for somebody who changes it: no run is under way meanwhile. Raises TryLater, LedgerDamaged."""
    from poc.ledger.ledger import open_ledger
    from poc.transports.inbox import workspace_lock

    with workspace_lock(front.workspace), closing(open_ledger(front.workspace.ledger)) as ledger:
        yield ledger


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Name a person's file in what goes wrong with it. Raises BadInput."""
    from poc.errors import BadInput

    try:
        yield
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def echo_json(value: Any) -> None:
    """Print a value as JSON."""
    import json

    click.echo(json.dumps(value, indent=2))


def escape_control_characters(text: str) -> str:
    """A text for a terminal: what would move its cursor, or hide, stands there as its escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class CliContext(Protocol):
    """What the front door hands to this room."""

    @property
    def workspace(self) -> Workspace:
        """The workspace, read and checked."""

    @property
    def release(self) -> str:
        """Version of the program."""


EXCHANGE = click.argument("exchange", metavar="EXCHANGE")


AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
