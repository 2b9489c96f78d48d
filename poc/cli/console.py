"""Helpers of the commands: their context, shared options, and the locked ledger."""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from metrics.terminal import print_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.notify.notification import StatusReport


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, as a line of text and as values for JSON; `notes` are further lines, for what was left."""

    text: str
    values: Mapping[str, Any]
    notes: tuple[str, ...] = ()


@contextmanager
def exclusive_exchange(context: CliContext, exchange: str) -> Iterator[tuple[Ledger, ExchangeRecord]]:
    """Open the ledger for a change of one exchange, given by its id or its file, while no run works on its feed.

    Raises BadInput, TryLater, LedgerDamaged.
    """
    from poc.ledger.lease import exclusive_feed
    from poc.ledger.lookup import find_by_prefix
    from poc.ledger.opening import open_ledger

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        entry = find_by_prefix(ledger, exchange)
        lease_s = context.workspace.settings.work.lease_s
        with exclusive_feed(ledger, entry.partner, entry.feed, lease_s=lease_s):
            yield ledger, find_by_prefix(ledger, entry.exchange_id)


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Turn an OSError on a user's file into BadInput, with the file's path."""
    from poc.errors import BadInput

    try:
        yield
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def echo_json(value: Any) -> None:
    """Print a value as JSON."""
    import json

    click.echo(json.dumps(value, indent=2))


def breaker_effect(row: Mapping[str, Any]) -> str:
    """Return what the state of a circuit breaker means for requests; `row` has its partner, state and time."""
    effects = {
        "closed": "requests are still sent",
        "open": f"nothing is sent until {row['until']}",
        "half-open": "the next request is a probe",
        "paused": f"nothing is sent until `milepost partner release {row['partner']}`",
    }
    return effects[row["state"]]


class CliContext(Protocol):
    """What the `milepost` command gives to the commands of this package."""

    @property
    def workspace(self) -> Workspace:
        """The workspace, read and checked."""

    @property
    def release(self) -> str:
        """Version of the program."""

    def remove_old_runs(self, before: datetime, *, dry_run: bool) -> int:
        """Remove the runs before a time from the metrics store; return how many."""

    def milestone_statuses(self) -> Sequence[StatusReport]:
        """Return the newest recorded status of each milestone, for notifications."""

    def digest_state(self, now: datetime) -> str:
        """Return the state of the digest by mail in a line; empty where nobody gets one."""


EXCHANGE = click.argument("exchange", metavar="EXCHANGE")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def current_us() -> int:
    """Return the present time in microseconds since 1970."""
    from datetime import UTC, datetime

    return int(datetime.now(UTC).timestamp() * 1_000_000)


def print_done(done: Done, *, as_json: bool) -> None:
    """Print what an act did, as text or as JSON."""
    if as_json:
        echo_json(done.values)
        return
    print_line(done.text)  # a line end in a file name is escaped, so that it begins no line of its own
    for note in done.notes:
        print_line(note)


def write_receipts(workspace: Workspace) -> None:
    """Write the receipts that are due, where a partner gets any. Raises TryLater, LedgerDamaged."""
    if any(partner.gets_receipts for partner in workspace.partners.values()):
        from datetime import UTC, datetime

        from poc.receipts.receipt_job import ReceiptJob

        ReceiptJob(lambda: workspace, lambda: datetime.now(UTC), os.environ)()
