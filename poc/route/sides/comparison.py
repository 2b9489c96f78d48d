"""Exchange a file of the monolith in the shadow, and compare what both sides sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.errors import ExchangeError
from poc.route.file_senders import update_sender
from poc.route.sides.handed_file import file_folder, handed_files, remove_folder
from poc.route.sides.monolith_output import read_sent

if TYPE_CHECKING:
    from datetime import datetime

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.route.file_senders import FileSender
    from poc.route.sides.shadow import Shadow


def shadow_and_compare(workspace: Workspace, ledger: Ledger, shadow: Shadow, sender: FileSender, now: datetime) -> None:
    """Exchange a file without sending it, compare it with what the monolith sent, record that, and commit.

    A mistake of the shadow or of the comparison is noted with the file; it stops nothing.

    Raises TryLater, LedgerDamaged: the ledger of the workspace cannot be used.
    """
    folder = file_folder(workspace, sender.partner, sender.feed, sender.sha256)
    state, note = "failed", ""
    try:
        files = handed_files(folder)
        if not files:
            note = "the file was removed before the service could exchange it"
        else:
            run = shadow.exchange(files[0], sender.sha256, now)
            sent = read_sent(folder)
            if sent.problem:
                note = sent.problem
            else:
                state = "done"
                note = run.receipt.outcome
    except (ExchangeError, OSError) as error:
        note = str(error)
    update_sender(ledger, sender, shadow=state, shadow_note=note)
    ledger.commit()
    remove_folder(folder)
