"""The text of a receipt, from the ledger's account of its exchange."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from metrics.events import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.ledger.exchange_record import ExchangeRecord

#: Outcomes of an exchange after which its counts do not change by themselves.
FINAL = frozenset({"done", "refused", "given_up"})

#: The type of a receipt, as Standard Webhooks recommends one.
TYPE = "milepost.receipt"


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What a receipt says and the ledger's exchange does not: of the attempt on its file.

    `code` is why the file was refused, `findings` are row, code, field and note of the first findings about a refused
    file, `repeats` is the name under which the same bytes came in before. `delivered` are name and sha256 of the
    file that was delivered into a folder.
    """

    size_bytes: int
    code: str
    findings: tuple[tuple[int, str, str, str], ...]
    repeats: str
    contract: str
    contract_sha256: str
    contract_version: str
    delivered: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> str:
        """Return the facts as the ledger keeps them."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ReceiptFacts:
        """Return the facts that the ledger has."""
        values = json.loads(text)
        lists = {name: tuple(map(tuple, values.get(name, ()))) for name in ("findings", "delivered")}
        return cls(**values | lists)


@dataclass(frozen=True, slots=True)
class RejectedRowsFile:
    """The list of rejected rows beside a receipt: its name, how many lines it has, and its digest."""

    name: str
    lines: int
    sha256: str


def receipt_id(partner: str, feed: str, file: str, sha256: str) -> str:
    """Return the id of the receipt of a file: the same file has the same one, whenever it comes."""
    text = f"{partner}/{feed}/{file}/{sha256}"
    return f"rcpt_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def status_of(entry: ExchangeRecord) -> Literal["accepted", "partial", "rejected"]:
    """Return how much of a file was accepted: all of it, some of its rows, or none."""
    rejected = entry.rows["quarantined"] + entry.rows["refused"]
    if not rejected and entry.outcome != "refused":
        return "accepted"
    return "partial" if rejected < entry.rows["in"] else "rejected"


def receipt_text(
    number: str,
    revision: int,
    entry: ExchangeRecord,
    file: str,
    facts: ReceiptFacts,
    reasons: Mapping[str, int],
    rejected_rows: RejectedRowsFile | None,
    made_at_us: int,
) -> str:
    """Return a receipt as JSON.

    Args:
        number: its id.
        revision: 1, and one more for each later state of the exchange.
        entry: the exchange, as the ledger has it.
        file: the name of the file.
        facts: what the exchange does not have.
        reasons: the number of quarantined rows by error code.
        rejected_rows: the list of rejected rows, if there is one.
        made_at_us: when this revision was made.
    """
    errors = [{"code": code, "rows": rows} for code, rows in sorted(reasons.items())]
    if entry.outcome == "refused":
        errors.append({"code": facts.code, "rows": entry.rows["refused"]})
    data: dict[str, Any] = {
        "id": number,
        "revision": revision,
        "final": entry.outcome in FINAL,
        "status": status_of(entry),
        "partner": entry.partner,
        "feed": entry.feed,
        "file": file,
        "sha256": entry.sha256,
        "size_bytes": facts.size_bytes,
        "exchange": entry.exchange_id,
        "outcome": entry.outcome,
        "counts": {name: entry.rows[name] for name in ("in", *OUTCOMES)},
        "errors": errors,
        "contract": {
            "file": facts.contract, "version": facts.contract_version, "sha256": facts.contract_sha256,
            "settings": entry.settings_digest,
        },
        "received_at": iso(entry.opened_at_us),
        "ended_at": iso(entry.closed_at_us) if entry.closed_at_us else None,
    }  # fmt: skip
    if facts.delivered:
        data["delivered"] = [{"file": name, "sha256": sha256} for name, sha256 in facts.delivered]
    if entry.outcome == "refused":
        data["reason"] = entry.reason  # of the file's content; other reasons speak of the delivery
    if facts.repeats:
        data["repeats"] = facts.repeats
    if rejected_rows is not None:
        data["rejected_rows"] = asdict(rejected_rows)
    text = {"type": TYPE, "timestamp": iso(made_at_us), "data": data}
    return json.dumps(text, ensure_ascii=False, indent=2) + "\n"


def iso(at_us: int) -> str:
    """Return a time as receipts write it: UTC, to the microsecond, with `Z`."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat().replace("+00:00", "Z")
