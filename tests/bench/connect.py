"""Measure formats and places: `python tests/bench/connect.py [--json] [--rows N] [--turns N] [--only GROUP]`.

`fixed_width_vs_csv`, `jsonl_nested_vs_csv`, `parquet_vs_csv`: processor seconds a row of an exchange, on the same
flights. `xlsx_vs_calamine`, `xml_vs_lxml`: an exchange / the bare library reading all cells. `rss_growth`: peak memory
at ten times the rows, the worst of the formats that are read as streams. Those of places are of `connect_places.py`
(SFTP) and `connect_s3.py`, those of receipts of `connect_receipts.py`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import connect_formats

#: Figure -> the most that it may be.
BARS = {
    "fixed_width_vs_csv": 1.5, "jsonl_nested_vs_csv": 2.0, "parquet_vs_csv": 0.8, "xlsx_vs_calamine": 1.5,
    "xml_vs_lxml": 1.5, "rss_growth": 1.3,
}  # fmt: skip

#: Programs beside this one that measure places.
PLACES = {"sftp": "connect_places.py", "s3": "connect_s3.py"}


def main() -> None:
    """Print the figures; end with 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures and bars as JSON")
    parser.add_argument("--rows", type=int, default=336_776, help="flights of a file")
    parser.add_argument("--turns", type=int, default=3, help="exchanges of each file, of which the median counts")
    parser.add_argument("--files", type=int, default=100, help="uploads to places that are cut")
    parser.add_argument("--only", choices=("formats", *PLACES, "receipts"), help="only this group of figures")
    parser.add_argument("--receipts", type=int, default=10_000, help="files that get a receipt")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    bars: dict[str, float] = {}
    if arguments.only in {None, "formats"}:
        with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
            figures |= connect_formats.figures(Path(folder), arguments.rows, arguments.turns)
        bars |= BARS
    for group, program in PLACES.items():
        if arguments.only in {None, group}:
            result = of_places(program, arguments.files)
            figures, bars = figures | result["figures"], bars | result["bars"]
    if arguments.only in {None, "receipts"}:
        result = of_places("connect_receipts.py", arguments.receipts)
        figures, bars = figures | result["figures"], bars | result["bars"]
    missed = [name for name, bar in bars.items() if figures[name] > bar]
    if arguments.json:
        print(json.dumps({"figures": figures, "bars": bars, "missed": missed}, indent=2))
    else:
        for name, value in figures.items():
            bar = f"  bar <= {bars[name]:g}{'  MISSED' if name in missed else ''}" if name in bars else ""
            print(f"{name:24} {value:10.3f}{bar}")
    sys.exit(bool(missed))


def of_places(program: str, files: int) -> dict[str, dict[str, float]]:
    """Return the figures and bars of a program beside this one."""
    command = [sys.executable, str(Path(__file__).with_name(program)), "--json", "--files", str(files)]
    result: dict[str, dict[str, float]] = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout
    )
    return result


if __name__ == "__main__":
    main()
