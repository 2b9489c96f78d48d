"""A made-up year of 16 partners with three feeds each, for the benches: its events, and stores of any size.

No number in it was measured.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from metrics.events import AnswerEvent, Event, HoldingEvent, OutageEvent, RunEvent, RunKey, to_line
from metrics.store import rows
from metrics.store.rollup import roll_up
from metrics.store.writer import WRITER_PRAGMAS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_utils import Database

#: Files a week of each feed, and their size relative to the partner's flights.
FEEDS = {"flights": (14, 1.0), "schedules": (10, 0.2), "crews": (6, 0.05)}
#: Records of one file of flights, by partner.
PARTNERS = {name: 3 * 2**place for place, name in enumerate(["AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA"])} | {
    name: 5 * 2**place for place, name in enumerate(["MQ", "NK", "OO", "UA", "US", "VX", "WN", "YV"])
}
SERIES = {"none": "0a1b2c3d4e5f", "standard": "5e1f00d2b7c9"}
TODAY = date(2013, 12, 31)
BUILT = 4


def weeks() -> list[tuple[date, date]]:
    """Return the first and last days of the weeks of 2013; the last week has eight days."""
    firsts = [date(2013, 1, 1) + timedelta(weeks=n) for n in range(52)]
    return [(first, first + timedelta(days=6)) for first in firsts[:-1]] + [(firsts[-1], TODAY)]


def year() -> Iterator[list[Event]]:
    """Yield the events of about 100,000 runs, by week and kind of faults, in the order of a replay."""
    dice = random.Random(2013)
    for faults in SERIES:
        for number, (first, last) in enumerate(weeks()):
            yield list(week(dice, faults, first, last, min(number // 13 + 1, BUILT), 1))


def week(dice: random.Random, faults: str, first: date, last: date, level: int, times: int) -> Iterator[Event]:
    """Yield the events of one week under one kind of faults, with `times` the usual number of files."""
    after: list[Event] = []
    for partner, size in PARTNERS.items():
        for feed, (files, share) in FEEDS.items():
            where = {"partner": partner, "feed": feed, "block": first.isoformat(), "block_end": last.isoformat()}
            told = 0
            for file in range(files * times):
                records = max(1, round(size * share * dice.uniform(0.8, 1.2)))
                told += records
                for system, lvl in (("monolith", 0), ("service", level)):
                    who = {"system": system, "level": lvl, "mode": "replay", "faults": faults, "series": SERIES[faults]}
                    yield from exchange(dice, who, where, f"{partner}-{feed}-{first}-{file}.csv", file, records)
                    counts = {"due": records, "held": records, "twice": 0, "lost": 0, "foreign": 0}
                    name = f"{partner}-{feed}-{first}-{file}.csv"
                    broken = int(faults == "standard" and file == 0)
                    after.append(HoldingEvent(**who, round=1, **where, file=name, broken=broken, **counts))
            after.append(
                AnswerEvent(**(who | {"control": "monolith"}), round=1, **where, compared=told, equal=told)
            )  # fmt: skip
    if faults == "standard" and first.day <= 7:
        after.append(
            OutageEvent(**who, round=1, **where | {"feed": "flights"}, day=first.isoformat(), hours=24, calls=30)
        )
    yield from after


def exchange(
    dice: random.Random, who: dict[str, Any], where: dict[str, Any], name: str, file: int, records: int
) -> Iterator[RunEvent]:
    """Yield the attempts at one file: one, or two where the first failed."""
    cost_s = 0.0093 * records * dice.gauss(1, 0.05) * (0.3 if who["level"] else 1.0) + 0.01
    due = datetime.fromisoformat(where["block"]).replace(tzinfo=UTC) + timedelta(hours=5, minutes=60 * file % 8000)
    due_us = int(due.timestamp()) * 1_000_000
    fails = who["faults"] == "standard" and dice.random() < (0.07 if who["level"] else 0.16)
    for attempt in range(1, 2 + fails):
        bad = fails and attempt == 1
        yield RunEvent(
            key=RunKey(**who, round=1, exchange_id=f"{where['partner']}/{where['feed']}/{name}", attempt=attempt),
            release="0.1.0", **where, file=name, due_at_us=due_us,
            started_at_us=due_us + (attempt - 1) * 3_600_000_000, duration_ns=int(cost_s * 1e9),
            cpu_ns=int(cost_s * 6e8), peak_rss_bytes=90_000_000 + records, outcome="failed" if bad else "done",
            error_type="PartnerDown" if bad else "", records=records,
            rows={"in": records, ("failed" if bad else "delivered"): records}, bytes_in=records * 90,
            bytes_out=records * 140, calls=1 + records // 100, input_sha256=f"{hash_of(name):064x}",
            operator_touch=int(bool(bad and not who["level"])), stages_ns={"receive": 1_000_000, "deliver": 9_000_000},
        )  # fmt: skip


def hash_of(name: str) -> int:
    """Return a text like a hash, the same every time."""
    return random.Random(name).getrandbits(256)


def production(events: list[Event]) -> Iterator[bytes]:
    """Yield the lines that a live service records for those runs: a start of unknown size, and an end."""
    for event in events:
        if isinstance(event, RunEvent):
            day = datetime.fromtimestamp(event.started_at_us / 1e6, UTC).date().isoformat()
            key = replace(event.key, mode="live", faults="real", series="", round=0)
            live = replace(event, key=key, block=day, block_end=day)
            yield to_line(replace(live, records=None, rows={}, duration_ns=None, outcome="running"), started=True)
            yield to_line(live)


def multiply(small: Path, db: Database, times: int) -> None:
    """Fill an empty store with copies of the runs of another; those of a replay in five rounds.

    Rows are inserted block by block, as they would come; indexes are made after them, and rollups by the shipped code.
    """
    for setting in ("journal_mode = OFF", "synchronous = OFF"):  # a crash would lose only this file
        db.execute(f"PRAGMA {setting}")
    db.execute("ATTACH ? AS small", (str(small),))
    mine = "FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('run', 'holding') AND sql IS NOT NULL"
    indexes = db.execute(f"SELECT name, sql {mine}").fetchall()
    for name, _ in indexes:
        db.execute(f"DROP INDEX {name}")
    for table in ("cell", "series", "outage", "answer"):
        db.execute(f"INSERT INTO {table} SELECT * FROM small.{table}")
    db.execute(
        "CREATE TEMP TABLE copy AS WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n "
        f"WHERE k < {times - 1}) SELECT k, CASE WHEN k THEN '~' || k ELSE '' END AS mark FROM n"
    )
    instead = {
        "round": "CASE mode WHEN 'live' THEN 0 ELSE 1 + k % 5 END",
        "exchange_id": "exchange_id || mark",
        "file": "file || mark",
    }
    blocks = [str(block) for (block,) in db.execute("SELECT DISTINCT block FROM small.cell ORDER BY block").fetchall()]
    for block in blocks:
        cells = "SELECT id FROM small.cell WHERE block = ?"
        for table, columns in (("run", rows.RUN), ("holding", rows.HOLDING)):
            values = ", ".join(instead.get(name, name) for name in columns)
            db.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} "
                f"FROM small.{table} CROSS JOIN copy WHERE cell IN ({cells})",
                (block,),
            )
    for _, sql in indexes:
        db.execute(sql)
    for block in blocks:
        found = db.execute("SELECT id FROM cell WHERE block = ?", (block,)).fetchall()
        with db.atomic():
            roll_up(db, [cell for (cell,) in found])
    db.execute("DETACH small")
    db.enable_wal()
    for setting in WRITER_PRAGMAS:
        db.execute(f"PRAGMA {setting}")


def change(number: int) -> list[Event]:
    """Return one more run in the last week under the standard faults, and its holding."""
    first, last = weeks()[-1]
    where = {"partner": "DL", "feed": "crews", "block": first.isoformat(), "block_end": last.isoformat()}
    who = {"system": "service", "level": BUILT, "mode": "replay", "faults": "none", "series": SERIES["none"]}
    name = f"change-{number}.csv"
    counts = {"due": 2, "held": 2, "twice": 0, "lost": 0, "foreign": 0}
    held = HoldingEvent(**who, round=1, **where, file=name, broken=0, **counts)
    return [*exchange(random.Random(number), who, where, name, 0, 2), held]


def live_now() -> Iterator[RunEvent]:
    """Yield live runs that start now, without end, over all partners and feeds in turn."""
    dice = random.Random(7)
    number = 0
    while True:
        for partner in PARTNERS:
            for feed in FEEDS:
                now = datetime.now(UTC)
                day, now_us = now.date().isoformat(), round(now.timestamp() * 1e6)
                records = dice.choice((200, 300, 900))
                key = RunKey(
                    system="service", level=BUILT, mode="live", faults="real", series="", round=0,
                    exchange_id=f"{partner}/{feed}/{now_us}-{number}", attempt=1,
                )  # fmt: skip
                yield RunEvent(
                    key=key, release="0.1.0", partner=partner, feed=feed, file=f"{number}.csv", block=day,
                    block_end=day, due_at_us=now_us, started_at_us=now_us, duration_ns=records * 3_000_000,
                    outcome="done", records=records, rows={"in": records, "delivered": records}, calls=1,
                )  # fmt: skip
                number += 1
