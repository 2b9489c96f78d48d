"""Rounds of moving a feed to and fro: stages change and programs are killed at random moments, while files arrive.

A partner on loopback stores what it accepts by sender: `monolith` (a program in Perl, through the capture proxy) and
`service`. Each file has records of its own, so that the records show which side sent which file, and how often.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from metrics.events import SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.delivery.outbox_actions import resend_all
from poc.ledger.opening import open_ledger
from poc.route.moves import Decider, go_back
from poc.route.route_store import RouteChange, add_change, read_route
from poc.route.stages import Position
from poc.service.inbox_run import run_inbox

MONOLITH = Path(__file__).parents[1] / "monoliths" / "send.pl"

#: The monolith's command: it takes a moment before and after it sends, so that it can be killed in between.
COMMAND = f'sleep 0.1; perl "{MONOLITH}" "$1" || exit $?; sleep 0.2'
HEADER = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
HEADER += "origin,dest,air_time,distance,hour,minute,time_hour"
ROW = "2013,1,1,517,515,2,830,819,11,UA,{flight},N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"

#: The worker of `milepost serve`. A day of its clock passes in `DAY_S` seconds, so that what is retried later is soon.
WORKER = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from poc.config.workspace import load_workspace
from poc.service.worker import InboxWorker
began_s, start, day_s = float(sys.argv[2]), datetime.now(UTC), float(sys.argv[3])
def clock():
    return datetime.fromtimestamp(began_s, UTC) + timedelta(days=(time.time() - began_s) / day_s)
with InboxWorker(load_workspace(Path(sys.argv[1])), clock, "0", lambda: False, lambda line: None) as worker:
    worker.scan()
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
        worker.scan()
"""

#: Seconds of a day of the service's clock, and the longest wait for the first file after `back`.
DAY_S = 5.0
BACK_WAIT_S = 60.0

#: Shares of faults in the standard plan, for each time that a slot is sent.
FAULTS = {"unavailable": 0.02, "wait-seconds": 0.005, "reset": 0.005, "answer-lost": 0.005, "hang": 0.001}
ROWS_A_REQUEST = 5
SLOTS, TIMES = 6, 3


@dataclass
class Figures:
    """What the rounds showed. A file that is held for a person counts as neither lost nor sent by neither."""

    files: int = 0
    sent_by_both: int = 0
    sent_by_neither: int = 0
    lost: int = 0
    twice: int = 0
    held: int = 0
    by_monolith: int = 0
    by_service: int = 0
    kills: Counter = field(default_factory=Counter)
    back_s: list[float] = field(default_factory=list)


class Rounds:
    """A workspace with a feed on its route, with the programs around it. Use it in a `with` block."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.root, self.random = folder / "w", random.Random(seed)
        self.inbox = self.root / "var" / "inbox" / "UA" / "flights"
        self.keep = folder / "keep"
        self.began_s = time.time()
        self.files: dict[str, range] = {}
        self.figures = Figures()
        self._resources = ExitStack()
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {
            **os.environ, "ENDPOINT": f"http://127.0.0.1:{self.port}/monolith/UA/flights", "ROWS": str(ROWS_A_REQUEST),
        }  # fmt: skip

    def __enter__(self) -> Self:
        plan = self._folder / "plan.json"
        plan.write_text(json.dumps({"faults": self._plan(), "wait_s": 1}))
        partner = subprocess.Popen(
            [sys.executable, "-m", "poc.practice_partner", "--plan", plan, "--keep", self.keep],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._resources.callback(self._end, partner)
        url = json.loads(partner.stdout.readline())["ready"]
        create_workspace(self.root, "move", "live", {"UA": AIRLINES["UA"]}, "")
        path = self.root / "partners" / "UA.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        tail = re.sub(r"request_rows = \d+", f"request_rows = {ROWS_A_REQUEST}", tail[tail.index("[feed") :])
        path.write_text(
            f'{head}[endpoint]\nurl = "{url}/service/UA"\nhonours_keys = true\ntimeout_s = 2\n{tail}\n'
            f'[feed.flights.monolith]\ncommand = ["sh", "-c", {json.dumps(COMMAND)}, "sh", "{{file}}"]\n'
            'output = { capture = "http" }\n'
            "timeout_s = 30\nrepeatable = true\n[feed.flights.route]\nshares = [0.5]\nmargin = 1.0\n"
        )
        self.start_proxy()
        self.start_service()
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.service, self.proxy):
            kill(process)
        self._resources.close()

    def start_service(self) -> None:
        """Start the service, and wait until it works."""
        self.service = subprocess.Popen(
            [sys.executable, "-c", WORKER, self.root, str(self.began_s), str(DAY_S)],
            env=self.environment, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.service.stdout.readline()

    def start_proxy(self) -> None:
        """Start the capture proxy, and wait until it listens."""
        self.proxy = subprocess.Popen(
            [sys.executable, "-m", "milepost", "-w", self.root, "capture", "UA", "--port", str(self.port)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.proxy.stdout.readline()

    def add(self) -> str:
        """Put a file with records of its own into the inbox."""
        first = 1 + sum(len(flights) for flights in self.files.values())
        flights = range(first, first + self.random.randint(1, SLOTS * ROWS_A_REQUEST))
        name = f"{len(self.files):04}.csv"
        part = self.inbox / f".{name}.part"
        part.write_text("\n".join([HEADER, *(ROW.format(flight=flight) for flight in flights)]) + "\n")
        os.utime(part, (0, 0))
        part.rename(self.inbox / name)
        self.files[name] = flights
        return name

    def play(self, rounds: int) -> Figures:
        """Play rounds, let everything end, and count."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        for _ in range(rounds):
            self.add()
            time.sleep(self.random.uniform(0, 1.0))
            self.change_stage()
            self.add()
            time.sleep(self.random.uniform(0, 2.5))
            self.kill()
            self.add()
        self.settle()
        return self.count()

    def change_stage(self) -> None:
        """Change the stage at once, as a person would; measure how long the way back to the monolith takes."""
        stage = self.random.choice(["shadow", "canary", "canary", "service", "service", "back", "back", "back"])
        workspace = load_workspace(self.root)
        with closing(open_ledger(workspace.ledger)) as ledger:
            now_us = int(time.time() * 1_000_000)
            route = read_route(ledger, "UA", "flights")
            if stage != "back" or route.stage in {"monolith", "shadow"}:
                stage = self.random.choice(["canary", "service"]) if stage == "back" else stage
                share = {"canary": 0.5, "service": 1.0}.get(stage, 0.0)
                add_change(ledger, RouteChange(
                    partner="UA", feed="flights", at_us=now_us, action="advance", stage_before=route.stage,
                    position=Position(stage, share), who="bench", why="",
                ))  # fmt: skip
                ledger.commit()
                return
            began_s = time.monotonic()
            go_back(workspace, ledger, "UA", "flights", Decider(who="bench", why="bench", now_us=now_us))
            name = self.add()
            while time.monotonic() - began_s < BACK_WAIT_S:
                query = "SELECT side, attempt FROM file_sender WHERE file = ?"
                rows = ledger.connection.exec_driver_sql(query, (name,)).all()
                ledger.connection.rollback()
                if rows and rows[0].side == "monolith" and rows[0].attempt:
                    break
                if self.service.poll() is not None:
                    self.start_service()
                time.sleep(0.02)
            self.figures.back_s.append(time.monotonic() - began_s)

    def kill(self) -> None:
        """Kill one of the programs with SIGKILL, and start it again."""
        victim = self.random.choice(["service", "service", "proxy", "command", "command"])
        if victim == "service":
            kill(self.service)
            self.start_service()
        elif victim == "proxy":
            kill(self.proxy)
            self.start_proxy()
        elif not self._kill_command():
            return
        self.figures.kills[victim] += 1

    def _kill_command(self) -> bool:
        """Kill the group of the monolith's command, waiting a moment for one to run; return whether one did."""
        until_s = time.monotonic() + 1
        while time.monotonic() < until_s:
            for began in (self.root / "var" / "route").glob("*/*/*/began"):
                with suppress(OSError, ValueError):
                    if not (began.parent / "exit").exists():
                        number = int(began.read_text())
                        if os.getsid(number) == number:
                            os.killpg(number, signal.SIGKILL)
                            return True
            time.sleep(0.005)
        return False

    def settle(self) -> None:
        """End the service, and run until nothing waits any more."""
        kill(self.service)
        os.environ.update({name: self.environment[name] for name in ("ENDPOINT", "ROWS")})
        now = datetime.now(UTC) + timedelta(days=(time.time() - self.began_s) / DAY_S)
        for _ in range(40):
            now += timedelta(days=2)
            workspace = load_workspace(self.root)
            with closing(SpoolRecorder(workspace.spool)) as recorder:
                list(run_inbox(workspace, None, 5, lambda: now, recorder, "0"))  # noqa: B023 (used at once)
            with closing(open_ledger(workspace.ledger)) as ledger:
                resend_all(ledger, ["UA"], int(now.timestamp() * 1_000_000))
                query = "SELECT COUNT(*) FROM exchange WHERE outcome NOT IN ('done', 'refused')"
                waiting = ledger.connection.exec_driver_sql(query).scalar()
            if not waiting and not any(self.inbox.glob("*.csv")):
                return
            time.sleep(0.2)

    def count(self) -> Figures:
        """Count by file who sent it, and by record how often."""
        figures = self.figures
        held = {side: Counter(self._flights(side)) for side in ("monolith", "service")}
        with closing(open_ledger(self.root / "var" / "ledger.db")) as ledger:
            query = "SELECT file FROM file_sender WHERE side = 'monolith' AND state IN ('ambiguous', 'begun')"
            waiting = set(ledger.connection.exec_driver_sql(query).scalars())
        figures.files = len(self.files)
        for name, flights in self.files.items():
            sides = [side for side, ids in held.items() if any(flight in ids for flight in flights)]
            figures.held += name in waiting
            figures.sent_by_both += len(sides) == 2
            figures.sent_by_neither += not sides and name not in waiting
            figures.by_monolith += sides == ["monolith"]
            figures.by_service += sides == ["service"]
            counts = [held["monolith"][flight] + held["service"][flight] for flight in flights]
            figures.twice += sum(count > 1 for count in counts)
            figures.lost += 0 if name in waiting else sum(count == 0 for count in counts)
        return figures

    def _flights(self, side: str) -> list[int]:
        path = self.keep / side / "UA" / "flights.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(json.loads(line)["flight"].removeprefix("UA")) for line in lines]

    def _plan(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return the faults of the rounds' files: each slot meets them with the standard shares, each time."""
        plan: dict[str, dict[str, dict[str, str]]] = {}
        for file in range(1_000):
            for slot in range(SLOTS):
                for nth in range(1, TIMES + 1):
                    number = self.random.random()
                    for fault, share in FAULTS.items():
                        if number < share:
                            names = plan.setdefault(f"UA/flights/{file:04}.csv", {})
                            names.setdefault(str(slot), {})[str(nth)] = fault
                            break
                        number -= share
        return plan

    @staticmethod
    def _end(process: subprocess.Popen) -> None:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def kill(process: subprocess.Popen) -> None:
    """Kill a process with SIGKILL, and close its output."""
    process.kill()
    process.wait()
    process.stdout.close()
