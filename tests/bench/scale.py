"""Several workers on PostgreSQL: `python tests/bench/scale.py [--json] [--only KEY]`.

`cpu_vs_one_machine`: processor time a file of 100 rows over HTTP, two workers with the server of PostgreSQL / one
worker with a ledger in SQLite. `speedup_4_workers`: files a second of four workers / one, 64 feeds of 16 partners,
each answer after 100 ms. `lost`, `twice`, `out_of_order`, `takeover_p95_s`: files that arrive one by one while a
random worker of four is killed every 2 s, and PostgreSQL is restarted twice; a feed of the killed worker is taken
over when its next request comes to the partner. `most_in_a_second`: requests of a partner in any second, agreed are
5, by four workers.

What needs an engine of bells is not built yet, and is listed without a value.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from exchange_files import variant
from scale_programs import FEEDS, PARTNERS, Machine, processor_s

from metrics.replay.input_files import read_flights

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parents[1]))

from postgres_server import PostgresServer

BARS = {
    "cpu_vs_one_machine": "<= 1.6", "speedup_4_workers": ">= 3.4", "lost": "<= 0", "twice": "<= 0",
    "out_of_order": "<= 0", "takeover_p95_s": "<= 20", "most_in_a_second": "<= 6",
}  # fmt: skip
NOT_BUILT = (
    "bell_cost", "bells_per_s", "begin_p50_ms", "begin_p95_ms", "healthy_p95_ratio", "burst_p95_ratio", "ticks_missed",
    "ticks_doubled", "idle_cpu_share",
)  # fmt: skip
ALL_FEEDS = [(partner, feed) for partner in PARTNERS for feed in FEEDS]
LIMIT_S = 180.0
KILL_EVERY_S = 2.0


def files_of(rows: int, count: int) -> list[bytes]:
    """Return that many files of so many flights, no two of which are equal."""
    header, *lines = read_flights().split(b"\n", 1 + rows * 64)[: 1 + rows * 64]
    slices = [b"\n".join([header, *lines[at : at + rows], b""]) for at in range(0, len(lines), rows)]
    return [variant(slices[number % 64], number // 64) for number in range(count)]


class Scale:
    """The bench: one server of PostgreSQL, and a new machine with a new database for each run."""

    def __init__(self, folder: Path, server: PostgresServer, files: int, kills: int) -> None:
        self._folder, self.server, self.files, self.kills = folder, server, files, kills
        self._number = 0

    def machine(self, stack: ExitStack, *, postgres: bool = True, delay_s: float = 0.0, rate: str = "") -> Machine:
        """Return a new workspace, with its own ledger."""
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        ledger = self.server.new_ledger(folder).url if postgres else ""
        return Machine(folder, stack, ledger, delay_s, rate)

    def warm(self, machine: Machine, workers: int) -> None:
        """Start workers, and let each feed exchange a file, so that no start is measured."""
        for _ in range(workers):
            machine.start_worker()
        for number, (feed, data) in enumerate(zip(ALL_FEEDS, files_of(7, len(ALL_FEEDS)), strict=True)):
            machine.put(*feed, f"warm-{number:03}.csv", data)
        machine.wait_for(len(ALL_FEEDS), LIMIT_S)

    def put_all(self, machine: Machine, rows: int) -> None:
        """Put all files into the inboxes, the feeds in turns."""
        for number, data in enumerate(files_of(rows, self.files)):
            machine.put(*ALL_FEEDS[number % len(ALL_FEEDS)], f"{number:05}.csv", data)

    def processor_time(self, workers: int, *, postgres: bool) -> float:
        """Return the processor time a file, in seconds: of the workers, and of the server where it is used."""
        with ExitStack() as stack:
            machine = self.machine(stack, postgres=postgres)
            self.warm(machine, workers)

            def spent_s() -> float:
                of_workers = processor_s([worker.pid for worker in machine.workers])
                return of_workers + (processor_s([self.server_pid()], with_children=True) if postgres else 0.0)

            before_s = spent_s()
            self.put_all(machine, 100)
            machine.wait_for(len(ALL_FEEDS) + self.files, LIMIT_S)
            return (spent_s() - before_s) / self.files

    def server_pid(self) -> int:
        """Return the process of the server."""
        return int((self.server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def files_a_second(self, workers: int) -> float:
        """Return the files a second of so many workers, while the partner answers after 100 ms."""
        with ExitStack() as stack:
            machine = self.machine(stack, delay_s=0.1)
            self.warm(machine, workers)
            warm = len(machine.requests())
            self.put_all(machine, 10)
            machine.wait_for(len(ALL_FEEDS) + self.files, LIMIT_S)
            times_s = [one.at_s for one in machine.requests()[warm:]]
            return len(times_s) / (max(times_s) - min(times_s))

    def kill_workers(self) -> dict[str, float]:
        """Return what is lost, sent twice or out of order, and how long feeds of killed workers wait."""
        dice = random.Random(19)
        with ExitStack() as stack:
            machine = self.machine(stack, delay_s=0.05)
            self.warm(machine, 4)
            warm = len(machine.requests())
            files = files_of(10, max(self.files, self.kills * 20))
            pause_s = KILL_EVERY_S * self.kills / len(files)
            arrived_s: dict[str, float] = {}
            orphans: list[tuple[float, tuple[str, str]]] = []  # when the worker of a feed was killed
            kills, began_s = 0, time.monotonic()
            for number, data in enumerate(files):
                name = f"{number:05}.csv"
                machine.put(*ALL_FEEDS[number % len(ALL_FEEDS)], name, data)
                arrived_s[name] = time.time()
                if kills < self.kills and time.monotonic() - began_s >= KILL_EVERY_S * (kills + 1):
                    victim = machine.workers.pop(dice.randrange(len(machine.workers)))
                    held = self.feeds_of(machine, victim.pid)
                    victim.kill()
                    victim.wait()
                    orphans += [(time.time(), feed) for feed in held]
                    machine.start_worker()
                    kills += 1
                    if kills in {self.kills // 3, 2 * self.kills // 3}:
                        self.server.stop("fast")
                        self.server.start()
                time.sleep(max(0.0, pause_s * (number + 1) - (time.monotonic() - began_s)))
            machine.wait_for(len(ALL_FEEDS) + len(files), LIMIT_S)
            requests = machine.requests()[warm:]
        new = [one for one in requests if not one.is_repeated]
        counts = Counter(one.file for one in new)
        files_of_feed: dict[tuple[str, str], list[str]] = defaultdict(list)
        for one in new:
            files_of_feed[one.partner, one.feed].append(one.file)
        waits_s = []
        for at_s, feed in orphans:
            later = [one for one in requests if (one.partner, one.feed) == feed and one.at_s > at_s]
            waits_s += [one.at_s - max(at_s, arrived_s[one.file]) for one in later[:1]]
        print(f"{kills} workers killed, with {len(orphans)} feeds", file=sys.stderr)
        return {
            "lost": len(files) - len(counts),
            "twice": sum(count - 1 for count in counts.values()),
            "out_of_order": sum(
                earlier > later for of_feed in files_of_feed.values() for earlier, later in pairwise(of_feed)
            ),
            "takeover_p95_s": statistics.quantiles(waits_s, n=20)[-1] if len(waits_s) > 1 else float("nan"),
        }

    def feeds_of(self, machine: Machine, pid: int) -> list[tuple[str, str]]:
        """Return the feeds whose lease a process holds."""
        with psycopg.connect(machine.ledger.replace("+psycopg", "")) as connection:
            rows = connection.execute("SELECT partner, feed, owner FROM feed WHERE owner <> ''").fetchall()
        return [(partner, feed) for partner, feed, owner in rows if owner.split("/")[3] == str(pid)]

    def rate_kept(self) -> float:
        """Return the most requests in any second of a partner that agreed to 5, by four workers."""
        with ExitStack() as stack:
            machine = self.machine(stack, rate="5/s")
            for _ in range(4):
                machine.start_worker()
            for number, data in enumerate(files_of(10, 60)):
                machine.put(PARTNERS[0], FEEDS[number % len(FEEDS)], f"{number:05}.csv", data)
            machine.wait_for(60, LIMIT_S)
            times_s = sorted(one.at_s for one in machine.requests())
        return max(sum(at_s <= other_s < at_s + 1 for other_s in times_s) for at_s in times_s)

    def measure(self, keys: list[str]) -> dict[str, float]:
        """Return the figures asked for."""
        figures: dict[str, Callable[[], float]] = {
            "cpu_vs_one_machine": lambda: (
                self.processor_time(2, postgres=True) / self.processor_time(1, postgres=False)
            ),
            "speedup_4_workers": lambda: self.files_a_second(4) / self.files_a_second(1),
            "most_in_a_second": self.rate_kept,
        }
        values: dict[str, float] = {}
        for key in keys:
            if key in figures:
                values[key] = figures[key]()
            elif key not in values:
                values |= self.kill_workers()
            print(f"{key}: {values[key]:.2f}", file=sys.stderr)
        return {key: values[key] for key in keys}


def main() -> None:
    """Measure, and print each figure with its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", action="append", choices=list(BARS), metavar="KEY", help="a figure; repeatable")
    parser.add_argument("--files", type=int, default=1000, help="files of a run")
    parser.add_argument("--kills", type=int, default=50, help="workers to kill")
    options = parser.parse_args()
    server = PostgresServer(fsync=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Scale(Path(folder), server, options.files, options.kills)
            values = bench.measure([key for key in BARS if not options.only or key in options.only])
    finally:
        server.close()
    if options.json:
        figures = {key: {"value": value, "bar": BARS[key]} for key, value in values.items()}
        print(json.dumps(figures | {key: {"value": None, "note": "not built yet"} for key in NOT_BUILT}, indent=2))
    else:
        for key, value in values.items():
            print(f"{key:20} {value:10.2f}  {BARS[key]}")


if __name__ == "__main__":
    main()
