"""Open the metrics store as the settings allow: the only place where the dashboard opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.cache.partners_snapshot import open_partners_snapshot
from metrics.store.database import open_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from dashboard.scope import Scope
    from metrics.store.database import Snapshot


def open_scoped(store: Path, scope: Scope, *, check_same_thread: bool = True) -> Snapshot:
    """Open a snapshot of what a scope covers.

    Raises:
        StoreMissing, StoreDamaged: as for `metrics.store.database.open_reader`.
    """
    if scope.partners is None:
        return open_snapshot(store, check_same_thread=check_same_thread)
    return open_partners_snapshot(store, scope.partners, check_same_thread=check_same_thread)
