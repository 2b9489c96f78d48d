"""Totals of one side, out of the rollups."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from metrics.queries.side_totals import side_totals
from metrics.question import Question
from metrics.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_side_of_imported_runs_has_no_blocked_time(made_up: Callable[..., Path]) -> None:
    """Time blocked of a side whose runs are all imported is unknown, not 0; its rounds are known."""
    with closing(open_store(made_up(weeks=2), "replay")) as db:
        (series,) = db.execute("SELECT DISTINCT series FROM run_block WHERE faults = 'standard'").fetchone()
        question = Question(
            subject="service@1", control="monolith", scope=("*/*",), start=date(2013, 1, 1), end=date(2013, 3, 31),
            faults="standard", mode="replay", series=series,
        )  # fmt: skip
        before = side_totals(db, question, "monolith")
        db.execute("UPDATE run_block SET imported = attempts")
        after = side_totals(db, question, "monolith")
    assert before.rounds
    assert before.blocked_s is not None
    assert after == replace(before, blocked_s=None)
