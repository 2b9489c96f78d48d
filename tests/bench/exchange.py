"""Measure what the service costs beside other programs on the same files: `python tests/bench/exchange.py [--json]`.

Ratios are medians over alternating turns of one run. Each program runs as a process that takes one request a line, and
is warmed up before it is timed.
The service is the highest level, with its ledger committed to disk (synchronous FULL).

`vs_polars_script`: the year in one file, to a delivered JSON Lines file, service's time / a hand-written script's.
`vs_dlt`: the same file, dlt's time / service's. `vs_monolith`: the same file over HTTP, monolith's / service's.
`small_feed_vs_monolith`: 100 rows over HTTP, service's / monolith's. `break_even_rows`: rows from which the service is
faster. `rss_growth`, `linear`: peak memory, and time a row, at ten years / at one. `peak_rss_bytes`: at ten years.
`ledger_at_1m`: 100 rows with 1,000,000 files in the ledger / with none. `bad_row_cost`: time of a bad row / of a good
one, in 50,000 rows of which a fifth is bad in six ways, within the budget.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from metrics.replay.input_files import read_flights
from metrics.replay.subject_process import SubjectProcess, read_usage, subject_command
from poc.config.scaffold import AIRLINES, create_workspace
from poc.ledger.ledger import open_ledger
from poc.pipeline.capabilities import HIGHEST_LEVEL

SERVICE, MONOLITH = f"service@{HIGHEST_LEVEL}", "monolith"
BARS = {
    "vs_polars_script": "<= 1.5", "vs_dlt": ">= 30", "vs_monolith": ">= 8", "small_feed_vs_monolith": "<= 1.0",
    "break_even_rows": "reported", "rss_growth": "<= 1.3", "peak_rss_bytes": "<= 400,000,000", "linear": "<= 1.1",
    "ledger_at_1m": "<= 1.2", "bad_row_cost": "<= 5",
}  # fmt: skip
SIZES = (10, 30, 100, 200, 400)


def variant(source: bytes, number: int) -> bytes:
    """Return the same flights in other years, so that no file was received before and no flight occurs twice."""
    # in UTC, the last evening of the year is in the next one
    moved = source.replace(b",2013-", f",{1000 + 2 * number}-".encode())
    return moved.replace(b",2014-", f",{1001 + 2 * number}-".encode())


def first_rows(source: bytes, rows: int) -> bytes:
    """Return the header and this many rows."""
    return b"\n".join(source.split(b"\n", rows + 1)[: rows + 1]) + b"\n"


def with_bad_rows(source: bytes, every: int = 5) -> bytes:
    """The file with each fifth row broken: too short, too long, badly quoted, undecodable, of wrong types or values."""
    header, *rows = source.splitlines()
    for number in range(0, len(rows), every):
        cells = rows[number].split(b",")
        match number // every % 6:
            case 0:
                cells.pop()
            case 1:
                cells.append(b"x")
            case 2:
                cells[3] = b'x"'
            case 3:
                cells[3] = b"\xff"
            case 4:
                cells[0] = b"year"
            case 5:
                cells[1] = b"13"
        rows[number] = b",".join(cells)
    return b"\n".join((header, *rows, b""))


class Bench:
    """Programs and files below one folder; leaving the block ends all programs."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._number = 0
        create_workspace(folder / "w", "bench", "replay", AIRLINES, "")
        partner = folder / "w" / "partners" / "UA.toml"
        head, _, tail = partner.read_text().partition("[endpoint]\n")
        (folder / "out").mkdir()
        place = f'folder = "{folder / "out"}"\n'
        shutil.copytree(folder / "w", folder / "into-folder")
        (folder / "into-folder" / "partners" / "UA.toml").write_text(
            f"{head}[endpoint]\n{place}{tail[tail.index('[feed') :]}"
        )
        double = [sys.executable, "-m", "poc.practice_partner", "--keep", str(folder / "keep")]
        self._partner = str(self.start(double).ready["ready"])

    def start(self, arguments: list[str]) -> SubjectProcess:
        """Start a program that ends with the bench."""
        program = SubjectProcess(arguments)
        self._stack.callback(program.end)
        return program

    def subject(self, name: str, *, over_http: bool, state: Path | None = None) -> SubjectProcess:
        """Start a side with its own state, which delivers to the practice partner or into a folder."""
        self._number += 1
        where = state or self.folder / f"state-{self._number}"
        places = ["--endpoint", f"{self._partner}/s{self._number}"] if over_http else []
        workspace = self.folder / ("w" if over_http else "into-folder")
        return self.start([*subject_command(name), "--workspace", str(workspace), "--state", str(where), *places])

    def run(self, program: SubjectProcess, path: Path) -> float:
        """Return the seconds that one exchange takes."""
        request = {"file": str(path), "partner": "UA", "feed": "flights", "now": "2013-01-01T06:00:00+00:00"}
        took_s, result = self.ask(program, request)
        if result.get("outcome") != "done":
            raise SystemExit(f"{program.name}: {result}")
        return took_s

    @staticmethod
    def ask(program: SubjectProcess, request: dict[str, Any]) -> tuple[float, dict[str, Any]]:
        """Return the seconds that one answer takes, and the answer."""
        began = time.monotonic()
        program.send(request)
        result = program.receive()
        return time.monotonic() - began, result

    def script(self, program: SubjectProcess, path: Path) -> float:
        """Return the seconds that one of the scripts takes."""
        out = self.folder / "script-out"
        request = {"file": str(path), "out": str(out)}
        took_s, _ = self.ask(program, request)
        shutil.rmtree(out, ignore_errors=True) if out.is_dir() else out.unlink(missing_ok=True)
        return took_s


def against_script(bench: Bench, source: bytes, script: str, turns: int, warm_ups: int) -> list[tuple[float, float]]:
    """Return the seconds of service and script on the year, turn by turn."""
    service = bench.subject(SERVICE, over_http=False)
    other = bench.start([sys.executable, str(Path(__file__).with_name(script))])
    found = []
    for turn in range(turns + warm_ups):
        path = bench.folder / f"{Path(script).stem}-{turn}.csv"
        path.write_bytes(variant(source, turn))
        if turn % 2:
            pair = (bench.run(service, path), bench.script(other, path))
        else:
            theirs = bench.script(other, path)
            pair = (bench.run(service, path), theirs)
        path.unlink()
        shutil.rmtree(bench.folder / "out" / "flights", ignore_errors=True)
        if turn >= warm_ups:
            found.append(pair)
    other.end()
    service.end()
    return found


def against_monolith(bench: Bench, source: bytes, turns: int, warm_ups: int) -> list[tuple[float, float]]:
    """Return the seconds of service and monolith on one file over HTTP, turn by turn."""
    sides = [bench.subject(SERVICE, over_http=True), bench.subject(MONOLITH, over_http=True)]
    found = []
    for turn in range(turns + warm_ups):
        path = bench.folder / f"monolith-{turn}.csv"
        path.write_bytes(variant(source, turn))
        took = {side: bench.run(side, path) for side in (sides if turn % 2 else sides[::-1])}
        path.unlink()
        if turn >= warm_ups:
            found.append((took[sides[0]], took[sides[1]]))
    for side in sides:
        side.end()
    return found


def at_size(bench: Bench, path: Path) -> tuple[float, int]:
    """Return the seconds and the peak memory of a new process on one file."""
    service = bench.subject(SERVICE, over_http=False)
    took_s = bench.run(service, path)
    peak = read_usage(service.pid, reset_peak=False).peak_rss_bytes or 0
    service.end()
    shutil.rmtree(bench.folder / "out" / "flights", ignore_errors=True)
    return took_s, peak


def full_ledger(folder: Path, entries: int) -> None:
    """Make a ledger with this many exchanged files."""
    with closing(open_ledger(folder / "ledger.db")):
        pass
    with closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        db.execute(
            "INSERT INTO exchange (id, partner, feed, sha256, file, size_bytes, attempt, outcome, opened_at_us,"
            " closed_at_us, rows_in, rows_delivered, whole) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "SELECT lower(hex(randomblob(12))), 'UA', 'flights', lower(hex(randomblob(32))), 'f' || i || '.csv', 9000,"
            " 1, 'done', i, i, 100, 100, 1 FROM n",
            (entries,),
        )


def with_ledgers(bench: Bench, source: bytes, entries: int, turns: int, warm_ups: int) -> list[float]:
    """Return the time of 100 rows with a full ledger, divided by that with an empty one, turn by turn."""
    full_ledger(bench.folder / "full", entries)
    sides = [
        bench.subject(SERVICE, over_http=True, state=bench.folder / "full"),
        bench.subject(SERVICE, over_http=True),
    ]
    found = []
    for turn in range(turns + warm_ups):
        path = bench.folder / f"ledger-{turn}.csv"
        path.write_bytes(variant(source, turn))
        took = {side: bench.run(side, path) for side in (sides if turn % 2 else sides[::-1])}
        path.unlink()
        if turn >= warm_ups:
            found.append(took[sides[0]] / took[sides[1]])
    return found


def bad_row_cost(bench: Bench, source: bytes, turns: int, warm_ups: int) -> list[float]:
    """Time of a bad row / of a good one, turn by turn: the same file with bad rows, and without."""
    partner = bench.folder / "into-folder" / "partners" / "UA.toml"
    partner.write_text(partner.read_text().replace("[feed.flights]\n", "[feed.flights]\nbudget = { share = 0.3 }\n"))
    service = bench.subject(SERVICE, over_http=False)
    found = []
    for turn in range(turns + warm_ups):
        good, bad = bench.folder / f"good-{turn}.csv", bench.folder / f"bad-{turn}.csv"
        good.write_bytes(variant(source, 2 * turn))
        bad.write_bytes(with_bad_rows(variant(source, 2 * turn + 1)))
        took = {path: bench.run(service, path) for path in ((good, bad) if turn % 2 else (bad, good))}
        rows = source.count(b"\n") - 1
        bad_rows = -(-rows // 5)
        if turn >= warm_ups:
            good_row_s = took[good] / rows
            found.append((took[bad] - good_row_s * (rows - bad_rows)) / bad_rows / good_row_s)
        for path in (good, bad):
            path.unlink()
        shutil.rmtree(bench.folder / "out" / "flights", ignore_errors=True)
    service.end()
    return found


def break_even(ratios: dict[int, float]) -> float | None:
    """Return the rows at which the time ratio crosses 1, interpolated between sizes; None where it does not."""
    sizes = sorted(ratios)
    if ratios[sizes[0]] <= 1:
        return float(sizes[0])
    for low, high in pairwise(sizes):
        if ratios[low] > 1 >= ratios[high]:
            return low + (high - low) * (ratios[low] - 1) / (ratios[low] - ratios[high])
    return None


def measure(bench: Bench, source: bytes, turns: int, small_turns: int) -> dict[str, float | None]:
    """Measure all keys."""
    numbers: dict[str, float | None] = {}
    year = against_script(bench, source, "polars_script.py", turns + 2, 1)
    numbers["vs_polars_script"] = statistics.median(ours / theirs for ours, theirs in year)
    numbers["service_year_s"] = statistics.median(ours for ours, _ in year)
    dlt = against_script(bench, source, "dlt_script.py", 1, 0)
    numbers["vs_dlt"] = statistics.median(theirs / ours for ours, theirs in dlt)
    over_http = against_monolith(bench, source, turns, 0)
    numbers["vs_monolith"] = statistics.median(theirs / ours for ours, theirs in over_http)
    numbers["service_year_http_s"] = statistics.median(ours for ours, _ in over_http)
    ratios: dict[int, float] = {}
    for rows in SIZES:
        pairs = against_monolith(bench, first_rows(source, rows), small_turns, 20)
        ratios[rows] = statistics.median(ours / theirs for ours, theirs in pairs)
    numbers["small_feed_vs_monolith"] = ratios[100]
    numbers["break_even_rows"] = break_even(ratios)
    one, ten = bench.folder / "one.csv", bench.folder / "ten.csv"
    one.write_bytes(source)
    header = source.index(b"\n") + 1
    with ten.open("wb") as file:
        file.write(source[:header])
        for number in range(10):
            file.write(variant(source[header:], number))
    pairs = [(at_size(bench, one), at_size(bench, ten)) for _ in range(turns)]
    numbers["rss_growth"] = statistics.median(large[1] / small[1] for small, large in pairs)
    numbers["peak_rss_bytes"] = max(large[1] for _, large in pairs)
    numbers["linear"] = statistics.median(large[0] / 10 / small[0] for small, large in pairs)
    numbers["ledger_at_1m"] = statistics.median(
        with_ledgers(bench, first_rows(source, 100), 1_000_000, small_turns, 20)
    )
    numbers["bad_row_cost"] = statistics.median(bad_row_cost(bench, first_rows(source, 50_000), 2 * turns + 1, 1))
    return numbers


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--turns", type=int, default=3, help="turns on large files")
    parser.add_argument("--small-turns", type=int, default=60, help="turns on small files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        numbers = measure(Bench(Path(name), stack), read_flights(), options.turns, options.small_turns)
    if options.json:
        print(json.dumps(numbers, indent=2))
        return
    for key, value in numbers.items():
        print(f"{key:24} {'-' if value is None else f'{value:,.2f}':>16}  {BARS.get(key, '')}")


if __name__ == "__main__":
    main()
