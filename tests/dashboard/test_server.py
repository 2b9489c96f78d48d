"""The serving process."""

from __future__ import annotations

import gc

from dashboard.server import shorten_gc_pauses


def test_objects_of_the_start_are_exempt_from_garbage_collection() -> None:
    """A collection visits only what was made since, and comes after as many new objects as were asked for."""
    before = gc.get_threshold()
    try:
        shorten_gc_pauses(2_000)
        assert gc.get_threshold() == (2_000, *before[1:])
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
