"""Measure how long it takes to judge a year of production: the first time, the next day, and for a page.

`python tests/bench/looks.py` makes 48 feeds x 2 bands x 365 days for the monolith and the four levels of the service
(175,200 rollup rows), and prints seconds: the first evaluation, the next day's, and what a page takes.
"""

from __future__ import annotations

import random
import time
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from metrics.store.database import open_reader, open_store
from roadmap.judge.evaluate import evaluate, judge_all
from roadmap.plan.loader import load_plan

FEEDS, BANDS, DAYS = 48, (8, 11), 365
FIRST = date(2013, 1, 1)
#: Four quarters whose targets are never reached, so that every day from the twelfth on is evaluated.
MILESTONE = """
[[milestone]]
code = "M{level}"
title = "Step {level}"
objective = "Less time"
subject = "service@{level}"
start = {start}
due = {due}
evidence = {{ min_grade = "C" }}
metric = [
  {{ name = "busy_time_saved", at_least = 0.95 }},
  {{ name = "failed_first_avoided", at_least = 0.90 }},
  {{ name = "delay_p95", at_most = 0 }},
]
guardrail = [
  {{ name = "programme_time_saved", at_least = 0.95 }},
  {{ name = "calls_per_1000_records", at_most = 0.001 }},
]
"""
QUARTERS = [("01-01", "03-31"), ("04-01", "06-30"), ("07-01", "09-30"), ("10-01", "12-31")]
SIDES = [("monolith", 0), ("service", 1), ("service", 2), ("service", 3), ("service", 4)]


def rows(days: range, dice: random.Random):
    """Return the rollup rows of both sides for these days."""
    for number in days:
        day = (FIRST + timedelta(days=number)).isoformat()
        for system, level in SIDES:
            share = 1 - 0.12 * level
            for feed in range(FEEDS):
                for band in BANDS:
                    held = 2**band
                    busy = int(held * 1e6 * share * dice.lognormvariate(0, 0.2))
                    where = (day, day, system, level, f"P{feed % 16:02}", f"feed{feed // 16}", band)
                    yield (*where, busy, held, held, dice.randrange(2), 0)


def fill(db, days: range, seed: int) -> None:
    """Insert made-up rollup rows into a store."""
    sql = (
        "INSERT OR REPLACE INTO run_block (block, block_end, system, level, partner, feed, band, busy_ns, held, due, "
        "first_failed, still_failed, mode, faults, series, rounds, attempts, exchanges, blocked_ns, cpu_ns, "
        "operator_ns, operator_touches, calls, peak_rss_bytes, "
        "delay_p50_us, delay_p95_us, imported, passing, recovered) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'live', 'real', '', 1, 3, 3, 0, 0, 0, 0, 5, 1, 1, 1, 0, 0, 0)"
    )
    with db.atomic():
        db.conn.executemany(sql, rows(days, random.Random(seed)))
        db.execute(
            "INSERT OR IGNORE INTO series (mode, faults, series, newest_run, last_round) "
            "VALUES ('live', 'real', '', 1, 1)"
        )


def timed(what: str, work) -> None:
    """Run a function, and print the seconds that it took."""
    before = time.perf_counter()
    work()
    print(f"{what:<28} {time.perf_counter() - before:6.2f} s")


def main() -> None:
    """Make the store and judge it several times."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "milestones.toml"
        told = [
            MILESTONE.format(level=level, start=f"2013-{start}", due=f"2013-{due}")
            for level, (start, due) in enumerate(QUARTERS, 1)
        ]
        file.write_text("schema = 1\n" + "".join(told))
        plan = load_plan(file, 1)
        path = Path(folder) / "metrics-live.db"
        with closing(open_store(path, "live")) as db:
            fill(db, range(DAYS), 1)
            last = FIRST + timedelta(days=DAYS)
            timed("first evaluation", lambda: evaluate(db, plan, last, 4, 1))
            timed("again, the same day", lambda: evaluate(db, plan, last, 4, 2))
            fill(db, range(DAYS, DAYS + 1), 2)
            timed("the next day", lambda: evaluate(db, plan, last + timedelta(days=1), 4, 3))
        with closing(open_reader(path)) as db:
            timed("a page", lambda: judge_all(db, plan, last + timedelta(days=1), 4))


if __name__ == "__main__":
    main()
