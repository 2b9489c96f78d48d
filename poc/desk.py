"""What commands for a person's hands share: the ledger to themselves, and texts made fit to be printed."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from poc.cli import Front
    from poc.ledger import Ledger


@contextmanager
def desk(front: Front) -> Iterator[Ledger]:
    """The ledger, for somebody who changes it: no run is under way meanwhile. Raises TryLater, LedgerDamaged."""
    from poc.inbox import alone
    from poc.ledger import open_ledger

    with alone(front.workspace), closing(open_ledger(front.workspace.ledger)) as ledger:
        yield ledger


@contextmanager
def named(path: Path) -> Iterator[None]:
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


def visible(text: str) -> str:
    """A text for a terminal: what would move its cursor, or hide, stands there as its escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
