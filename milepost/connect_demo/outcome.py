"""What came of the demo: each file by its receipt, compared with the ledger and with what was delivered."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from milepost.connect_demo.workspace import FEED, WAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from milepost.connect_demo.partners import Receipt
    from milepost.connect_demo.samples import SampleFile
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger


def count_outcome(
    workspace: Workspace,
    files: Mapping[str, Sequence[SampleFile]],
    receipts: Mapping[str, Sequence[Receipt]],
    delivered: Mapping[str, Path],
) -> dict[str, Any]:
    """Return the figures of the demo.

    Args:
        workspace: of the demo.
        files: the files that each partner sent.
        receipts: the receipts that each partner got.
        delivered: the folder in which each partner gets files.
    """
    from poc.ledger.opening import open_ledger

    with closing(open_ledger(workspace.ledger)) as ledger:
        partners = [
            of_partner(ledger, partner, files[partner], receipts[partner], delivered[partner]) for partner in WAYS
        ]
    all_files = [file for partner in partners for file in partner["files"]]
    return {
        "partners": partners,
        "files": len(all_files),
        "signed": sum(file["signed"] for file in all_files),
        "as_expected": sum(file["as_expected"] for file in all_files),
        "equal_to_ledger": sum(file["equal_to_ledger"] for file in all_files),
        "delivered_rows": sum(partner["delivered_rows"] for partner in partners),
        "held_records": sum(partner["held_records"] for partner in partners),
    }


def of_partner(
    ledger: Ledger, partner: str, files: Sequence[SampleFile], receipts: Sequence[Receipt], delivered: Path
) -> dict[str, Any]:
    """Return the figures of one partner, by the counts of the ledger."""
    rows = []
    for file, receipt in zip(files, receipts, strict=True):
        entry = ledger.get(receipt.data["exchange"])
        counts = {} if entry is None else {name: entry.rows[name] for name in receipt.data["counts"]}
        rows.append({
            "file": file.name, "status": receipt.data["status"], "signed": receipt.is_signed,
            "as_expected": receipt.data["status"] == file.status, "equal_to_ledger": counts == receipt.data["counts"],
            "rows": {name: count for name, count in counts.items() if count}, "errors": receipt.data["errors"],
        })  # fmt: skip
    return {
        "partner": partner,
        "way": WAYS[partner],
        "files": rows,
        "delivered_rows": sum(row["rows"].get("delivered", 0) for row in rows),
        "held_records": held_records(delivered),
    }


def held_records(folder: Path) -> int:
    """Return how many records lie in a partner's folder."""
    return sum(path.read_bytes().count(b"\n") for path in (folder / FEED).glob("*.jsonl"))


def is_right(result: Mapping[str, Any]) -> bool:
    """Return whether every receipt is signed and right, and each delivered row is held once."""
    counts = {result[name] for name in ("signed", "as_expected", "equal_to_ledger")}
    return counts == {result["files"]} and result["delivered_rows"] == result["held_records"]


def result_lines(result: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the lines that say what came of the demo."""
    lines = []
    for partner in result["partners"]:
        lines.append(f"{partner['partner']}, {partner['way']}:")
        for file in partner["files"]:
            counts = ", ".join(f"{count:,} {name}" for name, count in file["rows"].items() if name != "in")
            signature = "signature right" if file["signed"] else "SIGNATURE WRONG"
            codes = ", ".join(error["code"] for error in file["errors"])
            lines.append(
                f"  {file['file']}: {file['status']}; {file['rows'].get('in', 0):,} rows in: {counts or 'none'}"
                f"{f' ({codes})' if codes else ''}; receipt, {signature}"
            )
    held = f"{result['held_records']:,} of {result['delivered_rows']:,} delivered records"
    right = (
        f"{result['signed']} receipts with the right signature, {result['equal_to_ledger']} with the ledger's counts"
    )
    return [
        *lines,
        f"{result['files']} files: {right}.",
        f"The partners hold {held}. It took {result['seconds']:.0f} s.",
        f"The workspace is {folder}; `milepost -w {folder} status` and `pickup ls` show more.",
    ]
