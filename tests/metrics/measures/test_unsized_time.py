"""Busy time of attempts without a record count is distributed over sized strata."""

from __future__ import annotations

import numpy as np
import pytest

from metrics.measures.unsized_time import distribute_unsized_time
from metrics.measures.window import load_window
from tests.metrics.measures.live_days import ASKED, SAVED, both, day, keep


def test_busy_time_without_a_record_count_is_distributed(live_db):
    """A service that fails for as long as it works has twice the cost."""
    keep(live_db, *both(range(6)))
    without = SAVED(load_window(live_db, ASKED))
    keep(live_db, *(day(n, busy_s=4 + n % 2 / 5, band=-1, held=0, due=None) for n in range(6)))
    reading = SAVED(load_window(live_db, ASKED))
    assert 1 - reading.estimate == pytest.approx(2 * (1 - without.estimate))


def test_busy_time_with_unknown_deliveries_is_not_distributed(live_db):
    """Files whose delivered records are unknown add neither time nor records to the comparison."""
    keep(live_db, *both(range(6)))
    without = SAVED(load_window(live_db, ASKED))
    keep(live_db, *(day(n, band=-1, held=None, due=None) for n in range(6)))
    assert SAVED(load_window(live_db, ASKED)).estimate == without.estimate


def test_unsized_time_is_distributed_within_feed_and_day():
    """Three seconds among one of 10 s and one of 20 s; another feed and a day without sizes keep theirs."""
    strata = [("AA", "f", -1), ("AA", "f", 2), ("AA", "f", 3), ("AA", "g", 2)]
    busy = np.array([[3.0, 3.0], [10.0, np.nan], [20.0, np.nan], [5.0, 5.0]])
    held = np.array([[0.0, 0.0], [1.0, np.nan], [1.0, np.nan], [1.0, 1.0]])
    shared = [[0.0, 3.0], [11.0, np.nan], [22.0, np.nan], [5.0, 5.0]]
    np.testing.assert_allclose(distribute_unsized_time(busy, held, strata), shared)
