"""What one partner costs the others: `python tests/bench/isolation.py [--json] [--base FOLDER]`.

Twenty partners get files of ten rows over HTTP, open loop: files arrive at fixed times, whether or not earlier ones are
done, at half of what the service can do. A file's delay runs from its arrival in the inbox to the end of its exchange,
from the run events; the p95 is that of the partners that answer. Ratios compare a run with a bad partner with a run in
which all answer, both with the same arrivals; each is the median of `--pairs` pairs of runs in turns.

`healthy_p95_ratio`: one partner never answers (time-out 2 s). `trickle_p95_ratio`: one sends its answer a byte each
half second. `slow_p95_ratio`: one answers after 1.8 s. `three_hang_p95_ratio`: three never answer. `burst_p95_ratio`:
1,000 files of one partner arrive at once. `one_machine`: 200 files of 100 rows through the function of `milepost run`,
this tree / the one in `--base`, upper 95 % bound of the median over 30 alternating pairs. `inbox_20000_s`: 20,000 files
wait, seconds to the first receipt; `status_20000_s`: seconds of the function of `milepost status` then.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from isolation_programs import MAKE, PARTNER, RUN, WORKER

from metrics.events import SpoolRecorder
from metrics.replay.input_files import read_flights

ROOT = Path(__file__).parents[2]
BARS = {
    "healthy_p95_ratio": "<= 1.10", "trickle_p95_ratio": "<= 1.10", "slow_p95_ratio": "<= 1.10",
    "three_hang_p95_ratio": "<= 1.25", "burst_p95_ratio": "<= 1.2", "one_machine": "<= 1.05", "inbox_20000_s": "<= 1.0",
    "status_20000_s": "<= 1.0", "files_per_s": "reported", "p95_ms": "reported",
}  # fmt: skip
PARTNERS = [f"P{number:02}" for number in range(20)]
SCENARIOS = {
    "healthy_p95_ratio": {"P00": "hang"},
    "trickle_p95_ratio": {"P00": "trickle"},
    "slow_p95_ratio": {"P00": "slow"},
    "three_hang_p95_ratio": dict.fromkeys(("P00", "P01", "P02"), "hang"),
    "burst_p95_ratio": {"P00": "burst"},
}


def variant(lines: list[bytes], rows: int, number: int) -> bytes:
    """Return a file of that many flights, moved to another year so that no two files are equal."""
    start = number * rows % (len(lines) - rows - 1)
    text = b"\n".join([lines[0], *lines[1 + start : 1 + start + rows]]) + b"\n"
    year = 1000 + 2 * number % 8000
    return text.replace(b",2013-", b",%d-" % year).replace(b",2014-", b",%d-" % (year + 1))


def python_of(tree: Path) -> str:
    """Return the interpreter of a checkout."""
    return sys.executable if tree == ROOT else str(tree / ".venv" / "bin" / "python")


def make_workspace(root: Path, partners: list[str], url: str, tree: Path = ROOT) -> None:
    """Let a checkout create a workspace whose partners take requests at a URL, and whose files need not settle."""
    subprocess.run([python_of(tree), "-c", MAKE, str(root), *partners], cwd=tree, check=True)
    for partner in partners:
        path = root / "partners" / f"{partner}.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        place = f'url = "{url}/{partner}"\nhonours_keys = true\ntimeout_s = 2.0\n\n'
        feed = tail[tail.index("[feed.flights]") :].replace("settle_s = 2.0", "settle_s = 0  ")
        path.write_text(f"{head}[endpoint]\n{place}{feed}")


def start(stack: ExitStack, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Start a program that ends with its standard input, and return it with its first line."""
    program = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdin is not None
    assert program.stdout is not None
    stack.callback(program.wait, 120)
    stack.callback(program.stdin.close)
    return program, program.stdout.readline().strip()


def delays(root: Path) -> dict[str, list[float]]:
    """Return the seconds from arrival to the end of the first attempt of every file, by partner, from the spool."""
    ends: dict[str, list[float]] = {}
    for path in (root / "var" / "spool" / "live").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if event["kind"] == "run" and event["key"]["attempt"] == 1:
                end_us = event["started_at_us"] + event["duration_ns"] / 1000 - event["due_at_us"]
                ends.setdefault(event["partner"], []).append(end_us / 1e6)
    return ends


def drop(root: Path, partner: str, number: int, data: bytes) -> None:
    """Let a file arrive whole in an inbox."""
    part = root / "var" / "inbox" / partner / "flights" / f"{number:05}.csv.part"
    part.write_bytes(data)
    part.rename(part.with_suffix(""))


def stage_burst(folder: Path, lines: list[bytes], files: int) -> list[Path]:
    """Write 1,000 files that are to arrive at once."""
    (folder / "burst").mkdir()
    paths = [folder / "burst" / f"{files + number:05}.csv" for number in range(1000)]
    for number, path in enumerate(paths):
        path.write_bytes(variant(lines, 10, files + number))
    return paths


def play(folder: Path, lines: list[bytes], modes: dict[str, str], files: int, per_s: float, seed: int) -> list[float]:
    """Let files arrive at a rate, and return the delays of the partners without a mode."""
    folder.mkdir()
    with ExitStack() as stack:
        _, port = start(stack, "-c", PARTNER, json.dumps(modes))
        root = folder / "w"
        make_workspace(root, PARTNERS, f"http://127.0.0.1:{port}")
        start(stack, "-c", WORKER, str(root))
        draw = random.Random(seed)
        arrivals = [(number, draw.choice(PARTNERS)) for number in range(files)]
        burst = stage_burst(folder, lines, files) if "burst" in modes.values() else []
        expected = sum(partner not in modes for _, partner in arrivals)
        began_s = time.monotonic()
        for number, partner in arrivals:
            time.sleep(max(began_s + number / per_s - time.monotonic(), 0))
            drop(root, partner, number, variant(lines, 10, number))
            if number == files // 4:
                for path in burst:
                    os.utime(path)
                    path.rename(root / "var" / "inbox" / "P00" / "flights" / path.name)
        until_s = time.monotonic() + 60
        while True:
            healthy = [delay for partner, ends in delays(root).items() if partner not in modes for delay in ends]
            if len(healthy) >= expected or time.monotonic() > until_s:
                break
            time.sleep(0.2)
        assert len(healthy) == expected, f"{len(healthy)} of {expected} files were exchanged"
    shutil.rmtree(folder)
    return healthy


def capacity(folder: Path, lines: list[bytes]) -> float:
    """Return the files a second that the service exchanges when one file of each partner waits.

    Not when many wait: a pass shares its cost among files that arrive together, and in `play` few do. Half of such a
    rate is close to all that the service can do with single files, and the delays are then those of a queue.
    """
    folder.mkdir()
    with ExitStack() as stack:
        _, port = start(stack, "-c", PARTNER, "{}")
        root = folder / "w"
        make_workspace(root, PARTNERS, f"http://127.0.0.1:{port}")
        start(stack, "-c", WORKER, str(root))
        staged = stage_burst(folder, lines, 0)
        paths = [
            root / "var" / "inbox" / PARTNERS[number % 20] / "flights" / path.name for number, path in enumerate(staged)
        ]
        began_s = time.monotonic()
        for number, (path, arrived) in enumerate(zip(staged, paths, strict=True)):
            while number >= len(PARTNERS) and paths[number - len(PARTNERS)].exists():
                time.sleep(0.001)
            path.rename(arrived)
        while any(path.exists() for path in paths[-len(PARTNERS) :]):
            time.sleep(0.001)
        took_s = time.monotonic() - began_s
    shutil.rmtree(folder)
    return len(paths) / took_s


def p95(values: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def measure_isolation(folder: Path, lines: list[bytes], files: int, pairs: int) -> dict[str, float | None]:
    """Return the ratios of the p95 of the partners that answer, with and without a bad partner."""
    per_s = capacity(folder / "capacity", lines) / 2
    values: dict[str, float | None] = {"files_per_s": per_s * 2}
    ratios: dict[str, list[float]] = {name: [] for name in SCENARIOS}
    alone: list[float] = []
    for pair in range(pairs):
        for name, modes in SCENARIOS.items():
            quiet = dict.fromkeys(modes, "quiet")  # the same partners are left out of both p95
            turns = [("with", modes), ("without", quiet)]
            took = {
                turn: p95(play(folder / turn, lines, bad, files, per_s, pair))
                for turn, bad in (turns if pair % 2 else reversed(turns))
            }
            ratios[name].append(took["with"] / took["without"])
            alone.append(took["without"])
    values["p95_ms"] = statistics.median(alone) * 1000
    return values | {name: statistics.median(each) for name, each in ratios.items()}


def measure_trees(folder: Path, lines: list[bytes], base: Path | None, pairs: int) -> dict[str, float | None]:
    """Return the upper bound of this tree's time / the other tree's, for 200 files of 100 rows over HTTP."""
    if base is None:
        return {"one_machine": None}
    with ExitStack() as stack:
        _, port = start(stack, "-c", PARTNER, "{}")
        programs: dict[str, Any] = {}
        for name, tree in (("this", ROOT), ("base", base)):
            make_workspace(folder / name, ["UA"], f"http://127.0.0.1:{port}", tree)
            programs[name] = subprocess.Popen(
                [python_of(tree), "-c", RUN, str(folder / name)],
                cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.callback(programs[name].wait, 30)
            stack.callback(programs[name].stdin.close)
        ratios = []
        for pair in range(pairs + 2):
            took = {}
            for name in ("this", "base") if pair % 2 else ("base", "this"):
                for number in range(200):
                    drop(folder / name, "UA", number, variant(lines, 100, pair * 200 + number))
                programs[name].stdin.write("go\n")
                programs[name].stdin.flush()
                seconds, receipts = programs[name].stdout.readline().split()
                assert receipts == "200", receipts
                took[name] = float(seconds)
            ratios.append(took["this"] / took["base"])
    draw, ratios = random.Random(1), ratios[2:]
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return {"one_machine": medians[1949], "one_machine_median": statistics.median(ratios)}


def measure_full_inbox(folder: Path, lines: list[bytes]) -> dict[str, float | None]:
    """Return the seconds to the first receipt, and of the state, while 20,000 files wait."""
    from datetime import UTC, datetime

    from poc.cli.status import collect_state
    from poc.config.workspace import load_workspace
    from poc.service.inbox_run import run_inbox

    with ExitStack() as stack:
        _, port = start(stack, "-c", PARTNER, "{}")
        root = folder / "full"
        make_workspace(root, ["UA"], f"http://127.0.0.1:{port}")
        for number in range(20_000):
            (root / "var" / "inbox" / "UA" / "flights" / f"{number:05}.csv").write_bytes(variant(lines, 10, number))
        os.sync()
        workspace = load_workspace(root)
        began_s = time.monotonic()
        state = collect_state(workspace, datetime.now(UTC))
        status_s = time.monotonic() - began_s
        assert state["waiting"] == {"UA/flights": 20_000}
        began_s = time.monotonic()
        with closing(SpoolRecorder(workspace.spool)) as recorder:
            results = run_inbox(workspace, None, 4, lambda: datetime.now(UTC), recorder, "0")
            with closing(results):
                assert next(iter(results)).receipt is not None
                first_s = time.monotonic() - began_s
    return {"inbox_20000_s": first_s, "status_20000_s": status_s}


def main() -> None:
    """Measure, and print each figure with its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--base", type=Path, help="another checkout of the project with its own .venv")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    source = read_flights().split(b"\n")
    lines = [source[0], *(line for line in source[1:] if b",UA," in line)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        values = measure_full_inbox(folder, lines)
        values |= measure_trees(folder, lines, options.base, 30)
        values |= measure_isolation(folder, lines, options.files, options.pairs)
    if options.json:
        print(json.dumps({"values": values, "bars": BARS}, indent=2))
        return
    for key, value in values.items():
        print(f"{key:24} {'-' if value is None else f'{value:,.3f}':>12}  {BARS.get(key, '')}")


if __name__ == "__main__":
    main()
