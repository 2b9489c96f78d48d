"""What evidence costs, from the recorder to the verdict: `python tests/bench/store.py [--json] [--runs N]`.

`record_us`: one event told to a recorder, median. `events_per_s`: a made-up year of two readings and 16 partners, from
spool files to a store and its rollups, 10,000 events a transaction, median of three; `at_store_runs` is how many runs
it then held, `events_per_cpu_s` the same by processor time, whatever else the machine was doing.
`production_events_per_s`: a year of one
reading as a live service tells it, a start and an end of each run, by days.
`evaluate_s`: the repository's own milestones judged on a store of N runs; `evaluate_ratio`: the same / on a store of
the same year at a hundredth of the runs. `events_per_s_at_full`: one more week, as busy as the others, into the large
store.

Ten million runs take about ten minutes and 8 GB below the folder for temporary files, which are deleted at the end.
No number in the made-up year was measured.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrics import rows
from metrics.collect import collect
from metrics.events import AnswerEvent, Event, HoldingEvent, OutageEvent, RunEvent, RunKey, SpoolRecorder, to_line
from metrics.rollup import roll_up
from metrics.store import WRITER, open_store
from roadmap import plan
from roadmap.evidence import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlite_utils import Database

BARS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "events_per_s": (">= 20,000", lambda found: found >= 20_000),
    "evaluate_ratio": ("<= 2", lambda found: found <= 2),
    "evaluate_s": ("<= 2", lambda found: found <= 2),
    "record_us": ("<= 100", lambda found: found <= 100),
}

#: Files a week of each feed, and how large they are beside the partner's flights.
FEEDS = {"flights": (14, 1.0), "schedules": (10, 0.2), "crews": (6, 0.05)}
#: Records of one file of flights, partner by partner.
PARTNERS = {name: 3 * 2**place for place, name in enumerate(["AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA"])} | {
    name: 5 * 2**place for place, name in enumerate(["MQ", "NK", "OO", "UA", "US", "VX", "WN", "YV"])
}
SERIES = {"none": "0a1b2c3d4e5f", "standard": "5e1f00d2b7c9"}
TODAY = date(2013, 12, 31)
BUILT = 4


def weeks() -> list[tuple[date, date]]:
    """First and last days of the weeks of 2013, the last one a day longer."""
    firsts = [date(2013, 1, 1) + timedelta(weeks=n) for n in range(52)]
    return [(first, first + timedelta(days=6)) for first in firsts[:-1]] + [(firsts[-1], TODAY)]


def year() -> Iterator[list[Event]]:
    """About 100,000 runs and what belongs to them, a week of one reading at a time, in the order of a replay."""
    dice = random.Random(2013)
    for faults in SERIES:
        for number, (first, last) in enumerate(weeks()):
            yield list(week(dice, faults, first, last, min(number // 13 + 1, BUILT), 1))


def week(dice: random.Random, faults: str, first: date, last: date, level: int, times: int) -> Iterator[Event]:
    """One week of one reading; `times` as many files as usual."""
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
    """The attempts at one file: one, or two where the first failed."""
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
    """Something that looks like a hash, the same every time."""
    return random.Random(name).getrandbits(256)


def record_us(folder: Path, events: list[Event]) -> float:
    """Microseconds to record one event, median."""
    took = []
    with closing(SpoolRecorder(folder)) as recorder:
        for event in events:
            began = time.perf_counter_ns()
            recorder.record(event)
            took.append(time.perf_counter_ns() - began)
    return statistics.median(took) / 1000


def production(events: list[Event]) -> Iterator[bytes]:
    """The lines that a live service tells of those runs: each a start of unknown size, and an end."""
    for event in events:
        if isinstance(event, RunEvent):
            day = datetime.fromtimestamp(event.started_at_us / 1e6, UTC).date().isoformat()
            key = replace(event.key, mode="live", faults="real", series="", round=0)
            live = replace(event, key=key, block=day, block_end=day)
            yield to_line(replace(live, records=None, rows={}, duration_ns=None, outcome="running"), started=True)
            yield to_line(live)


def collected_per_s(db: Database, spool: Path, parts: Iterator[list[bytes]]) -> tuple[float, float]:
    """Events a second from spool to store, by the clock and by processor time; the spool is written before."""
    spool.mkdir()
    many = 0
    for number, lines in enumerate(parts):
        many += len(lines)
        (spool / f"{number:04}.jsonl").write_bytes(b"".join(lines))
    began, began_cpu = time.perf_counter(), time.process_time()
    done = collect(spool, db, 0)
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    if done.events != many:
        raise SystemExit(f"collected {done.new} of {many} events")
    return many / took_s, many / cpu_s


def multiply(small: Path, db: Database, times: int) -> None:
    """Fill an empty store with the runs of another, so many times, in five rounds.

    Rows are inserted block by block, as they would come; indexes are made after them, and rollups by the shipped code.
    """
    for setting in ("journal_mode = OFF", "synchronous = OFF"):  # what is lost here is only this file
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
    instead = {"round": "1 + k % 5", "exchange_id": "exchange_id || mark", "file": "file || mark"}
    for block, _ in weeks():
        cells = "SELECT id FROM small.cell WHERE block = ?"
        for table, columns in (("run", rows.RUN), ("holding", rows.HOLDING)):
            values = ", ".join(instead.get(name, name) for name in columns)
            db.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} "
                f"FROM small.{table} CROSS JOIN copy WHERE cell IN ({cells})",
                (block.isoformat(),),
            )
    for _, sql in indexes:
        db.execute(sql)
    for block, _ in weeks():
        found = db.execute("SELECT id FROM cell WHERE block = ?", (block.isoformat(),)).fetchall()
        with db.atomic():
            roll_up(db, [cell for (cell,) in found])
    db.execute("DETACH small")
    db.enable_wal()
    for setting in WRITER:
        db.execute(f"PRAGMA {setting}")


def judged_s(stores: list[Database], turns: int) -> list[float]:
    """Seconds that judging all milestones takes in each store, median; in turns, so that both meet the same noise.

    Each turn judges a revision of its own: what an earlier judgement has looked at would not be looked at again.
    """
    loaded = plan.load(Path(plan.__file__).with_name("milestones.toml"))
    took: list[list[float]] = [[] for _ in stores]
    statuses: list[list[str]] = [[] for _ in stores]
    for turn in range(turns + 1):
        revised = tuple(one.model_copy(update={"revision": turn + 1}) for one in loaded.milestones)
        asked = loaded.model_copy(update={"milestones": revised})
        for place, db in enumerate(stores):
            began = time.perf_counter()
            statuses[place] = [verdict.status for verdict in evaluate(db, asked, TODAY, BUILT, turn)]
            took[place].append(time.perf_counter() - began)
    if any(found != statuses[0] for found in statuses):
        raise SystemExit(f"judged differently: {statuses}")
    return [statistics.median(found[1:]) for found in took]


def check(db: Database, runs: int) -> None:
    """Stop where the store does not hold and count what it should."""
    found = db.execute("SELECT COUNT(*) FROM run").fetchone()[0]
    counted = db.execute("SELECT SUM(attempts) FROM run_block").fetchone()[0]
    if (found, counted) != (runs, runs):
        raise SystemExit(f"{runs:,} runs were to be there; {found:,} are, {counted:,} are rolled up")


def measure(folder: Path, runs: int, say: Callable[[str], None]) -> dict[str, float]:
    """All keys."""
    numbers: dict[str, float] = {}
    parts = list(year())
    numbers["record_us"] = record_us(folder / "told", [event for events in parts[:5] for event in events])
    rates = []
    for turn in range(3):  # the machine may be busy with something else; the last store is the small one
        with closing(open_store(folder / f"small-{turn}.db", "replay")) as db:
            rates.append(collected_per_s(db, folder / f"spool-{turn}", (list(map(to_line, part)) for part in parts)))
    numbers["events_per_s"] = statistics.median(by_clock for by_clock, _ in rates)
    numbers["events_per_cpu_s"] = statistics.median(by_cpu for _, by_cpu in rates)
    with closing(open_store(folder / "live.db", "live")) as db:
        first = (list(production(part)) for part in parts[: len(parts) // 2])
        numbers["production_events_per_s"], _ = collected_per_s(db, folder / "live", first)
    with (
        closing(open_store(folder / "small-2.db", "replay")) as small,
        closing(open_store(folder / "large.db", "replay")) as large,
    ):
        have = small.execute("SELECT COUNT(*) FROM run").fetchone()[0]
        numbers["at_store_runs"] = have
        check(small, have)
        say(f"{have:,} runs collected")
        times = max(1, round(runs / have))
        began = time.perf_counter()
        multiply(folder / "small-2.db", large, times)
        numbers["fill_s"] = time.perf_counter() - began
        say(f"{times * have:,} runs filled in")
        check(large, times * have)
        small_s, numbers["evaluate_s"] = judged_s([small, large], 9)
        numbers["evaluate_ratio"] = numbers["evaluate_s"] / small_s
        numbers["evaluate_runs"] = times * have
        busy = week(random.Random(2014), "none", date(2014, 1, 1), date(2014, 1, 7), BUILT, times)
        part, more = list(map(to_line, busy)), []
        while part and sum(map(len, more)) < 100_000:
            more.append(part[:10_000])
            part = part[10_000:]
        numbers["events_per_s_at_full"], _ = collected_per_s(large, folder / "more", iter(more))
    numbers["store_bytes"] = (folder / "large.db").stat().st_size
    return numbers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=10_000_000, help="runs in the large store")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        numbers = measure(Path(name), options.runs, lambda line: print(line, file=sys.stderr))
    bars = {key: {"bar": bar, "met": met(numbers[key])} for key, (bar, met) in BARS.items()}
    if options.json:
        print(json.dumps({**numbers, "bars": bars}, indent=2))
        return
    for key, value in numbers.items():
        told = f"{bars[key]['bar']}  {'met' if bars[key]['met'] else 'not met'}" if key in bars else ""
        print(f"{key:24} {value:>20,.2f}  {told}")


if __name__ == "__main__":
    main()
