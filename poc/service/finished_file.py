"""What becomes of a file in the inbox after its exchange: its receipt is made, and it is archived if it is finished."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.service.runner import RunResult, as_exchange_error
from poc.transports.archive import archive_file
from poc.transports.source_file import is_unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.exchanges.receipt import Receipt
    from poc.ledger.ledger import Ledger
    from poc.service.run_settings import RunSettings

#: The note on a file that is no longer there to be archived.
GONE = "{path} was {event} while it was exchanged, so that it is not archived"


def finished_results(
    settings: RunSettings, feed: tuple[str, str], ledger: Ledger, results: Sequence[tuple[Path, Receipt | Exception]]
) -> list[RunResult]:
    """Return the results of files of a feed, after each is archived where no further run needs it.

    Where the partner gets receipts, these are made before: without its receipt no file leaves the inbox.
    """
    workspace = settings.workspace
    if workspace.partners[feed[0]].gets_receipts:
        from poc.receipts.making import make_receipts

        ended = [(path, result) for path, result in results if not isinstance(result, Exception)]
        try:
            make_receipts(workspace, *feed, ended, ledger, int(settings.clock().timestamp() * 1_000_000))
        except Exception as error:  # noqa: BLE001 (an error of these files alone, which the next turn sees again)
            results = [(path, result if isinstance(result, Exception) else error) for path, result in results]
    return [_finished(settings, feed, path, result) for path, result in results]


def _finished(settings: RunSettings, feed: tuple[str, str], path: Path, result: Receipt | Exception) -> RunResult:
    if isinstance(result, Exception):
        return RunResult(*feed, path, error=as_exchange_error(result))
    try:
        current_path, note = archive_if_finished(settings.workspace, *feed, path, result)
    except Exception as error:  # noqa: BLE001 (whatever one file raises, the others are exchanged)
        return RunResult(*feed, path, error=as_exchange_error(error))
    return RunResult(*feed, current_path, result, note=note)


def archive_if_finished(
    workspace: Workspace, partner: str, feed: str, path: Path, receipt: Receipt
) -> tuple[Path, str]:
    """Archive a file that needs no further run; a file that has replaced it meanwhile stays.

    Returns:
        The file's path, and a note for a person where the exchanged file is no longer there.

    Raises:
        BadInput: it cannot be archived.
    """
    if receipt.file_version is None:
        return path, ""
    if not is_unchanged(path, receipt.file_version):
        event = "replaced or changed" if os.path.lexists(path) else "deleted"
        return path, GONE.format(path=path, event=event)
    outcome = "done" if receipt.whole and receipt.outcome != "refused" else receipt.outcome
    try:
        return archive_file(workspace, partner, feed, path, outcome, receipt.sha256), ""
    except BadInput:
        if os.path.lexists(path):
            raise
        return path, GONE.format(path=path, event="deleted")  # between the look and the move, as by another process
