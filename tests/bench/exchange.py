"""Measure what the service costs beside other programs on the same files: `python tests/bench/exchange.py [--json]`.

Ratios are medians over alternating turns of one run. Each program runs as a process that takes one request a line, and
is warmed up before it is timed. Before a speed is compared, what both sides delivered is compared record by record, and
each script has to refuse files that break the contract.
The service is level 4, one file after the other, unless said, with its ledger committed to disk (synchronous FULL).

`fixed_ms_vs_post`: a file of 20 rows, service's time / that of one bare POST of the same body on a warm session.
`small_feed_vs_monolith`, `at_400_vs_monolith`: 100 and 400 rows over HTTP, service's time / monolith's.
`pass_vs_monolith`, `pass_small_vs_monolith`: 50 files of 400 and of 60 rows that wait, service's time at level 5 in one
pass / monolith's one after the other. `break_even_rows`: rows from which the service is faster. `vs_monolith`: the year
in one file over HTTP, monolith's time / service's at level 5. At level 5, the partner's file allows `parallel = 4`, and
`span_files` as that of every workspace of a replay.
`vs_polars_script`: the year in one file, to a delivered JSON Lines file, service's time / a hand-written script's.
`vs_dlt`, `pandas_script`, `petl`, `duckdb_script`: the same work, their time / service's.
`rss_growth`, `linear`: peak memory, and time a row, at ten years / at one. `peak_rss_bytes`: at ten years.
`ledger_at_1m`: 100 rows with 1,000,000 files in the ledger / with none. `bad_row_cost`: time of a bad row / of a good
one, in 50,000 rows of which a fifth is bad in six ways, within the budget.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import exchange_figures as figures
from exchange_sides import Bench, Result

from metrics.replay.input_files import read_flights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of a figure and the goal beyond it; without numbers, the figure is only reported."""

    at_most: float | None = None
    at_least: float | None = None
    goal: float | None = None

    def __str__(self) -> str:
        if self.at_most is not None:
            text = f"<= {self.at_most:,.12g}"
        elif self.at_least is not None:
            text = f">= {self.at_least:,.12g}"
        else:
            text = "reported"
        return text if self.goal is None else f"{text}, goal {self.goal:,.12g}"

    def is_met(self, value: float | None) -> bool | None:
        """Return whether a value meets the bar; None where there is no bar or no value."""
        if value is None or self.at_most == self.at_least:
            return None
        return value <= self.at_most if self.at_most is not None else value >= self.at_least


BARS = {
    "fixed_ms_vs_post": Bar(at_most=3.2, goal=2.2),
    "small_feed_vs_monolith": Bar(at_most=0.75, goal=0.55),
    "at_400_vs_monolith": Bar(at_most=0.32, goal=0.25),
    "pass_vs_monolith": Bar(at_most=0.22, goal=0.12),
    "pass_small_vs_monolith": Bar(at_most=0.22, goal=0.12),
    "break_even_rows": Bar(at_most=30, goal=10),
    "vs_monolith": Bar(at_least=10, goal=18),
    "vs_polars_script": Bar(at_most=1.0),
    "vs_dlt": Bar(at_least=35),
    "pandas_script": Bar(goal=1),
    "petl": Bar(goal=1),
    "duckdb_script": Bar(goal=1),
    "rss_growth": Bar(at_most=1.3),
    "peak_rss_bytes": Bar(at_most=400_000_000),
    "linear": Bar(at_most=1.1),
    "ledger_at_1m": Bar(at_most=1.2),
    "bad_row_cost": Bar(at_most=5),
}
TEN_YEARS = ("rss_growth", "peak_rss_bytes", "linear")


def measures(bench: Bench) -> dict[str, Callable[[], Result]]:
    """Return the function that measures each figure but those of `TEN_YEARS`."""
    script = partial(figures.measure_script, bench)
    return {
        "fixed_ms_vs_post": partial(figures.measure_fixed, bench),
        "small_feed_vs_monolith": partial(figures.measure_small, bench, 100),
        "at_400_vs_monolith": partial(figures.measure_small, bench, 400),
        "pass_vs_monolith": partial(figures.measure_pass, bench, 400),
        "pass_small_vs_monolith": partial(figures.measure_pass, bench, 60),
        "break_even_rows": partial(figures.measure_break_even, bench),
        "vs_monolith": partial(figures.measure_year, bench),
        "vs_polars_script": partial(script, "polars", bench.turns + 2, theirs_by_ours=False),
        "vs_dlt": partial(script, "dlt", 1, theirs_by_ours=True),
        "pandas_script": partial(script, "pandas", bench.turns, theirs_by_ours=True),
        "petl": partial(script, "petl", 1, theirs_by_ours=True),
        "duckdb_script": partial(script, "duckdb", bench.turns + 2, theirs_by_ours=True),
        "ledger_at_1m": partial(figures.measure_full_ledger, bench),
        "bad_row_cost": partial(figures.measure_bad_rows, bench),
    }


#: What the scripts of others need beside the base install, by figure.
PACKAGES = {"vs_dlt": "dlt", "petl": "petl", "duckdb_script": "duckdb"}


def measure(bench: Bench, keys: list[str]) -> Iterator[tuple[str, Result]]:
    """Measure figures in the order of `BARS`."""
    functions = measures(bench)
    ten_years: dict[str, Result] = {}
    for key in keys:
        began_s = time.monotonic()
        package = PACKAGES.get(key)
        if package is not None and find_spec(package) is None:
            yield key, Result(None, note=f"{package} is not installed; install milepost[bench]")
        elif key in TEN_YEARS:
            ten_years = ten_years or figures.measure_ten_years(bench)
            yield key, ten_years[key]
        else:
            yield key, functions[key]()
        print(f"{key}: {time.monotonic() - began_s:.1f} s", file=sys.stderr)


def as_line(key: str, result: Result, bar: Bar) -> str:
    """Return a figure as a line of the table."""

    def write(value: float | None) -> str:
        return "-" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"

    verdict = {True: "met", False: "missed", None: ""}[bar.is_met(result.value)]
    low, high = map(write, result.quartiles)
    notes = [f"{result.pairs} pair{'s' * (result.pairs != 1)}, quartiles {low} and {high}"]
    if result.ours_s is not None and result.theirs_s is not None:
        notes.append(f"{write(result.ours_s * 1000)} and {write(result.theirs_s * 1000)} ms")
    text = "; ".join([*(notes if result.pairs else ()), *filter(None, [result.note])])
    return f"{key:23} {write(result.value):>11}  {bar!s:21} {verdict:6}  {text}"


def main() -> None:
    """Measure, and print each figure with its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", action="append", choices=list(BARS), metavar="KEY", help="a figure; repeatable")
    parser.add_argument("--turns", type=int, default=3, help="turns on large files")
    parser.add_argument("--small-turns", type=int, default=60, help="turns on small files")
    options = parser.parse_args()
    keys = [key for key in BARS if not options.only or key in options.only]
    values = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        load = os.getloadavg()[0]
        bench = Bench(Path(name), stack, read_flights(), options.turns, options.small_turns)
        for key, result in measure(bench, keys):
            bar = BARS[key]
            values[key] = asdict(result) | {"bar": str(bar), "met": bar.is_met(result.value)}
            if not options.json:
                print(as_line(key, result, bar), flush=True)
    if options.json:
        print(json.dumps({"processors": os.cpu_count(), "load_before": load, "figures": values}, indent=2))


if __name__ == "__main__":
    main()
