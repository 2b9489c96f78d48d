"""Measure how fast the dashboard answers: `python tests/bench/dashboard.py [--json] [--full] [--signed-in]`.

One real server, `milepost serve` on loopback, on a made-up year of 1,000,000 runs; with `--full` on 10,000,000 as well.
Milliseconds; of pages, to the first byte:

`ttfb_p95_ms`: the slowest page's first requests after a change of the store, two for each change: at once, and as soon
as the page shows the change. `ttfb_warm_p95_ms`: the slowest page's later requests.
`ttfb_warm_ms`: the median of the later requests, page by page. `start_ms`: the slowest page's first request after the
server has started and answers. `flatness`: median of the slowest page's first
requests at 10,000,000 runs / at 1,000,000.
`lcp_ms`, `chart_ms` (medians of five), `cls` (the worst): the first view of `/` in Chromium with an empty cache.
`signed_in_50_p95_ms`, with `--signed-in`: fifty people with a session each, who open a page a second for half a minute.
All other keys are measured behind a sign-in then, too.
`ingest_p95_ms`: `/` on a live workspace of the same size, while 2,000 events a second come into its spool and are
collected by the same server.

It takes three minutes (`--full`: ten, and 8 GB below the folder for temporary files, which are deleted), stops by
itself, and ends only the processes that it started. No number in the made-up year was measured.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made_year import BUILT, change, live_now, multiply, production, year
from seen_in_chromium import seen
from signed_in import COOKIE, read_at_once, require_sign_in, sign_in

sys.path.remove(str(Path(__file__).resolve().parent))  # this file has the name of the package that it measures

from dashboard.app import create_app
from dashboard.config import Config
from metrics.collector.collect import collect
from metrics.events import SpoolRecorder, to_line
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from poc.config.scaffold import AIRLINES, create_workspace
from roadmap.plan.template import replay_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]

BARS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "ttfb_p95_ms": ("<= 60", lambda found: found <= 60),
    "ttfb_warm_p95_ms": ("<= 15", lambda found: found <= 15),
    "flatness": ("<= 1.2", lambda found: found <= 1.2),
    "lcp_ms": ("<= 500", lambda found: found <= 500),
    "chart_ms": ("<= 2500", lambda found: found <= 2500),
    "cls": ("0", lambda found: found == 0),
    "signed_in_50_p95_ms": ("<= 150", lambda found: found <= 150),
    "ingest_p95_ms": ("<= 80", lambda found: found <= 80),
}

#: Number of changes of the store, and of later requests to each page after each change.
CHANGES, AGAIN = 10, 3

#: Time-out in seconds for a page to show a change, and for a server to answer.
PATIENCE_S = 60.0

#: Events a second that are recorded while `/` is requested, for how many seconds, and the pause between two requests.
EVENTS_PER_S, INGEST_S, PAUSE_S = 2_000, 30.0, 0.1

#: Endpoints that need accounts or a running service, or are no page: static files, and those for programs; data has a
#: suffix.
ASIDE = ("intake.",
    "static", "static_files.", "access.", "acts.", "audit.", "health.", "migration.detail", "repairs.", "shares.",
    "today.",
)  # fmt: skip

#: Values of the variable parts of an address, by the first segment.
EXAMPLES = {"runs": "{run}", "milestones": "M2", "partners": "DL", "decisions": "1"}

#: Further addresses of pages, with query keys; used where the page exists.
FILTERS = (
    "/search?q=DL-flights-2013-0",
    "/?faults=none",
    "/runs?state=failed&partner=DL",
    "/runs?side=service&feed=flights",
    "/runs?attempt=first",
)


@dataclass
class Server:
    """A running `milepost serve`."""

    port: int
    session: str = ""  #: the secret of a session; "" where nobody signs in

    def ask(self, path: str) -> tuple[float, int, str]:
        """Return the milliseconds to the first byte, the status and the ETag of a page."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as line:
            line.connect()
            began = time.perf_counter()
            line.request("GET", path, headers={"Cookie": f"{COOKIE}={self.session}"} if self.session else {})
            answer = line.getresponse()
            took_ms = (time.perf_counter() - began) * 1000
            answer.read()
            return took_ms, answer.status, answer.headers.get("ETag", "")

    def page(self, path: str) -> float:
        """Return the milliseconds to the first byte of a page, whose status must be 200."""
        took_ms, status, _ = self.ask(path)
        if status != 200:
            raise SystemExit(f"{path}: {status}")
        return took_ms

    def wait(self, path: str, tag: str) -> float:
        """Request a page until it has changed, and return the milliseconds of the request that showed it first."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            took_ms, status, found = self.ask(path)
            if status == 200 and found != tag:
                return took_ms
            time.sleep(0.2)
        raise SystemExit(f"{path}: has not changed in {PATIENCE_S:.0f} s")


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    """Run `milepost serve` on a workspace and a free port until the block ends."""
    command = [sys.executable, "-m", "milepost", "-w", str(root), "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            port = int(told.split(":")[3].split("/")[0])
            yield Server(port, sign_in(port) if (root / "var" / "access.db").exists() else "")
        finally:
            process.terminate()
            process.wait(30)


def workspace(root: Path, clock: str, small: Path, runs: int, *, signed_in: bool = False) -> Path:
    """Make a workspace with a store of this many runs, judge it, and return its store."""
    create_workspace(root, "bench", clock, AIRLINES, replay_template())
    if signed_in:
        require_sign_in(root)
    path = root / "var" / f"metrics-{clock}.db"
    with closing(open_store(small, clock)) as few, closing(open_store(path, clock)) as db:
        have = few.execute("SELECT COUNT(*) FROM run").fetchone()[0]
        multiply(small, db, max(1, round(runs / have)))
    judged = [sys.executable, "-m", "milepost", "-w", str(root), "roadmap", "status"]
    subprocess.run(judged, stdout=subprocess.DEVNULL, check=False)  # its exit code depends on the milestones
    return path


def collected(folder: Path, clock: str) -> Path:
    """Collect the made-up year from spool files into a small store."""
    path, spool = folder / f"small-{clock}.db", folder / f"spool-{clock}"
    spool.mkdir()
    parts = list(year())
    for number, part in enumerate(parts if clock == "replay" else parts[: len(parts) // 2]):
        lines = map(to_line, part) if clock == "replay" else production(part)
        (spool / f"{number:04}.jsonl").write_bytes(b"".join(lines))
    with closing(open_store(path, clock)) as db:
        collect(spool, db, 0)
    return path


def addresses(store: Path) -> list[str]:
    """Return the addresses of all pages, with one milestone, one run, one partner and a few filters."""
    config = Config(store=store, milestones=store, built=BUILT, workspace_name="bench")
    with closing(open_store(store, "replay")) as db:
        run = str(db.execute("SELECT MAX(id) FROM run").fetchone()[0])
    found = []
    for rule in create_app(config).url_map.iter_rules():
        if rule.endpoint.startswith(ASIDE) or "." in rule.rule:
            continue
        path = rule.rule
        for part in rule.arguments:
            start, end = path.index("<"), path.index(">") + 1
            first = path.split("/")[1]
            if first not in EXAMPLES:
                raise SystemExit(f"{rule.rule}: the bench has no example for {part!r}; add one to EXAMPLES")
            path = path[:start] + EXAMPLES[first].format(run=run) + path[end:]
        found.append(path)
    return sorted(found) + [path for path in FILTERS if path.split("?")[0] in found]


def p95(values: list[float]) -> float:
    """Return the 95th percentile by nearest rank."""
    return sorted(values)[(len(values) * 95 + 99) // 100 - 1]


def pages(
    root: Path, store: Path, say: Callable[[str], None]
) -> tuple[dict[str, float], dict[str, list[float]], dict[str, list[float]]]:
    """Return the times of first requests after the start, and of first and later ones after each change, by page."""
    firsts: dict[str, list[float]] = {path: [] for path in addresses(store)}
    again: dict[str, list[float]] = {path: [] for path in firsts}
    with serving(root) as server:
        server.wait("/", "")
        started = {path: server.page(path) for path in firsts}
        for number in range(CHANGES):
            tags = {path: server.ask(path)[2] for path in firsts}
            with closing(open_store(store, "replay")) as db, db.conn:
                insert_events(db, (("run", event) for event in change(number)))
            for path, found in firsts.items():
                found.append(server.page(path))
            for path, found in firsts.items():
                found.append(server.wait(path, tags[path]) if path == "/" else server.page(path))
            for path, found in again.items():
                found += [server.page(path) for _ in range(AGAIN)]
    for path, found in sorted(firsts.items(), key=lambda item: -p95(item[1])):
        warm = again[path]
        say(
            f"  {path:44} start {started[path]:6.1f}  first {p95(found):6.1f}  warm {statistics.median(warm):6.1f}, "
            f"95th percentile {p95(warm):6.1f} ms"
        )
    return started, firsts, again


def ingest_ms(root: Path, say: Callable[[str], None]) -> list[float]:
    """Return the milliseconds of `/` while another process records events into the spool of a live workspace."""
    spool = root / "var" / "spool" / "live"
    took = []
    with serving(root) as server:
        server.wait("/", "")
        command = [sys.executable, __file__, "--tell", str(spool)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            while writer.poll() is None:
                took.append(server.page("/"))
                time.sleep(PAUSE_S)
            told = writer.stdout.read().strip() if writer.stdout else ""
    with closing(open_store(root / "var" / "metrics-live.db", "live")) as db:
        today = datetime.now(UTC).date().isoformat()
        held = db.execute("SELECT COUNT(*) FROM run WHERE block >= ?", (today,)).fetchone()[0]
    say(f"  {told} events told, {held:,} runs of them in the store by the end, {len(took)} requests")
    if not held:
        raise SystemExit("nothing was collected while the events came in")
    return took


def tell(spool: Path) -> None:
    """Record the start and end of a thousand live runs a second; `--tell` runs this in another process."""
    many = 0
    began = time.monotonic()
    with closing(SpoolRecorder(spool)) as recorder:
        for event in live_now():
            recorder.record(event, started=True)
            recorder.record(event)
            many += 2
            ahead_s = many / EVENTS_PER_S - (time.monotonic() - began)
            if ahead_s > 0.01:
                time.sleep(ahead_s)
            if time.monotonic() - began > INGEST_S:
                break
    print(f"{many:,}")


def measure(folder: Path, *, full: bool, signed_in: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure all keys."""
    small = collected(folder, "replay")
    store = workspace(folder / "million", "replay", small, 1_000_000, signed_in=signed_in)
    say("1,000,000 runs, replayed")
    started, firsts, again = pages(folder / "million", store, say)
    numbers: dict[str, Any] = {
        "ttfb_p95_ms": max(map(p95, firsts.values())),
        "ttfb_warm_p95_ms": max(map(p95, again.values())),
        "start_ms": max(started.values()),
        "ttfb_warm_ms": {path: statistics.median(took) for path, took in again.items()},
        "pages": len(firsts),
    }
    if full:
        store = workspace(folder / "ten", "replay", small, 10_000_000, signed_in=signed_in)
        say("10,000,000 runs, replayed")
        _, more, more_again = pages(folder / "ten", store, say)
        slowest = max(more, key=lambda path: statistics.median(more[path]))
        numbers["flatness"] = statistics.median(more[slowest]) / statistics.median(firsts[slowest])
        numbers["ttfb_p95_ms_at_ten"] = max(map(p95, more.values()))
        numbers["ttfb_warm_p95_ms_at_ten"] = max(map(p95, more_again.values()))
    with serving(folder / "million") as server:
        server.wait("/", "")
        numbers |= seen(f"http://127.0.0.1:{server.port}/", 5, f"{COOKIE}={server.session}" if server.session else "")
        if signed_in:
            for path in firsts:
                server.page(path)
            readers = read_at_once(server.port, list(firsts), 50)
            say(f"  50 readers opened {len(readers):,} pages")
            numbers["signed_in_50_p95_ms"] = p95(readers)
    live = collected(folder, "live")
    workspace(folder / "live", "live", live, 1_000_000, signed_in=signed_in)
    say("1,000,000 runs, live, and more coming in")
    took = ingest_ms(folder / "live", say)
    return numbers | {"ingest_p95_ms": p95(took), "ingest_max_ms": max(took)}


def main() -> None:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--full", action="store_true", help="10,000,000 runs as well")
    parser.add_argument("--signed-in", action="store_true", help="ask people to sign in, and let fifty read at once")
    parser.add_argument("--tell", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tell:
        tell(options.tell)
        return
    with tempfile.TemporaryDirectory() as name:
        numbers = measure(
            Path(name), full=options.full, signed_in=options.signed_in, say=lambda line: print(line, file=sys.stderr)
        )
    bars = {key: {"bar": bar, "met": met(numbers[key])} for key, (bar, met) in BARS.items() if key in numbers}
    if options.json:
        print(json.dumps({**numbers, "bars": bars}, indent=2))
        return
    for key, value in numbers.items():
        if isinstance(value, dict):
            for name, number in sorted(value.items(), key=lambda item: -item[1]):
                print(f"{key} {name:40} {number:>12,.2f}")
            continue
        told = f"{bars[key]['bar']}  {'met' if bars[key]['met'] else 'not met'}" if key in bars else ""
        print(f"{key:24} {value:>12,.2f}  {told}")


if __name__ == "__main__":
    main()
