"""`milepost migrate` and `milepost ledger copy`: the tables of a ledger in PostgreSQL, and a move into it or back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json

if TYPE_CHECKING:
    from poc.cli.console import CliContext
    from poc.ledger_address import LedgerAddress


@click.command()
@AS_JSON
@click.pass_obj
def migrate(context: CliContext, as_json: bool) -> None:
    """Make the tables of a ledger in PostgreSQL, or upgrade them to this release.

    Run it once after each upgrade of Milepost, before its processes start. A ledger in SQLite is upgraded when it is
    opened, and needs no such step.
    """
    address = context.workspace.ledger
    if isinstance(address, Path):
        before: str | None = None
        after: str | None = None
        text = f"{address} is in SQLite: it is upgraded when it is opened; there is nothing to do."
    else:
        from poc.ledger.postgres.migrate import migrate_ledger

        before, after = migrate_ledger(address)
        text = f"{address} has the tables of this release (revision {after})."
        if before is None:
            text = f"{address} is ready: its tables were made (revision {after})."
        elif before != after:
            text = f"{address} was upgraded from revision {before} to {after}."
    if as_json:
        echo_json({"ledger": str(address), "revision_before": before, "revision": after})
    else:
        print_line(text)


@click.group()
def ledger() -> None:
    """Move the ledger between SQLite and PostgreSQL."""


@ledger.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@AS_JSON
@click.pass_obj
def copy(context: CliContext, source: str, target: str, as_json: bool) -> None:
    """Move the ledger FROM one database TO another, an empty one, and compare every table.

    Both are written as `ledger` in milepost.toml: sqlite:///var/ledger.db, or a URL of PostgreSQL. Stop `run` and
    `serve` before. The ledger it was moved from is put out of use, and kept. Then change `ledger` in milepost.toml.
    """
    from poc.ledger.postgres.copy import copy_ledger

    root = context.workspace.root
    counts = copy_ledger(_address(source, root), _address(target, root))
    if as_json:
        echo_json({"rows": counts})
        return
    print_line(f"The ledger was moved: {sum(counts.values()):,} rows in {len(counts)} tables, all equal.")
    print_line(f'Now write in milepost.toml: ledger = "{target}"')


def _address(url: str, root: Path) -> LedgerAddress:
    from poc.errors import BadInput
    from poc.ledger_address import parse_address

    try:
        return parse_address(url, root)
    except ValueError as error:
        raise BadInput(f"the ledger {error}") from None
