"""Make the receipts of files whose attempts have ended, where their partner gets receipts."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from poc.errors import BadInput, UnexpectedError
from poc.pipeline.capabilities import name_of_delivery
from poc.receipts.receipt_store import Subject, record_receipts
from poc.receipts.receipt_text import ReceiptFacts
from poc.transports.folder import safe_name
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.exchanges.receipt import Receipt
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger


def make_receipts(
    workspace: Workspace,
    partner_id: str,
    feed_id: str,
    results: Iterable[tuple[Path, Receipt]],
    ledger: Ledger,
    now_us: int,
) -> None:
    """Make the receipts of files before they leave the inbox, so that a crash loses none. Nothing is written yet.

    Raises TryLater, LedgerDamaged.
    """
    partner, feed = workspace.get_feed(partner_id, feed_id)
    contract = workspace.contract(feed)
    about_contract = (feed.contract, *_contract_facts(contract))
    folder = None if partner.endpoint.folder is None else workspace.root / partner.endpoint.folder / feed_id
    subjects = []
    for path, receipt in results:
        subject = _subject(ledger, path.name, receipt, about_contract)
        delivered = () if folder is None else _delivered(folder, subject.entry, feed.out_suffix)
        subjects.append(replace(subject, facts=replace(subject.facts, delivered=delivered)))
    settings = partner.receipts
    if subjects:
        values = settings is not None and settings.values
        record_receipts(ledger, subjects, now_us, written=settings is not None, values=values)


def _subject(ledger: Ledger, file: str, receipt: Receipt, about_contract: tuple[str, str, str]) -> Subject:
    entry = ledger.get(receipt.exchange_id)
    if entry is None:
        raise UnexpectedError(f"{file}: the ledger has no exchange {receipt.exchange_id}")
    repeats = entry.file if receipt.outcome == "already_received" else ""
    facts = ReceiptFacts(
        receipt.bytes_in,
        receipt.error_type,
        tuple(receipt.findings) if entry.outcome == "refused" else (),
        "" if repeats == file else repeats,
        *about_contract,
    )
    return Subject(file, entry, facts)


def _delivered(folder: Path, entry: ExchangeRecord, suffix: str) -> tuple[tuple[str, str], ...]:
    """Return name and digest of the file that was delivered into a folder; nothing where its reader has taken it."""
    if entry.outcome != "done" or not entry.rows["delivered"]:
        return ()
    name = safe_name(name_of_delivery(entry, suffix))
    try:
        file, _ = open_regular(folder / name)
    except BadInput:
        return ()
    with file:
        return ((name, sha256_hex(file)),)


def _contract_facts(path: Path) -> tuple[str, str]:
    """Return the digest of a contract's file, and the version that it states; empty where it cannot be read now."""
    with suppress(OSError):
        content = path.read_bytes()
        version = ""
        with suppress(ValueError, AttributeError):
            version = str(json.loads(content).get("version", ""))
        return hashlib.sha256(content).hexdigest(), version
    return "", ""
