"""Rollups of days of production, for tests of measures."""

from __future__ import annotations

from datetime import date, timedelta

from metrics.measures.registry import MEASURES
from metrics.question import Question

FIRST = date(2014, 3, 3)


ASKED = Question(
    subject="service@1", start=FIRST, end=date(2014, 12, 31), faults="real", mode="live", series="", min_blocks=4
)


SAVED = MEASURES["busy_time_saved"].compute


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
