"""`milepost backup` and `milepost restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.cli.console import CliContext
    from poc.maintenance.restore import Restored


@click.command()
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--no-archive", is_flag=True, help="Leave the archived files out; they are needed to repair quarantine.")
@click.option("--verify", is_flag=True, help="Make no backup; check that each file of the backup TO is as it was made.")
@AS_JSON
@click.pass_obj
def backup(context: CliContext, to: Path, no_archive: bool, verify: bool, as_json: bool) -> None:
    """Back the workspace up into the new folder TO, while `serve` and `run` work.

    A backup that is interrupted leaves TO.part behind, which the next one removes.
    """
    from datetime import UTC, datetime

    from poc.maintenance.backup import check_backup, make_backup, refuse_shared

    if verify:
        manifest = check_backup(to)
    else:
        root = context.workspace.root
        refuse_shared(context.workspace.ledger)
        made = make_backup(root, to, context.release, lambda: datetime.now(UTC), archive=not no_archive)
        manifest = made.manifest
    if as_json:
        head = {"folder": str(to), "made_at": manifest.made_at, "release": manifest.release}
        echo_json({**head, "files": len(manifest.files), "size_bytes": manifest.size_bytes})
        return
    what = f"{len(manifest.files):,} file(s), {manifest.size_bytes:,} bytes, as of {manifest.made_at}"
    if verify:
        print_line(f"{to} is as it was made: {what}.")
        return
    print_line(f"{to}: {what}. To restore it: milepost restore {to} FOLDER")


@click.command()
@click.argument("backup_folder", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--nothing-sent", is_flag=True, help="Nothing was exchanged after the backup: hold nothing back.")
@AS_JSON
def restore(backup_folder: Path, to: Path, nothing_sent: bool, as_json: bool) -> None:
    """Restore a backup FROM a folder into the new or empty folder TO.

    What may have been sent after the backup is sent again only to partners that honour keys, as they recognise it. For
    all others, requests become ambiguous, and waiting files are put into var/held.
    """
    from poc.maintenance.restore import restore as restore_backup

    restored = restore_backup(backup_folder, to, nothing_sent=nothing_sent)
    if as_json:
        echo_json(
            {
                "folder": str(to), "made_at": restored.manifest.made_at, "files": len(restored.manifest.files),
                "waiting_files": restored.waiting_files, "requests_by_key": restored.repeats,
                "ambiguous_requests": restored.ambiguous, "held_files": [str(path) for path in restored.held_files],
                "copy_of": restored.copy_of,
            }
        )  # fmt: skip
        return
    for line in restored_lines(restored, to):
        print_line(line)


def restored_lines(restored: Restored, to: Path) -> Iterator[str]:
    """Yield what was restored, and what the next run does."""
    yield f"{to} is restored as of {restored.manifest.made_at}: {len(restored.manifest.files):,} file(s)."
    yield (
        f"The next run exchanges {restored.waiting_files:,} waiting file(s) and sends {restored.repeats:,} request(s) "
        "again, with the keys that they had: what the partner has already is shown as a repeat."
    )
    if restored.ambiguous:
        yield (
            f"{restored.ambiguous:,} request(s) to partners that do not honour keys may have been sent since; they are "
            f"not sent again by themselves: ask the partners, then see `milepost -w {to} outbox ls`."
        )
    if restored.held_files:
        yield (
            f"{len(restored.held_files):,} waiting file(s) may have been delivered since, to partners that would not "
            f"recognise them; they are in {to / 'var' / 'held'}. Ask the partners, and move what they do not have back "
            "into var/inbox."
        )
    if restored.copy_of:
        yield (
            f"Nothing is exchanged here yet: {restored.copy_of}. If this one replaces it, move it away and give "
            f"`milepost init --moved {to}`; for a trial, `milepost init --new-id {to}`."
        )
