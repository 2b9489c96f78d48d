"""Write the receipts that are due where partners look for them, partners side by side."""

from __future__ import annotations

import io
import json
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import IO, TYPE_CHECKING

from poc.credentials.webhook_keys import load_keys, signature_headers
from poc.errors import ExchangeError
from poc.ledger.opening import open_ledger
from poc.places.folder import FolderPlace
from poc.places.registry import open_place
from poc.receipts.receipt_store import (
    RECEIPT_SUFFIX,
    ROWS_SUFFIX,
    SIGNATURE_SUFFIX,
    due_receipts,
    mark_sent,
    postpone,
    renew,
    renew_ended,
)  # fmt: skip
from poc.receipts.rejected_rows import describe_rejected_rows, rejected_row_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from poc.config.receipts import ReceiptSettings
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.places.place import Place
    from poc.receipts.receipt_store import StoredReceipt

#: The most partners whose receipts are written at the same time.
MAX_THREADS = 8

#: The most bytes of a list of rejected rows in memory; a longer one is in an unnamed file.
MEMORY_BYTES = 1 << 20


#: The schemes of places of a pick-up in which receipts can be written.
WRITABLE = frozenset({"sftp", "s3"})


class ReceiptJob:
    """Writes receipts; call it every few seconds, in any number of processes.

    A receipt that two processes write is the same: its text is in the ledger.

    Args:
        workspace: returns the workspace as it is now.
        now: returns the current time, in UTC.
        environ: the environment, for keys in variables.
        stop: returns True when nothing more is to be begun.
    """

    def __init__(
        self,
        workspace: Callable[[], Workspace],
        now: Callable[[], datetime],
        environ: Mapping[str, str],
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._workspace, self._now, self._environ, self._stop = workspace, now, environ, stop

    def __call__(self) -> None:
        """Write what is due, until nothing is, or all that is left has failed. Raises TryLater, LedgerDamaged."""
        workspace = self._workspace()
        with closing(open_ledger(workspace.ledger)) as ledger:
            showing = [name for name, partner in workspace.partners.items() if shows_values(partner.receipts)]
            while renew_ended(ledger, self._now_us(), showing) and not self._stop():
                pass
            while (receipts := due_receipts(ledger, self._now_us())) and not self._stop():
                self._write(workspace, ledger, receipts)

    def _now_us(self) -> int:
        return int(self._now().timestamp() * 1_000_000)

    def _write(self, workspace: Workspace, ledger: Ledger, receipts: list[StoredReceipt]) -> None:
        by_feed: defaultdict[tuple[str, str], list[StoredReceipt]] = defaultdict(list)
        for receipt in receipts:
            by_feed[receipt.partner, receipt.feed].append(receipt)
        with ThreadPoolExecutor(min(MAX_THREADS, len(by_feed)), thread_name_prefix="receipts") as pool:
            futures = [pool.submit(self._write_feed, workspace, ledger, group) for group in by_feed.values()]
            for future in as_completed(futures):
                written, failed, error = future.result()
                mark_sent(ledger, written, self._now_us())
                if failed is not None:
                    postpone(ledger, failed, error, self._now_us())

    def _write_feed(
        self, workspace: Workspace, ledger: Ledger, receipts: list[StoredReceipt]
    ) -> tuple[list[StoredReceipt], StoredReceipt | None, str]:
        """Write receipts of one feed; return those that are done, and the first that failed with its error."""
        written: list[StoredReceipt] = []
        partner, feed = receipts[0].partner, receipts[0].feed
        config = workspace.partners.get(partner)
        if config is None or config.receipts is None:
            return [], receipts[0], f"partners/{partner}.toml has no table `[receipts]` any more, or cannot be used"
        try:
            keys = load_keys(config.receipts.keys, self._environ, workspace.root)
            with (
                closing(ledger.sibling()) as reading,
                receipt_place(workspace, partner, feed, config.receipts, self._environ) as place,
            ):
                for receipt in receipts:
                    if write_receipt(reading, place, receipt, keys, self._now_us(), values=config.receipts.values):
                        written.append(receipt)  # noqa: PERF401 (those before an error count)
        except (ExchangeError, OSError) as error:
            return written, receipts[len(written)], str(error)
        return written, None, ""


def shows_values(settings: ReceiptSettings | None) -> bool:
    """Return whether the lists of rejected rows of a partner show values."""
    return settings is not None and settings.values


def receipt_place(
    workspace: Workspace, partner: str, feed: str, settings: ReceiptSettings, environ: Mapping[str, str]
) -> Place:
    """Return where the receipts of a feed are written: by default the folder `receipts` where its files come from.

    Raises BadInput, OSError.
    """
    if settings.place is not None:
        return open_place(settings.place, environ, workspace.root)
    pickup = workspace.partners[partner].feed[feed].pickup if feed in workspace.partners[partner].feed else None
    if pickup is not None and pickup.scheme in WRITABLE and not settings.folder:
        below = pickup.model_copy(update={"url": f"{pickup.url.rstrip('/')}/receipts"})
        return open_place(below, environ, workspace.root)
    folder = workspace.root / (settings.folder or f"var/receipts/{partner}") / feed
    folder.mkdir(mode=0o777 if settings.folder else 0o700, parents=True, exist_ok=True)
    return FolderPlace(folder)


def write_receipt(
    ledger: Ledger, place: Place, receipt: StoredReceipt, keys: list[bytes], now_us: int, *, values: bool
) -> bool:
    """Write a receipt: the list of rejected rows, the signature, and last the receipt itself, so that it is complete.

    Returns:
        Whether it was written; not, where its list of rejected rows has changed: then its next revision is due.
    """
    entry = ledger.get(receipt.exchange_id)
    described = json.loads(receipt.body)["data"].get("rejected_rows")
    if described is not None and entry is not None:
        now = describe_rejected_rows(ledger, entry, receipt.facts, described["name"], values=values)
        if now is None or now.sha256 != described["sha256"]:
            ledger.begin()
            renew(ledger, receipt, entry, now_us, values=values)
            ledger.commit()
            return False
        with tempfile.SpooledTemporaryFile(MEMORY_BYTES) as file:
            for line in rejected_row_lines(ledger, entry, receipt.facts, values=values):
                file.write(line)
            _replace(place, f"{receipt.name}{ROWS_SUFFIX}", file)
    body = receipt.body.encode()
    headers = signature_headers(keys, receipt.message_id, receipt.made_at_us // 1_000_000, body)
    if headers:
        text = f"{json.dumps(headers, indent=2)}\n".encode()
        _replace(place, f"{receipt.name}{SIGNATURE_SUFFIX}", io.BytesIO(text))
    _replace(place, f"{receipt.name}{RECEIPT_SUFFIX}", io.BytesIO(body))
    return True


def _replace(place: Place, name: str, file: IO[bytes]) -> None:
    file.seek(0)
    place.replace(name, file)  # type: ignore[arg-type] # a SpooledTemporaryFile is a BinaryIO in all but name
