"""The interface for programs that embed Milepost: exchange a file of a workspace, and learn what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import datetime

    from poc.exchanges.receipt import Receipt

#: Seconds for which a call waits until another process has ended its work on the feed.
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class ExchangeResult:
    """What became of a file.

    Attributes:
        exchange_id: the id of the exchange, as the commands and pages show it.
        attempt: the number of the attempt, from 1.
        outcome: `done`, also with quarantined rows within the budget; `already_received`, the same bytes were exchanged
            before; `refused`, the file breaks its contract; `due`, the service sends the rest at `due_at`; `failed`,
            the partner refused it or it needs a further run; `ambiguous`, it may have arrived: a person has to ask.
        rows: the number of rows by outcome, and all of them as `in`.
        reasons: the number of quarantined rows by error code.
        quarantined_rows: their numbers in the file, the first 1,000.
        error: why it is not done, in words; empty for `done`.
        error_type: the error's code; empty for `done`.
        due_at: when the service goes on by itself, in UTC; None unless `outcome` is `due`.
        sha256: the digest of the file.
        bytes_in: the size of the file.
        bytes_out: the size of the bodies that were sent.
        requests: the number of requests that were sent.
        path: where the workspace keeps its copy of the file now.
    """

    exchange_id: str
    attempt: int
    outcome: Literal["done", "already_received", "refused", "due", "failed", "ambiguous"]
    rows: Mapping[str, int]
    reasons: Mapping[str, int]
    quarantined_rows: tuple[int, ...]
    error: str
    error_type: str
    due_at: datetime | None
    sha256: str
    bytes_in: int
    bytes_out: int
    requests: int
    path: Path


def exchange_file(
    workspace: str | os.PathLike[str], partner: str, feed: str, path: str | os.PathLike[str]
) -> ExchangeResult:
    """Exchange one file now, as `milepost run` does, and return what became of it.

    A copy of the file is put into the feed's inbox, exchanged and archived; the file itself stays as it is. If the
    program dies meanwhile, the next `milepost run` or a running `milepost serve` goes on with the copy. The same bytes
    are delivered once, however often they are handed in. Several threads or processes may call it at the same time:
    calls for one feed wait for one another, for some seconds.

    Args:
        workspace: the folder of the workspace.
        partner: the id of the partner.
        feed: the id of the feed.
        path: the file, anywhere on disk; its name is one of the feed's file names.

    Raises:
        poc.errors.BadInput: the workspace, partner, feed or file cannot be used; the message names it.
        poc.errors.TryLater: another process exchanges files of this feed, the file changes, or the disk is full.
        poc.errors.LedgerDamaged: the ledger cannot be used.
        poc.errors.ExchangeError: the base of these errors.
    """
    from contextlib import closing
    from datetime import UTC, datetime
    from importlib.metadata import version

    from poc.config.workspace import load_workspace
    from poc.ledger.lease import exclusive_feed
    from poc.ledger.opening import open_ledger
    from poc.service.single_file import exchange_one
    from poc.transports.hand_in import copy_into_inbox

    loaded = load_workspace(Path(workspace).resolve())
    loaded.get_feed(partner, feed)
    lease_s = loaded.settings.work.lease_s
    with (
        closing(open_ledger(loaded.ledger)) as ledger,
        exclusive_feed(ledger, partner, feed, wait_s=WAIT_S, lease_s=lease_s),
    ):
        result = exchange_one(
            loaded, partner, feed, lambda: copy_into_inbox(loaded, partner, feed, Path(path)), ledger,
            lambda: datetime.now(UTC), version("milepost"),
        )  # fmt: skip
    assert result.receipt is not None  # noqa: S101 (what prevented the exchange is raised; tells the type checker)
    return as_result(result.receipt, result.path)


def as_result(receipt: Receipt, path: Path) -> ExchangeResult:
    """Return a receipt as the value that embedding programs get."""
    from datetime import UTC, datetime
    from types import MappingProxyType

    due_at_us = receipt.due_at_us
    return ExchangeResult(
        exchange_id=receipt.exchange_id,
        attempt=receipt.attempt,
        outcome=receipt.outcome,  # type: ignore[arg-type] # a receipt has one of these outcomes
        rows=MappingProxyType(receipt.account.as_dict()),
        reasons=MappingProxyType(dict(receipt.reasons)),
        quarantined_rows=receipt.quarantined_rows,
        error=receipt.error,
        error_type=receipt.error_type,
        due_at=None if due_at_us is None else datetime.fromtimestamp(due_at_us / 1_000_000, UTC),
        sha256=receipt.sha256,
        bytes_in=receipt.bytes_in,
        bytes_out=receipt.bytes_out,
        requests=receipt.calls,
        path=path,
    )
