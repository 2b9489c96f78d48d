"""Exchange files of the monolith in the shadow, and compare what both sides sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.errors import BadInput, ExchangeError, LeaseLost, LedgerDamaged, UnexpectedError
from poc.parity.feed_parity import FilePair, body_records, compare_file
from poc.route.file_senders import update_sender
from poc.route.sides.handed_file import file_folder, file_for_shadow, remove_folder
from poc.route.sides.monolith_output import read_sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from metrics.events import Recorder
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.route.file_senders import FileSender
    from poc.route.sides.shadow import Shadow


@dataclass(frozen=True, slots=True)
class ShadowComparer:
    """Compares what the monolith sent for files of one feed with what the service would have sent."""

    workspace: Workspace
    ledger: Ledger
    shadow: Shadow
    clock: Callable[[], datetime]
    recorder: Recorder

    def compare(self, sender: FileSender, stage: str) -> None:
        """Exchange a file without sending it, compare, record that, and commit.

        A mistake of the shadow or of the comparison is noted with the file; it stops nothing.

        Raises:
            TryLater, LedgerDamaged, LeaseLost: the ledger of the workspace cannot be used.
        """
        folder = file_folder(self.workspace, sender.partner, sender.feed, sender.sha256)
        try:
            state, note = "done", self._compare(sender, folder, stage)
        except (LedgerDamaged, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 (whatever goes wrong here, the real exchanges go on)
            self.ledger.roll_back()
            is_known = isinstance(error, (ExchangeError, OSError))
            state, note = "failed", str(error if is_known else UnexpectedError.of(error))
        update_sender(self.ledger, sender, shadow=state, shadow_note=note)
        self.ledger.commit()
        remove_folder(folder)

    def _compare(self, sender: FileSender, folder: Path, stage: str) -> str:
        """Return how the shadow's exchange ended. Raises ExchangeError where nothing can be compared."""
        sent = read_sent(folder)
        if sent.problem:
            raise BadInput(sent.problem)
        path = file_for_shadow(folder, sender.sha256)
        now = self.clock()
        run = self.shadow.exchange(path, sender.sha256, now)
        _, feed = self.workspace.get_feed(sender.partner, sender.feed)
        pair = FilePair(
            partner=sender.partner,
            feed=sender.feed,
            file=sender.file,
            sha256=sender.sha256,
            left=body_records("monolith", sent.bodies, feed),
            right=body_records("service", run.bodies, feed),
            stage=stage,
        )
        compare_file(self.workspace, self.ledger, pair, now, self.recorder)
        return f"{run.receipt.outcome}: {run.receipt.error}" if run.receipt.error else run.receipt.outcome
