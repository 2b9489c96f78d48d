"""Alerts of disks that hold the workspace's folders and have little space left."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from poc.alerts.alert import Alert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

#: The folders below `var` that grow, and may be on disks of their own.
FOLDERS = ("", "inbox", "archive", "refused", "outbox", "spool")

#: Share of the limit below which little space is critical.
CRITICAL_SHARE = 0.2


def disk_space_alerts(
    var: Path,
    limit: float,
    now: datetime,
    free_share: Callable[[Path], float] | None = None,
) -> Iterator[Alert]:
    """Yield an alert for each disk of the folder `var` with a share of free space (0 to 1) below `limit`.

    `free_share` returns the share of a path's disk that is free; by default as the system says.
    """
    disks: dict[int, Path] = {}
    for name in FOLDERS:
        with suppress(OSError):  # a folder is made when it is first used
            disks.setdefault((var / name).stat().st_dev, var / name)
    for path in disks.values():
        share = (free_share or measure_free_share)(path)
        if share < limit:
            yield Alert(
                kind="disk_full",
                severity="critical" if share < limit * CRITICAL_SHARE else "warning",
                subject=str(path),
                since=now,
                summary=f"the disk of {path} has {share:.1%} of its space left; at least {limit:.1%} should be free",
                next_step="",
            )


def measure_free_share(path: Path) -> float:
    """Return the share of a disk that this user may still fill, 0 to 1: of its space, or of its files if less."""
    status = os.statvfs(path)
    space = status.f_bavail / status.f_blocks if status.f_blocks else 1.0
    files = status.f_favail / status.f_files if status.f_files else 1.0
    return min(space, files)
