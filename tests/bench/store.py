"""Measure what evidence costs, from the recorder to the verdict: `python tests/bench/store.py [--json] [--runs N]`.

`record_us`: recording one event, median. `events_per_s`: a made-up year of two kinds of faults and 16 partners, from
spool files to a store and its rollups, 10,000 events a transaction, median of three; `at_store_runs` is the number
of runs that it then held, `events_per_cpu_s` the same by processor time, which does not depend on other programs.
`production_events_per_s`: a year of one kind of faults as a live service records it, by days: each run has a start
and an end.
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
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from made_year import BUILT, TODAY, multiply, production, week, year

import roadmap
from metrics.collector.collect import collect
from metrics.events import Event, SpoolRecorder, to_line
from metrics.store.database import open_store
from roadmap.judge.evaluate import evaluate
from roadmap.plan import loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlite_utils import Database

BARS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "events_per_s": (">= 20,000", lambda found: found >= 20_000),
    "evaluate_ratio": ("<= 2", lambda found: found <= 2),
    "evaluate_s": ("<= 2", lambda found: found <= 2),
    "record_us": ("<= 100", lambda found: found <= 100),
}


def record_us(folder: Path, events: list[Event]) -> float:
    """Return the median microseconds to record one event."""
    took = []
    with closing(SpoolRecorder(folder)) as recorder:
        for event in events:
            began = time.perf_counter_ns()
            recorder.record(event)
            took.append(time.perf_counter_ns() - began)
    return statistics.median(took) / 1000


def collected_per_s(db: Database, spool: Path, parts: Iterator[list[bytes]]) -> tuple[float, float]:
    """Return events a second from spool to store, by wall and by processor time; writing the spool is not timed."""
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


def judged_s(stores: list[Database], turns: int) -> list[float]:
    """Return the median seconds to judge all milestones in each store, in turns, so that both see the same noise.

    Each turn judges a revision of its own: what an earlier judgement has looked at would not be looked at again.
    """
    loaded = loader.load_plan(Path(roadmap.__file__).with_name("milestones.toml"))
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
    """Stop if the store does not hold the expected runs and counts."""
    found = db.execute("SELECT COUNT(*) FROM run").fetchone()[0]
    counted = db.execute("SELECT SUM(attempts) FROM run_block").fetchone()[0]
    if (found, counted) != (runs, runs):
        raise SystemExit(f"{runs:,} runs were to be there; {found:,} are, {counted:,} are rolled up")


def measure(folder: Path, runs: int, say: Callable[[str], None]) -> dict[str, float]:
    """Measure all keys."""
    numbers: dict[str, float] = {}
    parts = list(year())
    numbers["record_us"] = record_us(folder / "told", [event for events in parts[:5] for event in events])
    rates = []
    for turn in range(3):  # other programs may disturb a turn; the last store is the small one
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
    """Measure and print the result."""
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
