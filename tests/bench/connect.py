"""Measure what other formats cost: `python tests/bench/connect.py [--json] [--rows N] [--turns N]`.

`fixed_width_vs_csv`, `jsonl_nested_vs_csv`, `parquet_vs_csv`: processor seconds a row of an exchange, on the same
flights. `xlsx_vs_calamine`, `xml_vs_lxml`: an exchange / the bare library reading all cells. `rss_growth`: peak memory
at ten times the rows, the worst of the formats that are read as streams.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import connect_formats

#: Figure -> the most that it may be.
BARS = {
    "fixed_width_vs_csv": 1.5, "jsonl_nested_vs_csv": 2.0, "parquet_vs_csv": 0.8, "xlsx_vs_calamine": 1.5,
    "xml_vs_lxml": 1.5, "rss_growth": 1.3,
}  # fmt: skip


def main() -> None:
    """Print the figures; end with 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures and bars as JSON")
    parser.add_argument("--rows", type=int, default=336_776, help="flights of a file")
    parser.add_argument("--turns", type=int, default=3, help="exchanges of each file, of which the median counts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        figures = connect_formats.figures(Path(folder), arguments.rows, arguments.turns)
    missed = [name for name, bar in BARS.items() if figures[name] > bar]
    if arguments.json:
        print(json.dumps({"figures": figures, "bars": BARS, "missed": missed}, indent=2))
    else:
        for name, value in figures.items():
            bar = f"  bar <= {BARS[name]:g}{'  MISSED' if name in missed else ''}" if name in BARS else ""
            print(f"{name:24} {value:10.3f}{bar}")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
