"""Restore a workspace from a backup, and hold back what may have been sent since the backup was made.

A partner that honours keys recognises what it gets again, as the workspace keeps its id and so its keys. For all others
nobody but the partner knows what was sent after the backup: requests of the outbox become ambiguous, and files that
wait in the inbox are put into `var/held`, until a person has asked.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from os import sync
from time import time_ns
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.config.workspace import load_workspace
from poc.errors import BadInput
from poc.ledger.opening import open_ledger
from poc.ledger.schema import EXCHANGE, FEED, PARCEL
from poc.maintenance.backup import FILES, LEDGER, reporting_copy_errors
from poc.maintenance.held_files import HELD
from poc.maintenance.manifest import digest_of, read_manifest
from poc.pipeline.capabilities import has_capability, resolve_level
from poc.transports.folder import sync_folder
from poc.transports.inbox import all_inbox_files

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.maintenance.manifest import Manifest

#: File in a folder that is not completely restored yet.
UNDER_WAY = "restore-under-way.txt"


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored workspace, and what was held back in it.

    Attributes:
        manifest: of the backup.
        repeats: requests in the outbox that are sent again, with keys that the partner recognises.
        waiting_files: files in the inbox that are exchanged by the next run, with such keys.
        ambiguous: requests that may have been sent since, and are not sent again without a person's word.
        held_files: files that may have been exchanged since, now below `var/held`.
        copy_of: why nothing is exchanged yet: the original is still there. Empty otherwise.
    """

    manifest: Manifest
    repeats: int = 0
    waiting_files: int = 0
    ambiguous: int = 0
    held_files: tuple[Path, ...] = ()
    copy_of: str = ""


def restore(backup: Path, root: Path, *, nothing_sent: bool = False) -> Restored:
    """Restore a backup into a new or empty folder, which gets its name when all of it is on the disk.

    Args:
        backup: the folder of the backup.
        root: the workspace to make.
        nothing_sent: nothing was exchanged after the backup, so that nothing need be held back.

    Raises:
        BadInput: the backup is incomplete or was changed, or the folder is not empty.
        TryLater: there is no room.
        LedgerDamaged: the ledger cannot be used by this release.
    """
    manifest = read_manifest(backup)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BadInput(f"{root}: is not empty; restore into a new or empty folder")
    part = root.with_name(f"{root.name}.part")
    if (part / UNDER_WAY).exists():
        shutil.rmtree(part)  # of a restore that was killed
    if part.exists():  # also of one that was killed just before it was complete
        raise BadInput(f"{part}: exists already; remove it, and restore again")
    with reporting_copy_errors(root):
        part.mkdir(parents=True)
        (part / "var").mkdir(mode=0o700)
        (part / UNDER_WAY).write_text("This folder is not completely restored.\n", "utf-8")
        copy_files(backup, manifest, part)
        workspace = load_workspace(part)
        held = () if nothing_sent else hold_files(workspace)
        counts = (0, 0)
        if (part / LEDGER).exists():
            with closing(open_ledger(part / LEDGER, decision="restored")) as ledger:
                counts = release_and_hold(ledger, workspace, manifest, nothing_sent=nothing_sent)
        for partner, feed in workspace.select_feeds(None):
            workspace.inbox(partner, feed).mkdir(parents=True, exist_ok=True)
        (part / UNDER_WAY).unlink()
        sync()
        if root.exists():
            root.rmdir()
        part.rename(root)
        sync_folder(root.parent)
    return Restored(
        manifest,
        repeats=counts[0],
        waiting_files=len(all_inbox_files(load_workspace(root), None)),
        ambiguous=counts[1],
        held_files=tuple(root / path.relative_to(part) for path in held),
        copy_of=settle_place(root),
    )


def copy_files(backup: Path, manifest: Manifest, root: Path) -> None:
    """Copy the files of a backup, each compared with the manifest. Raises OSError, BadInput."""
    for name, file in manifest.files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(backup / FILES / name, target)
        except FileNotFoundError as error:
            raise BadInput(f"{backup / FILES / name}: is missing; nothing was restored") from error
        if digest_of(target) != file:
            raise BadInput(f"{backup / FILES / name}: is not as it was when the backup was made; nothing was restored")


def recognises_repeats(workspace: Workspace, partner: str) -> bool:
    """Return whether a partner takes no file twice: it honours keys, and the keys of a file are the same each time.

    The key of a request with the rows of several files depends on the files that wait together.
    """
    config = workspace.partners.get(partner)
    if config is None or not has_capability("once", resolve_level(workspace.settings.level)):
        return False
    endpoint = config.endpoint
    return endpoint.url is not None and not endpoint.is_place and endpoint.honours_keys and not endpoint.span_files


def hold_files(workspace: Workspace) -> tuple[Path, ...]:
    """Move files that may have been exchanged since the backup out of the inbox; return their paths. Raises OSError."""
    inbox, held = workspace.root / "var" / "inbox", workspace.root / "var" / HELD
    moved = []
    for path in sorted(path for path in inbox.rglob("*") if path.is_file()):
        name = path.relative_to(inbox)
        if not recognises_repeats(workspace, name.parts[0]):
            target = held / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.rename(target)
            moved.append(target)
    return tuple(moved)


def release_and_hold(
    ledger: Ledger, workspace: Workspace, manifest: Manifest, *, nothing_sent: bool
) -> tuple[int, int]:
    """Release all leases, hold requests that may have been sent since, and commit.

    Returns the number of requests that are sent again by key, and of those that are held. Raises TryLater,
    LedgerDamaged.
    """
    c, p = EXCHANGE.c, PARCEL.c
    partners = [partner for partner, config in workspace.partners.items() if config.endpoint.honours_keys]
    by_key = p.exchange_id.in_(sa.select(c.id).where(c.partner.in_(partners)))
    to_send = p.state.in_(("reserved", "keyed", "sending"))
    with ledger.reporting_errors():
        ledger.connection.execute(sa.update(FEED).values(owner="", until_us=0))
        repeats = ledger.connection.execute(sa.select(sa.func.count()).where(by_key, to_send)).scalar_one()
        ambiguous = 0
        if not nothing_sent:
            note = f"restored from the backup of {manifest.made_at}: it may have been sent since"
            hold = sa.update(PARCEL).where(~by_key, to_send).values(state="ambiguous", note=note, code="restored")
            ambiguous = ledger.connection.execute(hold).rowcount
        ledger.connection.commit()
    if not nothing_sent:
        hold_places(ledger, workspace, manifest)
    return repeats, ambiguous


def hold_places(ledger: Ledger, workspace: Workspace, manifest: Manifest) -> None:
    """Hold the places of partners that do not recognise repeats: what lies there may have been exchanged since."""
    feeds = [key for key in workspace.select_feeds(None) if workspace.get_feed(*key)[1].pickup]
    feeds = [key for key in feeds if not recognises_repeats(workspace, key[0])]
    if not feeds:
        return
    from poc.pickup.decisions import hold_place

    for partner, feed in feeds:
        why = (
            f"nothing is fetched since the restore of the backup of {manifest.made_at}: files that lie at the place "
            f"may have been exchanged after it. Ask the partner; then `milepost pickup skip {partner}/{feed}`, or "
            f"`milepost pickup release {partner}/{feed}` to fetch what the ledger does not know"
        )
        hold_place(ledger, workspace, partner, feed, why, time_ns() // 1000)
    ledger.commit()


def settle_place(root: Path) -> str:
    """Let the ledger go on in its new place; return why it does not where the original is still there."""
    if (root / LEDGER).exists():
        try:
            open_ledger(root / LEDGER, decision="moved").close()
        except BadInput as error:
            return str(error)
    return ""
