"""Service against monolith on one file, in turns, medians of ratios: `python tests/bench/exchange.py [--json]`.

`vs_monolith`: the year in one file, monolith's time / service's. `small_feed_vs_monolith`: 100 rows in a warm process,
durable ledger commits included, service's time / monolith's. `peak_rss_bytes`: the service's, on the year.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from metrics.subjects import Program, command, usage
from metrics.workload import flights
from poc.scaffold import AIRLINES, make

SIDES = ("monolith", "service@1")


def variant(source: bytes, number: int) -> bytes:
    """The same flights in another year, so that no file is one already received."""
    return source.replace(b",2013-", f",{1000 + number}-".encode())


def compare(
    folder: Path, name: str, source: bytes, turns: int, warm_ups: int
) -> tuple[list[dict[str, float]], int | None]:
    """Seconds a side and turn, after warm-ups; and the service's peak memory in bytes."""
    state = folder / name
    partner = Program([sys.executable, "-m", "poc.partner_double", "--keep", str(state / "keep")])
    programs = {}
    for side in SIDES:
        where = ["--state", str(state / side), "--endpoint", f"{partner.ready['ready']}/{side}"]
        programs[side] = Program([*command(side), "--workspace", str(folder / "w"), *where])
    found: list[dict[str, float]] = []
    path = folder / f"{name}.csv"
    for turn in range(-warm_ups, turns):
        path.write_bytes(variant(source, turn + warm_ups))
        took: dict[str, float] = {}
        for side in SIDES if turn % 2 else SIDES[::-1]:
            began = time.monotonic()
            programs[side].say({"file": str(path), "partner": "UA", "feed": "flights", "now": "2013-01-01T06:00:00Z"})
            result = programs[side].hear()
            took[side] = time.monotonic() - began
            if result.get("outcome") != "done":
                raise SystemExit(f"{side}: {result}")
        if turn >= 0:
            found.append(took)
    peak = usage(programs["service@1"].pid, reset_peak=False).peak_rss_bytes
    for program in (*programs.values(), partner):
        program.end()
    return found, peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--turns", type=int, default=3, help="turns on the whole year")
    options = parser.parse_args()
    source = flights()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "w", "bench", "replay", AIRLINES, "")
        year, peak = compare(folder, "year", source, options.turns, 0)
        small, _ = compare(folder, "small", b"\n".join(source.split(b"\n")[:101]) + b"\n", 60, 20)
    numbers = {
        "vs_monolith": statistics.median(turn["monolith"] / turn["service@1"] for turn in year),
        "small_feed_vs_monolith": statistics.median(turn["service@1"] / turn["monolith"] for turn in small),
        "peak_rss_bytes": peak,
        "service_year_s": statistics.median(turn["service@1"] for turn in year),
        "monolith_year_s": statistics.median(turn["monolith"] for turn in year),
    }
    if options.json:
        print(json.dumps(numbers, indent=2))
        return
    for key, value in numbers.items():
        print(f"{key:24} {value:,.2f}" if isinstance(value, float) else f"{key:24} {value}")


if __name__ == "__main__":
    main()
