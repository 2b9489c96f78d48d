"""The outbox of one exchange: requests that are reserved in the ledger before they are sent, until they are confirmed.

Small bodies stand in the ledger itself, so that reserving them costs no more than the commit that is made anyway. An
exchange whose bodies are large gets a file of its own beside the ledger: writing them there takes a tenth of the time.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import sqlalchemy as sa

from poc.errors import BadInput, TryLater
from poc.ledger.schema import PARCEL
from poc.transports.folder import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from poc.ledger.ledger import ExchangeRecord, Ledger


#: What is to be done about a file of bodies that is not as it was left.
RESTORE_HINT = "it holds requests to be sent: restore it, or give the exchange up with `milepost outbox discard`"


#: Bytes of bodies that an exchange keeps in the ledger; with more they go to its file.
INLINE_BYTES = 1 << 20


OF_EXCHANGE = PARCEL.c.exchange_id == sa.bindparam("key")


INSERT_REQUEST = sa.insert(PARCEL)


SELECT_PENDING = (
    sa.select(PARCEL.c.name, PARCEL.c.rows, PARCEL.c.state, PARCEL.c.start_byte, PARCEL.c.size_bytes)
    .where(OF_EXCHANGE, PARCEL.c.state != "ambiguous")
    .order_by(sa.literal_column("rowid"))
)


SELECT_BODY = sa.select(PARCEL.c.body).where(OF_EXCHANGE, PARCEL.c.name == sa.bindparam("parcel"))


SELECT_STATES = sa.select(PARCEL.c.name, PARCEL.c.state, PARCEL.c.note).where(OF_EXCHANGE)


DELETE_REQUEST = sa.delete(PARCEL).where(OF_EXCHANGE, PARCEL.c.name == sa.bindparam("parcel"))


UPDATE_STATE = sa.update(PARCEL).where(OF_EXCHANGE, PARCEL.c.name == sa.bindparam("parcel"))


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """One request to be: its name within the exchange, the rows it holds, and its body."""

    name: str
    rows: int
    body: bytes


class Outbox:
    """What one exchange still has to send. Every change waits for the ledger's next commit.

    The methods raise TryLater, LedgerDamaged.
    """

    def __init__(self, ledger: Ledger, entry: ExchangeRecord) -> None:
        self._ledger = ledger
        self._key = entry.exchange_id
        self._held: list[dict[str, Any]] = []
        self._held_bytes = 0
        self._file: BinaryIO | None = None
        self._reserved_bytes = 0
        self.path = ledger.path.parent / "outbox" / entry.exchange_id

    def add(self, request: OutboundRequest) -> None:
        """Take a request in; `reserve` enters it in the ledger."""
        size_bytes = len(request.body)
        self._held.append(
            {
                "exchange_id": self._key, "name": request.name, "rows": request.rows, "state": "reserved",
                "body": request.body, "start_byte": None, "size_bytes": size_bytes,
            }
        )  # fmt: skip
        self._held_bytes += size_bytes
        if self._held_bytes > INLINE_BYTES:
            self._spill()

    def reserve(self, state: str = "reserved", first: str = "") -> list[OutboundRequest]:
        """Enter what was taken in since the last time in a state, the first request maybe in another.

        Gives the requests back, without those bodies that went to the file.
        """
        if self._file is not None:
            with report_write_errors(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
            self._file = None
        if self._held:
            for row in self._held:
                row["state"] = state
            self._held[0]["state"] = first or state
            self._ledger.execute(INSERT_REQUEST, *self._held)
        requests = [OutboundRequest(row["name"], row["rows"], row["body"] or b"") for row in self._held]
        self._held, self._held_bytes = [], 0
        return requests

    def pending(self) -> Iterator[OutboundRequest]:
        """Parcels to be sent, in the order they were reserved, one body in memory at a time."""
        for name, rows, _, start_byte, size_bytes in self._list():
            body = self._inline(name) if start_byte is None else self._read(start_byte, size_bytes)
            yield OutboundRequest(name, rows, body)

    def possibly_sent(self, *, keyed: bool) -> list[OutboundRequest]:
        """Parcels, without their bodies, that may have been sent when a run died.

        `keyed`: also those reserved while the partner honoured keys, of which nobody noted when they were sent.
        """
        states = {"sending", "keyed"} if keyed else {"sending"}
        return [OutboundRequest(name, rows, b"") for name, rows, state, *_ in self._list() if state in states]

    def _list(self) -> list[Any]:
        return self._ledger.execute(SELECT_PENDING, {"key": self._key})

    def _inline(self, name: str) -> bytes:
        ((body,),) = self._ledger.execute(SELECT_BODY, {"key": self._key, "parcel": name})
        return bytes(body)

    def states(self) -> dict[str, tuple[str, str]]:
        """State and note of every request that is not confirmed, by its name."""
        return {name: (state, note) for name, state, note in self._ledger.execute(SELECT_STATES, {"key": self._key})}

    def confirm(self, names: list[str]) -> None:
        """These requests have arrived."""
        if names:
            self._ledger.execute(DELETE_REQUEST, *({"key": self._key, "parcel": name} for name in names))

    def set_state(self, name: str, state: str, note: str = "") -> None:
        """Say of a request that it is about to be sent (`sending`), or that nobody knows (`ambiguous`)."""
        self._ledger.execute(UPDATE_STATE, {"state": state, "note": note, "key": self._key, "parcel": name})

    def discard_unreserved(self) -> None:
        """Let go of what was taken in and not reserved; what was reserved before stays in the file."""
        if self._file is not None:
            with suppress(OSError):  # a full disk: closing tries once more to write what is given up here
                self._file.close()
            self._file = None
            with suppress(OSError):  # what cannot be cut off now goes with the file, once nothing of it is waiting
                os.truncate(self.path, self._reserved_bytes)
                if not self._reserved_bytes:
                    self.path.unlink()
        self._held, self._held_bytes = [], 0

    def remove_empty_file(self) -> None:
        """Remove the file of bodies once nothing of it is waiting."""
        if self.path.exists() and not self.states():
            self.path.unlink()

    def _spill(self) -> None:
        with report_write_errors(self.path):
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("ab")
                sync_folder(self.path.parent)
                self._reserved_bytes = self._file.tell()
            for row in self._held:
                if row["body"] is not None:
                    row["start_byte"] = self._file.tell()
                    self._file.write(row["body"])
                    row["body"] = None

    def _read(self, start_byte: int, size_bytes: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(start_byte)
                body = file.read(size_bytes)
        except OSError as error:
            raise BadInput(f"{self.path}: cannot be read: {error.strerror}; {RESTORE_HINT}") from error
        if len(body) != size_bytes:
            raise BadInput(f"{self.path}: is cut short; {RESTORE_HINT}")
        return body


@contextmanager
def report_write_errors(path: Path) -> Iterator[None]:
    """Name a file in what goes wrong with writing it. Raises TryLater."""
    try:
        yield
    except OSError as error:
        raise TryLater(f"{path}: cannot be written: {error.strerror}; make room and try again") from error
