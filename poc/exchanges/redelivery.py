"""Redelivery: deliver an archived file again, as a person asked for, with keys that the partner has not seen.

The new exchange has an id made of that of the exchange before it, so that its requests have other idempotency keys and
its file in a partner's folder another name. Which exchange follows which is a decision in the ledger
(`poc.ledger.lookup.find_exchange` follows it), and the file goes back from the archive into the inbox: from then on it
is exchanged like any other file, by whichever run takes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.exchanges.decisions import record_decision, user_name
from poc.ledger.lookup import SETTLED, next_exchange_id
from poc.quarantine.archived_file import find_archived_file
from poc.quarantine.store import QuarantineStore
from poc.transports.hand_in import check_name, move_into_inbox

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger

#: What a person does about an exchange that is not settled, by its outcome.
SETTLE_FIRST = {
    "open": "it was interrupted; `milepost run` resumes it",
    "due": "its rows are sent by themselves, or by `milepost outbox resend {exchange}`",
    "failed": "`milepost outbox resend {exchange}` sends what failed; `milepost outbox discard {exchange}` gives it up",
    "ambiguous": "ask the partner, then `milepost outbox arrived {exchange}` or `milepost outbox resend {exchange}`",
    "refused": "correct the file or its contract, and hand the file in again",
}


@dataclass(frozen=True, slots=True)
class Redelivery:
    """A redelivery that is recorded: the id of the new exchange, and its file in the inbox.

    `discarded_rows` left the quarantine of the earlier exchange, as the new one checks them again; `corrected_rows`
    were corrected there before, and are in the archived file as they came.
    """

    exchange_id: str
    path: Path
    discarded_rows: int
    corrected_rows: int


def record_redelivery(
    workspace: Workspace, ledger: Ledger, entry: ExchangeRecord, why: str, now_us: int, who: str = ""
) -> Redelivery:
    """Move the file of an exchange back into the inbox, record that it is to be delivered again, and commit.

    `who` decides it; without it, the user of this machine. Call it under the lease of the feed. If it is interrupted
    before the commit, the next run archives the file again and sends nothing; after it, the next run delivers the file.

    Raises:
        BadInput: the exchange is not settled or was delivered again before, its file is not in the archive any more, or
            the reason is blank.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome not in SETTLED:
        hint = SETTLE_FIRST[entry.outcome].format(exchange=entry.exchange_id[:8])
        raise BadInput(f"exchange {entry.exchange_id} of {entry.file} is {entry.outcome}, not settled: {hint}")
    if later := next_exchange_id(ledger, entry.exchange_id):
        if ledger.get(later) is None:
            raise BadInput(f"{entry.file} is to be delivered again already, as {later[:12]}; `milepost run` does it")
        raise BadInput(f"{entry.file} was delivered again as {later[:12]}; name that exchange to deliver it once more")
    if not why.strip():
        raise BadInput("--why is blank; write the reason of the decision")
    check_name(workspace, entry.partner, entry.feed, entry.file)
    archived = find_archived_file(workspace, entry)
    exchange_id = sha256(f"{entry.exchange_id}/redelivery".encode()).hexdigest()[:24]
    path = move_into_inbox(workspace, entry.partner, entry.feed, archived, entry.file, entry.sha256)
    quarantine = QuarantineStore(ledger, entry)
    states = {row.row: row.state for row in quarantine.rows()}
    held = [row for row, state in states.items() if state == "held"]
    quarantine.discard(held, f"delivered again as {exchange_id[:12]}: {why.strip()}")
    record_decision(ledger, entry, "redeliver", why, now_us, who or user_name(), next_exchange_id=exchange_id)
    ledger.commit()
    return Redelivery(exchange_id, path, len(held), sum(state == "replayed" for state in states.values()))
