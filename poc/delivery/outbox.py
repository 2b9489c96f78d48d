"""The outbox of one exchange: requests are reserved in the ledger before they are sent, and leave it when confirmed.

Small bodies are stored in the ledger, so that reserving them costs only the commit that is made anyway. Large bodies go
to a file of the exchange beside the ledger: that takes a quarter of the time to write and a seventh to read, and keeps
the ledger small, as SQLite does not give deleted pages back to the file system.
"""

from __future__ import annotations

import os
from contextlib import closing, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from metrics.private_files import open_private
from poc.delivery.body_files import BodyReader, BodyWriter, report_write_errors
from poc.delivery.body_packing import pack, unpack
from poc.delivery.joint_request import join_parts
from poc.delivery.outbound_request import OutboundRequest
from poc.ledger.schema import EXCHANGE, PARCEL
from poc.transports.folder import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from poc.delivery.joint_request import JointRequest
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger


#: Size of the bodies that one exchange stores in the ledger, in bytes; larger ones go to its file.
INLINE_BYTES = 1 << 20

OF_EXCHANGE = PARCEL.c.exchange_id == sa.bindparam("key")
INSERT_REQUEST = sa.insert(PARCEL)
SELECT_PENDING = (
    sa.select(
        PARCEL.c.name,
        PARCEL.c.rows,
        PARCEL.c.state,
        PARCEL.c.file,
        PARCEL.c.start_byte,
        PARCEL.c.size_bytes,
        PARCEL.c.joint,
    )
    .where(OF_EXCHANGE, *(PARCEL.c.state != state for state in ("ambiguous", "failed", "accepted")))
    .order_by(sa.literal_column("rowid"))
)
SELECT_BODY = sa.select(PARCEL.c.body).where(OF_EXCHANGE, PARCEL.c.name == sa.bindparam("request"))
SELECT_STATES = (
    sa.select(PARCEL.c.name, PARCEL.c.rows, PARCEL.c.state, PARCEL.c.code, PARCEL.c.note)
    .where(OF_EXCHANGE)
    .order_by(sa.literal_column("rowid"))
)
SELECT_FILES = sa.select(PARCEL.c.file).where(OF_EXCHANGE, PARCEL.c.start_byte.is_not(None)).distinct()
DELETE_REQUEST = sa.delete(PARCEL).where(OF_EXCHANGE, PARCEL.c.name == sa.bindparam("request"))
UPDATE_STATE = sa.update(PARCEL).where(OF_EXCHANGE, PARCEL.c.name == sa.bindparam("request"))
#: With exactly the condition of the index, so that SQLite uses it.
OF_JOINT = sa.and_(PARCEL.c.joint == sa.bindparam("joint_id"), sa.literal_column("parcel.joint != ''"))
SELECT_JOINT = (
    sa.select(EXCHANGE.c.file, PARCEL.c.name, PARCEL.c.rows, PARCEL.c.body, PARCEL.c.size_bytes)
    .join(EXCHANGE, EXCHANGE.c.id == PARCEL.c.exchange_id)
    .where(OF_JOINT)
    .order_by(sa.literal_column("parcel.rowid"))
)
UPDATE_JOINT = sa.update(PARCEL).where(OF_JOINT, PARCEL.c.state != "discarded")
DELETE_DISCARDED = sa.delete(PARCEL).where(OF_JOINT, PARCEL.c.state == "discarded")
MARK_KEYED = sa.update(PARCEL).where(OF_EXCHANGE, PARCEL.c.state == "reserved")
RETRY_FAILED = sa.update(PARCEL).where(OF_EXCHANGE, PARCEL.c.state == "failed")


@dataclass(frozen=True, slots=True)
class RequestState:
    """A request that is not confirmed: its state, and, if it is `failed` or `ambiguous`, the error that says why."""

    name: str
    rows: int
    state: str
    code: str = ""
    note: str = ""


class Outbox:
    """The requests that one exchange still has to send. Every change waits for the ledger's next commit.

    The methods raise TryLater, LedgerDamaged.
    """

    def __init__(self, ledger: Ledger, entry: ExchangeRecord) -> None:
        self._ledger = ledger
        self._key = entry.exchange_id
        self._added: list[dict[str, Any]] = []
        self._added_bytes = 0
        self._in_memory: list[dict[str, Any]] = []  # of those added, with their bodies
        self._file: BodyWriter | None = None
        self._path: Path | None = None  # of this attempt's file
        self._reserved_bytes = 0
        self._has_files = False

    @property
    def _folder(self) -> Path:
        return self._ledger.folder / "outbox"

    def add(self, request: OutboundRequest) -> None:
        """Add a request; `reserve` writes it to the ledger."""
        size_bytes = len(request.body)
        row = {
            "exchange_id": self._key, "name": request.name, "rows": request.rows, "state": "reserved",
            "body": request.body, "file": "", "start_byte": None, "size_bytes": size_bytes, "joint": request.joint,
        }  # fmt: skip
        self._added.append(row)
        self._in_memory.append(row)
        self._added_bytes += size_bytes
        if self._added_bytes > INLINE_BYTES:
            self._move_bodies_to_file()

    def reserve(self, state: str = "reserved", first: str = "") -> list[OutboundRequest]:
        """Write the added requests to the ledger in a state, the first one in state `first` if given.

        Returns them, without the bodies that went to the file.
        """
        if self._file is not None and self._path is not None:
            with report_write_errors(self._path):
                self._reserved_bytes = self._file.store()
            self._file = None
        requests = [OutboundRequest(row["name"], row["rows"], row["body"] or b"", row["joint"]) for row in self._added]
        if self._added:
            for row in self._added:
                row["state"] = state
                row["body"] = None if row["body"] is None else pack(row["body"])
            self._added[0]["state"] = first or state
            self._ledger.change(INSERT_REQUEST, *self._added)
        self._added, self._in_memory, self._added_bytes = [], [], 0
        return requests

    def pending(self) -> Iterator[OutboundRequest]:
        """Yield the requests to send in the order of their rows, one body in memory at a time."""
        with closing(BodyReader(self._folder)) as files:
            for name, rows, _, file, start_byte, size_bytes, joint in self._select_pending():
                if start_byte is None:
                    body = self._body_in_ledger(name, size_bytes)
                else:
                    self._has_files = True
                    body = files.read(file or self._key, start_byte, size_bytes)
                yield OutboundRequest(name, rows, body, joint)

    def _select_pending(self) -> list[Any]:
        rows = self._ledger.execute(SELECT_PENDING, {"key": self._key})
        if any("." in name for name, *_ in rows):  # halves were added after the requests that follow them
            rows.sort(key=lambda row: position(row[0]))
        return rows

    def _body_in_ledger(self, name: str, size_bytes: int) -> bytes:
        ((body,),) = self._ledger.execute(SELECT_BODY, {"key": self._key, "request": name})
        return unpack(bytes(body), size_bytes)

    def states(self) -> list[RequestState]:
        """Return the state of every request that is not confirmed."""
        return [RequestState(*row) for row in self._ledger.execute(SELECT_STATES, {"key": self._key})]

    def confirm(self, names: list[str]) -> None:
        """Delete requests that the partner has confirmed."""
        if names:
            self._ledger.change(DELETE_REQUEST, *({"key": self._key, "request": name} for name in names))

    def set_state(self, name: str, state: str, note: str = "", code: str = "") -> None:
        """Set the state of a request, and the error that led to it.

        The states: `reserved`; `keyed` (reserved for a partner that honours keys); `sending` (about to be sent);
        `ambiguous` (its answer was lost); `failed` (refused for good, not to be sent again).
        """
        values = {"state": state, "note": note, "code": code}
        self._ledger.execute(UPDATE_STATE, {**values, "key": self._key, "request": name})

    def mark_keyed(self) -> None:
        """Mark what is reserved as `keyed`: a person made it due, and it is sent with its key now."""
        self._ledger.execute(MARK_KEYED, {"state": "keyed", "key": self._key})

    def retry_failed(self, state: str) -> None:
        """Give the requests that were refused for good another state, so that they are sent again."""
        self._ledger.execute(RETRY_FAILED, {"state": state, "note": "", "code": "", "joint": "", "key": self._key})

    def joint_request(self, joint_id: str) -> JointRequest:
        """Return a joint request, of which this exchange has a part."""
        parts = self._ledger.execute(SELECT_JOINT, {"joint_id": joint_id})
        return join_parts(
            joint_id,
            [(file, OutboundRequest(name, rows, unpack(body, size))) for file, name, rows, body, size in parts],
        )

    def accept_joint(self, joint_id: str) -> None:
        """Mark all parts of a joint request as accepted by the partner; each exchange confirms its own part."""
        self._ledger.execute(UPDATE_JOINT, {"state": "accepted", "joint": joint_id, "joint_id": joint_id})
        self._ledger.execute(DELETE_DISCARDED, {"joint_id": joint_id})

    def separate_joint(self, joint_id: str) -> None:
        """Make the parts of a joint request that the partner refused requests of their own."""
        self._ledger.execute(DELETE_DISCARDED, {"joint_id": joint_id})
        self._ledger.execute(UPDATE_JOINT, {"state": "keyed", "joint": "", "joint_id": joint_id})

    def split(self, request: OutboundRequest, halves: Iterable[OutboundRequest], state: str) -> None:
        """Replace a request by its halves, in a state."""
        self.confirm([request.name])
        self._ledger.execute(
            INSERT_REQUEST,
            *(
                {
                    "exchange_id": self._key, "name": half.name, "rows": half.rows, "state": state, "body": half.body,
                    "file": "", "start_byte": None, "size_bytes": len(half.body), "joint": "",
                }
                for half in halves
            ),
        )  # fmt: skip

    def wait_for_disk(self, wait: bool) -> None:
        """Set whether commits are on disk when they return; call it between transactions."""
        self._ledger.wait_for_disk(wait)

    def commit_states(self) -> None:
        """Commit changes of states alone, so that the ledger is not locked while a file is read."""
        self._ledger.commit()

    def discard_unreserved(self) -> None:
        """Discard requests that were added and not reserved; bodies reserved earlier stay in the file."""
        if self._file is not None and self._path is not None:
            with suppress(OSError):  # a full disk: closing tries to write the discarded bytes once more
                self._file.close()
            self._file = None
            with suppress(OSError):  # bytes that cannot be cut off now are removed with the file, when it is empty
                os.truncate(self._path, self._reserved_bytes)
                if not self._reserved_bytes:
                    self._path.unlink()
        self._added, self._in_memory, self._added_bytes = [], [], 0

    def remove_unused_files(self) -> None:
        """Remove the exchange's files of bodies that no request needs."""
        needed = {file or self._key for (file,) in self._ledger.execute(SELECT_FILES, {"key": self._key})}
        for path in (self._folder / self._key, *self._folder.glob(f"{self._key}.*")):
            if path.name not in needed and path != self._path:
                with suppress(OSError):  # a file that cannot be removed now is removed by a later run
                    path.unlink()

    def end(self) -> None:
        """Remove the files of bodies when no request of the exchange is left."""
        if self._has_files and not self.states():
            self._path = None
            self.remove_unused_files()

    def _move_bodies_to_file(self) -> None:
        if self._file is None:
            self._file = self._open_file()
        with report_write_errors(self._folder):
            for row in self._in_memory:
                assert self._path is not None  # noqa: S101 (that of the file)
                row["file"], row["start_byte"] = self._path.name, self._file.write(row["body"])
                row["body"] = None
            self._in_memory = []

    def _open_file(self) -> BodyWriter:
        """Open the file of this attempt. Another attempt has another file, so that two processes never share one."""
        with report_write_errors(self._folder):
            if self._path is not None:
                return BodyWriter(open(self._path, "ab", opener=open_private))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.remove_unused_files()
            # a name that is used once: an attempt that was replaced, and goes on, deletes its own file only
            path = self._folder / f"{self._key}.{token_hex(8)}"
            file = BodyWriter(open(path, "xb", opener=open_private))  # noqa: SIM115 (closed by `reserve`)
            self._path, self._has_files = path, True
            sync_folder(self._folder)
            return file


def position(name: str) -> tuple[bool, list[int]]:
    """Return where a request is among those of its exchange: slots and their halves in order, then replayed rows."""
    replayed = name.startswith("again-")
    return replayed, [int(number) for number in name.removeprefix("again-").split(".")]


def remove_unused_files(ledger: Ledger, feed: tuple[str, str]) -> None:
    """Remove files of bodies that no request of a feed needs: a run that was killed left them behind.

    Call it under the lease of the feed, before an exchange. Raises TryLater, LedgerDamaged.
    """
    folder = ledger.folder / "outbox"
    for key in {path.name.partition(".")[0] for path in folder.iterdir()} if folder.is_dir() else ():
        entry = ledger.get(key)
        if entry is not None and (entry.partner, entry.feed) == feed:
            Outbox(ledger, entry).remove_unused_files()
