"""Place a file that came by HTTP in the inbox: its part gets its name once the ledger has it."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.private_files import create_private
from poc.errors import BadInput
from poc.intake.file_name import free_name
from poc.intake.intake_store import mark_placed, rename_request, unplaced_files
from poc.receipts.receipt_text import receipt_id
from poc.transports.folder import same_content, sync_folder
from poc.transports.inbox import announcement_path

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.partner import Feed
    from poc.config.workspace import Workspace
    from poc.intake.intake_store import TakenFile
    from poc.ledger.ledger import Ledger

#: How the name of a part begins and ends: a hidden one, which no run takes.
PART_PREFIX, PART_SUFFIX = ".intake-", ".part"

#: Seconds after which a file that has no name yet, and a part that the ledger does not know, are left by a crash.
LEFT_S, STRAY_S = 60, 86_400

#: The most names that are tried for a file.
MAX_NAMES = 5


def names_in(folder: Path) -> set[str]:
    """Return the names of all entries of a folder."""
    return {path.name for path in folder.iterdir()}


def place(ledger: Ledger, inbox: Path, feed: Feed, taken: TakenFile, part: Path) -> TakenFile:
    """Give a file that the ledger has its name in the inbox, announce it where its feed asks for that, and commit."""
    own = inbox / taken.part
    source = own if os.path.lexists(own) else part
    for _ in range(MAX_NAMES):
        target = inbox / taken.file
        try:
            _link(source, target)
            break
        except FileExistsError:
            if same_content(source, target):
                break
            ledger.begin()
            name = free_name(taken.file, taken.sha256, names_in(inbox))
            taken = replace(taken, file=name, receipt_id=receipt_id(taken.partner, taken.feed, name, taken.sha256))
            rename_request(ledger, taken)
            ledger.commit()
    else:
        raise FileExistsError(errno.EEXIST, "all its names are taken", str(target))
    if feed.done_file:
        with suppress(FileExistsError):
            create_private(announcement_path(target, feed))
    own.unlink(missing_ok=True)
    sync_folder(inbox)
    mark_placed(ledger, taken)
    return replace(taken, is_placed=1)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name that no other one has; a file system without links gets it by renaming."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        source.rename(target)


def place_unplaced(workspace: Workspace, ledger: Ledger, now_us: int) -> None:
    """Place the files that the ledger has and that got no name, for the process that received them has ended."""
    for taken in unplaced_files(ledger, now_us - LEFT_S * 1_000_000):
        try:
            _, feed = workspace.get_feed(taken.partner, taken.feed)
        except BadInput:
            continue
        inbox = workspace.inbox(taken.partner, taken.feed)
        if os.path.lexists(inbox / taken.part):
            place(ledger, inbox, feed, taken, inbox / taken.part)
        else:  # it got its name, and the process ended before it was recorded
            mark_placed(ledger, taken)


def remove_stray_parts(workspace: Workspace, now_s: float | None = None) -> None:
    """Delete parts of requests that never ended, once they are a day old."""
    now_s = time.time() if now_s is None else now_s
    for partner, feed in workspace.select_feeds(None):
        if workspace.partners[partner].intake is not None:
            for part in workspace.inbox(partner, feed).glob(f"{PART_PREFIX}*{PART_SUFFIX}"):
                with suppress(OSError):
                    if part.stat().st_mtime < now_s - STRAY_S:
                        part.unlink()
