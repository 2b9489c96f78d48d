"""The sides of the exchange bench, as programs that take one request a line, and how their times are paired."""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from same_records import read_dlt_records, read_records

from metrics.replay.subject_process import SubjectProcess, subject_command
from poc.config.scaffold import create_workspace

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from same_records import Record

NOW = "2013-01-01T06:00:00+00:00"


class Pair(NamedTuple):
    """The seconds of the service and of the other side on the same input."""

    ours_s: float
    theirs_s: float


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the lower and the upper quartile."""
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


@dataclass(frozen=True, slots=True)
class Result:
    """A figure with the number of pairs behind it and their quartiles.

    Where it could not be measured, it has no value, and `note` says why. `by_pair` is empty where a pair has no value.
    """

    value: float | None
    pairs: int = 0
    quartiles: tuple[float | None, float | None] = (None, None)
    by_pair: tuple[float, ...] = ()
    ours_s: float | None = None
    theirs_s: float | None = None
    note: str = ""

    @classmethod
    def median(cls, values: Sequence[float]) -> Result:
        """Return the median of the values of pairs."""
        return cls(statistics.median(values), len(values), quartiles(values), tuple(values))

    @classmethod
    def ratio(cls, pairs: Sequence[Pair], *, theirs_by_ours: bool = False, note: str = "") -> Result:
        """Return the median ratio of pairs: ours / theirs, or the other way round."""
        ratios = [pair.theirs_s / pair.ours_s if theirs_by_ours else pair.ours_s / pair.theirs_s for pair in pairs]
        ours_s, theirs_s = (statistics.median(times) for times in zip(*pairs, strict=True))
        return replace(cls.median(ratios), ours_s=ours_s, theirs_s=theirs_s, note=note)


class Side:
    """The service at a level or the monolith, with its own workspace and state."""

    def __init__(self, process: SubjectProcess, delivered: Path) -> None:
        self.process = process
        self.delivered = delivered  #: folder of JSON Lines files

    def run(self, path: Path) -> float:
        """Return the seconds that one exchange takes."""
        took_s, receipt = ask(self.process, {"file": str(path), "partner": "UA", "feed": "flights", "now": NOW})
        self._expect_done(receipt)
        return took_s

    def run_each(self, paths: list[Path]) -> float:
        """Return the seconds that the exchanges of several files take, one after the other."""
        return sum(self.run(path) for path in paths)

    def run_pass(self, paths: list[Path]) -> float:
        """Return the seconds that one pass over several files takes."""
        request = {"files": [str(path) for path in paths], "partner": "UA", "feed": "flights", "now": NOW}
        took_s, answer = ask(self.process, request)
        results = answer.get("results", [])
        if len(results) != len(paths):
            raise SystemExit(f"{self.process.name}: {len(results)} results for {len(paths)} files: {answer}")
        for receipt in results:
            self._expect_done(receipt)
        return took_s

    def _expect_done(self, receipt: dict[str, Any]) -> None:
        if receipt.get("outcome") != "done":
            raise SystemExit(f"{self.process.name}: {receipt}")

    def records(self) -> Counter[Record]:
        """Return what it has delivered."""
        return read_records(sorted(self.delivered.glob("*.jsonl")))

    def end(self) -> None:
        """End the program."""
        self.process.end()


class Script:
    """A script that does the same work from file to JSON Lines."""

    def __init__(self, name: str, process: SubjectProcess, out: Path) -> None:
        self.name = name
        self._process = process
        self._out = out

    def run(self, path: Path) -> float:
        """Return the seconds that one file takes."""
        took_s, answer = self.try_file(path)
        if "error" in answer:
            raise SystemExit(f"{self.name}: {answer['error']}")
        return took_s

    def try_file(self, path: Path) -> tuple[float, dict[str, Any]]:
        """Return the seconds that one file takes, good or broken, and the answer; the last output is removed."""
        shutil.rmtree(self._out, ignore_errors=True) if self._out.is_dir() else self._out.unlink(missing_ok=True)
        return ask(self._process, {"file": str(path), "out": str(self._out)})

    def records(self) -> Counter[Record]:
        """Return the records of the last file."""
        if self._out.is_dir():
            return read_dlt_records(sorted(self._out.glob("flights/flights/*.jsonl")))
        return read_records([self._out])

    def end(self) -> None:
        """End the script."""
        self._process.end()


def ask(process: SubjectProcess, request: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Return the seconds that one answer takes, and the answer."""
    began_s = time.perf_counter()
    process.send(request)
    answer = process.receive()
    return time.perf_counter() - began_s, answer


class Bench:
    """Programs and files below one folder; leaving the block of the stack ends all programs."""

    def __init__(self, folder: Path, stack: ExitStack, source: bytes, turns: int, small_turns: int) -> None:
        self.folder = folder
        self.source = source
        self.turns = turns
        self.small_turns = small_turns
        self.small_pairs: dict[int, list[Pair]] = {}  #: of files over HTTP, by rows
        self._stack = stack
        self._number = 0
        self.keep = folder / "keep"
        double = [sys.executable, "-m", "poc.practice_partner", "--keep", str(self.keep)]
        self.partner_url = str(self._start(double).ready["ready"])

    def _start(self, arguments: list[str]) -> SubjectProcess:
        process = SubjectProcess(arguments)
        self._stack.callback(process.end)
        return process

    def subject(
        self, name: str, *, over_http: bool = True, state: Path | None = None, feed: str = "", endpoint: str = ""
    ) -> Side:
        """Start a side that delivers to the practice partner or into a folder.

        `feed` and `endpoint` are lines to add to these tables of the partner's file.
        """
        self._number += 1
        workspace = self.folder / f"workspace-{self._number}"
        create_workspace(workspace, "bench", "replay", {"UA": "United Air Lines Inc."}, "")
        partner = workspace / "partners" / "UA.toml"
        text = partner.read_text()
        if over_http:
            delivered = self.keep / f"s{self._number}" / "UA"
            place = ["--endpoint", f"{self.partner_url}/s{self._number}"]
        else:
            delivered = self.folder / f"out-{self._number}" / "flights"
            delivered.parent.mkdir()
            head, _, tail = text.partition("[endpoint]\n")
            text = f'{head}[endpoint]\nfolder = "{delivered.parent}"\n{tail[tail.index("[feed") :]}'
            place = []
        text = text.replace("[feed.flights]\n", f"[feed.flights]\n{feed}").replace(
            "[endpoint]\n", f"[endpoint]\n{endpoint}"
        )
        partner.write_text(text)
        state = state or self.folder / f"state-{self._number}"
        process = self._start([*subject_command(name), "--workspace", str(workspace), "--state", str(state), *place])
        return Side(process, delivered)

    def script(self, name: str) -> Script:
        """Start one of the scripts."""
        path = Path(__file__).with_name(f"{name}_script.py")
        return Script(name, self._start([sys.executable, str(path)]), self.folder / f"{name}-out")

    def write(self, name: str, data: bytes) -> Path:
        """Write an input file."""
        path = self.folder / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    def clear(self) -> None:
        """Remove the input files, and what was delivered into folders."""
        shutil.rmtree(self.folder / "in", ignore_errors=True)
        for folder in self.folder.glob("out-*/flights"):
            shutil.rmtree(folder)

    def alternate(
        self,
        ours: Callable[[Any], float],
        theirs: Callable[[Any], float],
        make_input: Callable[[int], Any],
        turns: int,
        warm_ups: int,
        check: Callable[[], None],
    ) -> list[Pair]:
        """Return the seconds of two sides on the same inputs, each first in every other turn.

        `check` compares what the two delivered in the first turn.
        """
        pairs = []
        for turn in range(warm_ups + turns):
            data = make_input(turn)
            took_s = {side: side(data) for side in ((ours, theirs) if turn % 2 else (theirs, ours))}
            if turn == 0:
                check()
            self.clear()
            if turn >= warm_ups:
                pairs.append(Pair(took_s[ours], took_s[theirs]))
        return pairs
