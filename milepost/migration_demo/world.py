"""The workspace of the demo, the partner and the proxies as processes, and a clock that is set week by week."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from milepost.errors import CommandError
from milepost.migration_demo import monolith_command
from milepost.migration_demo.story import BREACHING, DAYS, DECIMALS, FILES, ROUNDING, SHARE
from poc.config.scaffold import AIRLINES, PARTNER_PORT, create_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from metrics.replay.input_files import InputFile

FEED = "flights"

#: Where the tables of a route go in the file of a partner.
MAP_COMMENT = "# What the partner receives"


class DemoClock:
    """A clock that stands at a moment of the calendar, and goes on from there while work is done."""

    def __init__(self) -> None:
        self.set(datetime.now(UTC))

    def set(self, moment: datetime) -> None:
        """Go on from a moment."""
        self._moment, self._start_s = moment, time.monotonic()

    def __call__(self) -> datetime:
        """Return the time."""
        return self._moment + timedelta(seconds=time.monotonic() - self._start_s)

    @property
    def now_us(self) -> int:
        """The time in microseconds since 1970."""
        return int(self().timestamp() * 1_000_000)


@dataclass
class DemoWorld:
    """The workspace below `root`, with a practice partner and a capture proxy for each airline. Use it with `with`."""

    root: Path
    airlines: Sequence[str]
    lost_answers: Sequence[str]
    clock: DemoClock = field(default_factory=DemoClock)

    def __enter__(self) -> Self:
        self._resources = ExitStack()
        try:
            self._start()
        except BaseException:
            self._resources.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    @property
    def delivered(self) -> Path:
        """The folder in which the partner stores what it is sent."""
        return self.root / "var" / "partner"

    def hand_in(self, file: InputFile, moment: datetime) -> None:
        """Put a file into the inbox of its airline, as of a moment."""
        part = self.root / "var" / "inbox" / file.partner / FEED / f"{file.name}.part"
        part.write_bytes(file.path.read_bytes())
        os.utime(part, (moment.timestamp(), moment.timestamp()))
        part.rename(part.with_suffix(""))

    def _start(self) -> None:
        url = self._start_partner()
        for airline in self.airlines:
            self._configure(airline, {f"http://127.0.0.1:{PARTNER_PORT}": url})
            if airline == BREACHING:
                self._configure(airline, {"honours_keys = true": "honours_keys = false"})
        for airline, address in self._start_capture().items():
            self._configure(airline, {MAP_COMMENT: self._route(airline, address) + MAP_COMMENT})

    def _configure(self, airline: str, texts: Mapping[str, str]) -> None:
        path = self.root / "partners" / f"{airline}.toml"
        text = path.read_text("utf-8")
        for before, after in {**texts, "settle_s = 2.0 ": "settle_s = 0 "}.items():
            text = text.replace(before, after)
        path.write_text(text, "utf-8")

    def _route(self, airline: str, address: str) -> str:
        """Return the tables of the feed that name its monolith and its gates; they go before the map's comment."""
        program = [sys.executable, "-S", str(Path(monolith_command.__file__).resolve()), "{file}"]
        program += [f"{address}/live/{airline}/{FEED}", *([str(DECIMALS)] if airline == ROUNDING else [])]
        return (
            f"monolith.command = {json.dumps(program)}\n"
            'monolith.output = { capture = "http" }\n'
            f"route.files = {FILES}\nroute.shares = [{SHARE}]\nroute.days = {DAYS}\n\n"
        )

    def _start_partner(self) -> str:
        plan = self.root / "var" / "partner-plan.json"
        faults = {f"{BREACHING}/{FEED}/{name}": {"0": {"1": "answer-lost"}} for name in self.lost_answers}
        plan.write_text(json.dumps({"faults": faults}))
        arguments = ["poc.practice_partner", "--plan", str(plan), "--keep", str(self.delivered)]
        return str(json.loads(self._start_program(arguments)())["ready"])

    def _start_capture(self) -> dict[str, str]:
        """Start one process with the proxies of all airlines; return where each listens."""
        next_line = self._start_program(["milepost", "-w", str(self.root), "capture", "--port", "0", *self.airlines])
        return {airline: next_line().split(" ")[0] for airline in self.airlines}

    def _start_program(self, arguments: Sequence[str]) -> Callable[[], str]:
        """Start a module as a program, which ends with the demo; return a function that returns its next line."""
        program = subprocess.Popen(  # noqa: S603 (our own)
            [sys.executable, "-m", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._resources.callback(program.communicate)  # ends when the program has ended, and closes its pipes
        self._resources.callback(program.terminate)
        output = program.stdout
        assert output is not None  # noqa: S101 (asked for above; tells the type checker)

        def next_line() -> str:
            line = output.readline()
            if not line:
                raise CommandError(f"`{arguments[0]}` has ended; the demo cannot go on")
            return line

        return next_line


def make_demo_workspace(root: Path, airlines: Sequence[str], first_day: date) -> None:
    """Create the workspace of the demo, whose milestones begin on a day. Raises BadInput, CommandError."""
    from roadmap.plan.template import live_template

    if root.exists() and any(root.iterdir()):
        raise CommandError(f"{root}: is not empty; the demo begins with a new folder, name one with --dir")
    names = {airline: AIRLINES[airline] for airline in airlines}
    create_workspace(root, root.resolve().name, "live", names, live_template(first_day))
