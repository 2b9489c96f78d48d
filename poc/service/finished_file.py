"""What becomes of a file in the inbox after its exchange: it is archived where no further run needs it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.transports.archive import archive_file
from poc.transports.source_file import is_unchanged

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.exchanges.receipt import Receipt

#: The note on a file that is no longer there to be archived.
GONE = "{path} was {event} while it was exchanged, so that it is not archived"


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
