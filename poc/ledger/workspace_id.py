"""The id of a workspace, which is part of its exchange ids and keys, and the place where the workspace is.

Two workspaces have different ids, so that a partner never takes a delivery of one for a repeat of the other's. The id
stays when a workspace is moved or restored. A copy has the id of its original; so its ledger, which is in another
place than the one it recorded, is not opened until a person has decided which of the two it is.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from metrics.private_files import open_private
from poc.errors import BadInput, LedgerDamaged
from poc.ledger.schema import EXCHANGE, FEED, WORKSPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is done about a ledger in another place than the one it recorded: refuse it, or what a person decided.
#: `restored`: a part of a restore, which records the place when it is complete.
PlaceDecision: TypeAlias = Literal["check", "moved", "new-id", "restored"]

#: The id of a workspace whose exchange ids and keys are the same in every run: that of a replay.
FIXED_ID = ""

#: File beside the ledger that says that there was one, also after the ledger itself is lost.
MARKER = "has-ledger.txt"

MARKER_TEXT = """\
This workspace has a ledger, ledger.db: it knows which files were delivered. If it is missing, restore it;
`milepost init --new-ledger FOLDER` makes an empty one.
"""

#: Line of the marker with the id of the workspace, which a new ledger in the place of a lost one gets.
MARKED_ID = re.compile(r"^Id of the workspace: ([0-9a-f]{32})$", re.MULTILINE)


class Place(NamedTuple):
    """Where a ledger's file is. The path may differ between containers, and the device after a restart."""

    host: str
    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class WorkspaceIds:
    """The id of a workspace, and those that exchanges were recorded under before."""

    current: str
    earlier: tuple[str, ...] = ()

    def exchange_ids(self, partner: str, feed: str, digest: str) -> Iterator[str]:
        """Yield the id of the exchange of a file, and then those that an earlier one of the same bytes may have."""
        for workspace in (self.current, *self.earlier):
            text = f"{workspace}/{partner}/{feed}/{digest}" if workspace else f"{partner}/{feed}/{digest}"
            yield sha256(text.encode()).hexdigest()[:24]


def identify_workspace(
    connection: sa.Connection, path: Path, fixed_id: str | None = None, decision: PlaceDecision = "check"
) -> WorkspaceIds:
    """Return the ids of a ledger's workspace; make its id if it has none, record its place, and commit.

    Args:
        connection: to the ledger, outside a transaction.
        path: of the ledger.
        fixed_id: the id to give to a ledger that has none; without it, the one in the marker, or a new one.
        decision: what a person decided about a ledger that is in another place than the one it recorded.

    Raises:
        LedgerDamaged: the ledger is in another place, and nothing was decided.
        BadInput: it was not moved: the original is still there.
    """
    here = place_of(path)
    ids, recorded = _load(connection)
    connection.rollback()
    if ids is not None and decision == "restored":
        return ids
    if ids is not None and recorded is not None and decision == "check":
        if (recorded.path, recorded.inode) == (here.path, here.inode):
            return ids
        if not is_same_place(recorded, here):
            check_not_copied(recorded, here)
        check_not_replaced(recorded, here, ids.current)
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    ids, recorded = _load(connection)  # another process may have made it
    if ids is None:
        current = fixed_id if fixed_id is not None else marked_id(path) or token_hex(16)
        if current and _was_used(connection):
            connection.execute(sa.insert(WORKSPACE).values(id=FIXED_ID, is_current=0))  # of releases without ids
        connection.execute(sa.insert(WORKSPACE).values(id=current, is_current=1))
    elif decision == "moved" and recorded is not None and is_there(recorded) and not is_same_place(recorded, here):
        connection.rollback()
        raise BadInput(f"{root_of(recorded.path)}: is still there, so that {root_of(here.path)} is a copy of it")
    elif decision == "new-id":
        connection.execute(sa.update(WORKSPACE).values(is_current=0))
        connection.execute(sa.insert(WORKSPACE).values(id=token_hex(16), is_current=1))
    connection.execute(sa.update(WORKSPACE).where(WORKSPACE.c.is_current == 1).values(here._asdict()))
    connection.commit()
    return load_ids(connection)


def _was_used(connection: sa.Connection) -> bool:
    """Return whether any exchange was recorded, or a process of an older release may be about to record the first."""
    return any(connection.execute(sa.select(table.c.partner).limit(1)).first() for table in (EXCHANGE, FEED))


def check_place(connection: sa.Connection, path: Path) -> None:
    """Check that a ledger is where it was recorded, without changing anything. Raises LedgerDamaged."""
    _, recorded = _load(connection)
    if recorded is not None and not is_same_place(recorded, here := place_of(path)):
        check_not_copied(recorded, here)


def load_ids(connection: sa.Connection) -> WorkspaceIds:
    """Return the ids in a ledger that was opened before."""
    return _load(connection)[0] or WorkspaceIds(FIXED_ID)


def find_ids(connection: sa.Connection) -> WorkspaceIds | None:
    """Return the ids in a ledger; None for one that has not been opened yet."""
    return _load(connection)[0]


def _load(connection: sa.Connection) -> tuple[WorkspaceIds | None, Place | None]:
    """Return the ids in a ledger and the place it recorded; None for what is not there yet."""
    rows = connection.execute(sa.select(WORKSPACE)).all()
    current = next((row for row in rows if row.is_current), None)
    if current is None:
        return None, None
    ids = WorkspaceIds(current.id, tuple(row.id for row in rows if not row.is_current))
    return ids, Place(current.host, current.path, current.device, current.inode) if current.path else None


def place_of(path: Path) -> Place:
    """Return the place of a ledger's file."""
    status = path.stat()
    return Place(socket.gethostname(), str(path.resolve()), status.st_dev, status.st_ino)


def is_same_place(recorded: Place, here: Place) -> bool:
    """Return whether a ledger is where it was recorded: the same file, or another one at its path on its host.

    A renamed folder, another mount point and another host name are the same file. A file at its path was restored
    there, and has replaced the original.
    """
    if recorded.path == here.path:
        return recorded.inode == here.inode or recorded.host == here.host
    return (recorded.device, recorded.inode) == (here.device, here.inode)


def check_not_copied(recorded: Place, here: Place) -> None:
    """Refuse a ledger in another place than the one it recorded. Raises LedgerDamaged with what a person can decide."""
    root = root_of(here.path)
    if is_there(recorded):
        raise LedgerDamaged(
            f"{root}: is a copy of the workspace {root_of(recorded.path)}, and has its id; a partner would take the "
            "deliveries of one for repeats of the other's. Nothing was done. Make the copy a workspace of its own with "
            f"`milepost init --new-id {root}`"
        )
    raise LedgerDamaged(
        f"{root}: this workspace was {root_of(recorded.path)} on {recorded.host} before. Nothing was done. If that one "
        f"is gone, go on here with `milepost init --moved {root}`; if it is still used, make this copy a workspace of "
        f"its own with `milepost init --new-id {root}`"
    )


def check_not_replaced(recorded: Place, here: Place, current: str) -> None:
    """Refuse a renamed workspace with a copy of it in its old place. Raises LedgerDamaged."""
    if recorded.path != here.path and not is_there(recorded) and current == marked_id(Path(recorded.path)) != "":
        old = root_of(recorded.path)
        raise LedgerDamaged(
            f"{root_of(here.path)}: was {old} before, where a copy of it is now, with its id; a partner would take the "
            "deliveries of one for repeats of the other's. Nothing was done. Remove one of them, or make the copy a "
            f"workspace of its own with `milepost init --new-id {old}`"
        )


def is_there(recorded: Place) -> bool:
    """Return whether the file of a recorded place is still there, as far as this host can see it."""
    try:
        status = os.stat(recorded.path)  # noqa: PTH116 (of a text)
    except OSError:
        return False
    return recorded.host == socket.gethostname() and status.st_ino == recorded.inode


def root_of(path: str) -> Path:
    """Return the folder of the workspace of a ledger."""
    return Path(path).parent.parent


def write_marker(path: Path, workspace_id: str = "") -> None:
    """Write the file that says that there is a ledger, with the id of its workspace, unless it is there.

    Raises LedgerDamaged.
    """
    marker = path.with_name(MARKER)
    text = MARKER_TEXT + (f"Id of the workspace: {workspace_id}\n" if workspace_id else "")
    try:
        if not marker.exists() or (workspace_id and marked_id(path) != workspace_id):
            with open(marker, "w", encoding="utf-8", opener=open_private) as file:
                file.write(text)
    except OSError as error:
        raise LedgerDamaged(f"{marker}: cannot be written: {error.strerror}") from error


def marked_id(path: Path) -> str:
    """Return the id of the workspace from the marker beside its ledger; empty where it has none."""
    try:
        match = MARKED_ID.search(path.with_name(MARKER).read_text("utf-8", errors="replace"))
    except OSError:
        return ""
    return match[1] if match else ""
