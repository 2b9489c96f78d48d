"""The file of an exchange in the archive."""

from __future__ import annotations

from glob import escape
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.transports.source_file import sha256_hex

if TYPE_CHECKING:
    from poc.config.workspace import Workspace
    from poc.ledger.exchange_record import ExchangeRecord


def find_archived_file(workspace: Workspace, entry: ExchangeRecord) -> Path:
    """Return the file of an exchange in the archive, whatever its name is now.

    Raises:
        BadInput: it is not there any more.
    """
    folder = workspace.processed_folder(entry.partner, entry.feed, "archive")
    name = Path(entry.file)
    likely = sorted(folder.glob(f"{escape(name.stem)}*{escape(name.suffix)}"))
    others = (path for path in sorted(folder.glob("*")) if path not in likely)
    for path in chain(likely, others):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if sha256_hex(file) == entry.sha256:
                    return path
    raise BadInput(
        f"{folder}: the file {entry.file} of exchange {entry.exchange_id} is not there any more; put it back"
    )
