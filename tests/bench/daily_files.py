"""A year of daily files: how large `var/` gets, and how fast commands start: `python tests/bench/daily_files.py`.

By default, 50 partners hand in a file of 30 rows on each of 365 days, by a clock of its own; everything settled is kept
for 90 days. `var_ratio`: the largest size of `var/` in the last 100 days / that in the 100 days after the first 90,
without the metrics store, in which the rollup of all days stays: `store_bytes_a_feed_day`. `status_ratio` and
`run_ratio`: processor time of the command on the last day / on the second one, the smallest of several. Bars: at most
1.1 each.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import DEVNULL, PIPE

from tests.daily_files import DailyFiles

#: The highest ratio that is good.
BAR = 1.1

KEEP_DAYS = 90
ROWS = 30


def command_cpu_s(root: Path, command: str, times: int) -> float:
    """Return the smallest processor time of a command in the workspace."""
    samples = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        arguments = [sys.executable, "-m", "milepost", "-w", str(root), command]
        subprocess.run(arguments, stdout=DEVNULL, stderr=DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        samples.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(samples)


def measure(folder: Path, days: int, partners: int, times: int) -> dict[str, float]:
    """Return the sizes, processor times and ratios of a year."""
    (folder / "plan.json").write_text("{}")
    command = [sys.executable, "-m", "poc.practice_partner", "--plan", "plan.json", "--keep", "keep", "--port", "0"]
    partner = subprocess.Popen(command, cwd=folder, stdin=PIPE, stdout=PIPE, text=True)
    try:
        assert partner.stdout is not None
        url = json.loads(partner.stdout.readline())["ready"]
        workspace = DailyFiles(folder / "w", url, partners, KEEP_DAYS)
        sizes, store_sizes, times_s = [], [], {}
        for day in range(days):
            workspace.pass_day(day, ROWS)
            sizes.append(workspace.size_bytes())
            store_sizes.append(workspace.store_bytes())
            if day in {1, days - 1}:
                times_s[day] = {name: command_cpu_s(workspace.root, name, times) for name in ("status", "run")}
    finally:
        partner.kill()
        partner.wait()
    first, last = times_s[1], times_s[days - 1]
    return {
        "days": days,
        "partners": partners,
        "var_mb": sizes[-1] / 1e6,
        "store_mb": store_sizes[-1] / 1e6,
        "store_bytes_a_feed_day": (store_sizes[-1] - store_sizes[KEEP_DAYS]) / partners / (days - KEEP_DAYS - 1),
        "var_ratio": max(sizes[-100:]) / max(sizes[KEEP_DAYS : KEEP_DAYS + 100]),
        **{f"{name}_s": last[name] for name in last},
        **{f"{name}_ratio": last[name] / first[name] for name in last},
    }


def main() -> int:
    """Measure, print, and return 1 if a ratio is above the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--partners", type=int, default=50)
    parser.add_argument("--times", type=int, default=7, help="runs of each command")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.days, options.partners, options.times)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>14} {value:,.2f}")
    return int(any(value > BAR for name, value in figures.items() if name.endswith("_ratio")))


if __name__ == "__main__":
    sys.exit(main())
