"""Busy time of attempts without a record count is distributed over sized strata."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from metrics.measures.registry import MEASURES
from metrics.measures.unsized_time import distribute_unsized_time
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.store.database import open_store

FIRST = date(2014, 3, 3)

ASKED = Question(
    subject="service@1", start=FIRST, end=date(2014, 12, 31), faults="real", mode="live", series="", min_blocks=4
)

SAVED = MEASURES["busy_time_saved"].compute


@pytest.fixture
def live_db(tmp_path):
    """An empty store on the live clock."""
    db = open_store(tmp_path / "metrics.db", "live")
    yield db
    db.close()


def day(number, side="service", busy_s=4.0, **changes):
    """Return the rollup of one side's day (0 is the first of the window): one feed, 100 records."""
    when = (FIRST + timedelta(days=number)).isoformat()
    return {
        "block": when, "block_end": when, "system": side, "level": int(side == "service"), "mode": "live",
        "faults": "real", "series": "", "partner": "AA", "feed": "flights", "band": 3, "rounds": 1, "attempts": 2,
        "exchanges": 2, "busy_ns": round(busy_s * 1e9), "blocked_ns": 0, "operator_ns": 0, "operator_touches": 0,
        "calls": 3, "first_failed": 0, "still_failed": 0, "due": 100, "held": 100, "passing": 0, "recovered": 0,
        "peak_rss_bytes": 90_000_000, "delay_p50_us": 2_000_000, "delay_p95_us": 9_000_000, "imported": 0,
        "inputs_sha256": f"files of {when}",
    } | changes  # fmt: skip


def keep(db, *rows):
    """Insert rollups."""
    db.table("run_block").insert_all(rows)


def both(days, **changes):
    """Return both sides on the same days, the service at four tenths of the cost."""
    return [
        row
        for n in days
        for row in (day(n, "monolith", 10 + n % 3, **changes), day(n, busy_s=4 + n % 2 / 5, **changes))
    ]


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
