"""Weights of the baseline, and since when they are pinned."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from metrics.measures.weights import pin_baseline, pinned_since
from metrics.question import Question
from metrics.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_weights_are_pinned_from_the_day_of_their_pin_on(made_up: Callable[..., Path]) -> None:
    """A question about an earlier day does not see a pin that came later."""
    question = Question(
        subject="service@1", control="monolith", scope=("*/*",), start=date(2013, 1, 1), end=date(2013, 2, 3),
        faults="standard", mode="replay", series="5e1f00d2b7c9",
    )  # fmt: skip
    with closing(open_store(made_up(weeks=6), "replay")) as db:
        assert pinned_since(db, question) is None
        pin_baseline(db, question, 1)
        assert pinned_since(db, question) == "2013-02-03"
        assert pinned_since(db, replace(question, end=date(2013, 2, 2))) is None
