"""What one run was: the event both sides are measured by, and the spool it is appended to.

The floor of the house: standard library only, so that a measured program carries no weight for being measured.
Stamps are UTC microseconds since 1970; in a replay they are the replayed calendar. Durations are monotonic
nanoseconds and always real.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Where a row can end. `in` is their sum.
OUTCOMES = ("delivered", "quarantined", "filtered", "duplicate", "refused", "failed", "due", "ambiguous")

#: How a run can end. `already_received` enters no rows; `abandoned` is a start without an end; `due` goes on by itself
#: at a later time; `ambiguous` waits for a person, for nobody knows whether the partner has it.
RUN_OUTCOMES = ("done", "already_received", "refused", "failed", "abandoned", "due", "ambiguous")

#: Ends after which not everything is where it belongs. All count as failed, by whatever name: an attempt that ends
#: `due` has failed as much as one that ends `failed`, and differs in who goes on with it.
FAILED_OUTCOMES = ("refused", "failed", "abandoned", "due", "ambiguous")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """What makes a run one run; the same key twice is the same run told twice."""

    system: str  #: "monolith", "service", or "monolith#2" for an A/A control
    level: int  #: service level; 0 for the monolith
    mode: str  #: "live" or "replay"
    faults: str  #: "none", "standard", or "real" for live runs
    series: str  #: hash of everything that must be equal for two numbers to be compared; "" for live runs
    round: int  #: pass of a replay, from 1; 0 for live runs
    exchange_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One attempt at one exchange, measured.

    `block` and `block_end` are the first and last day (ISO dates) of the unit of evidence: a replayed week, or a day
    of production. `duration_ns` is None where a run has no end. `rows` has `in` and one count an outcome; after a
    failed attempt it is the account as that attempt left it.
    """

    key: RunKey
    release: str
    partner: str
    feed: str
    file: str
    block: str
    block_end: str
    due_at_us: int  #: when the file was there to be exchanged
    started_at_us: int
    duration_ns: int | None
    blocked_ns: int = 0  #: spent on requests that ended in a time-out; not counted as busy
    cpu_ns: int | None = None
    peak_rss_bytes: int | None = None
    outcome: str
    error_type: str = ""
    error: str = ""
    records: int | None  #: rows of the file that are due, known from outside; picks the stratum. None: nobody counted
    rows: Mapping[str, int]
    bytes_in: int | None = 0  #: None: nobody noted, as of `bytes_out`
    bytes_out: int | None = 0
    calls: int | None = 0  #: requests sent to the partner; None: nobody noted
    input_sha256: str = ""
    operator_ns: int = 0  #: time the operator spent before this run
    operator_touch: int | None = 0  #: 1 when a person started this run again; None: nobody noted
    stages_ns: Mapping[str, int] = field(default_factory=dict)
    source: str = "measured"  #: or "imported": read from a log that the system itself had kept
    #: by error code, the rows that stand set aside after this attempt; None: nobody noted why
    aside: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingEvent:
    """What the partner holds of one file at the end of its block, counted from outside.

    `due` = distinct source records; `held` = those the partner holds; `twice` = further copies it holds;
    `lost` = records the subject called delivered that the partner does not hold; `foreign` = records held that no
    source row explains. `broken` = rows of the file that are broken by plan, none of which is due; `good_aside` = due
    records that the subject set aside all the same, be it row by row or with a whole file that it refused.
    """

    system: str
    level: int
    mode: str
    faults: str
    series: str
    round: int
    partner: str
    feed: str
    file: str
    block: str
    block_end: str
    due: int
    held: int
    twice: int
    lost: int
    foreign: int
    broken: int = 0
    good_aside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEvent:
    """Whether two subjects gave the partner the same records in one block: the control first, speed after.

    `compared` = records held by either; `equal` = records that both hold, field for field.
    """

    system: str
    level: int
    control: str
    mode: str
    faults: str
    series: str
    round: int
    partner: str
    feed: str
    block: str
    block_end: str
    compared: int
    equal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEvent:
    """A day (ISO date) on which a partner took nothing, and the requests that one subject sent it all the same."""

    system: str
    level: int
    mode: str
    faults: str
    series: str
    round: int
    partner: str
    feed: str
    block: str
    block_end: str
    day: str
    hours: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesEvent:
    """What all numbers of one series have in common, told once when it begins to be measured."""

    mode: str
    faults: str
    series: str
    faults_sha256: str  #: of the file of fault rates; "" where faults are real


Event = RunEvent | HoldingEvent | AnswerEvent | OutageEvent | SeriesEvent

KINDS: Mapping[str, type[Event]] = {
    "run": RunEvent,
    "holding": HoldingEvent,
    "answer": AnswerEvent,
    "outage": OutageEvent,
    "series": SeriesEvent,
}


def to_line(event: Event, *, started: bool = False) -> bytes:
    r"""One event as one JSON line. `started` marks a run that has begun and not ended.

    What is no text, as the bytes of a name that is not UTF-8, stands there as `\xff`; two names stay two.
    """
    told: dict[str, Any] = {"kind": "start" if started else KIND_OF[type(event)]}
    told |= {name: getattr(event, name) for name in event.__slots__}
    if isinstance(event, RunEvent):
        told["key"] = {name: getattr(event.key, name) for name in event.key.__slots__}
        told |= {"rows": dict(event.rows), "stages_ns": dict(event.stages_ns)}
        told["aside"] = None if event.aside is None else dict(event.aside)
    line = _ENCODER.encode(told)
    if "\\ud" in line or "\\\\x" in line:  # only then can there be anything to write otherwise
        line = _ENCODER.encode(_escape_surrogates(told))
    return line.encode() + b"\n"


def _escape_surrogates(told: Any) -> Any:
    """The same with every lone surrogate spelled out: no reader takes one for text.

    A text that has one, or that looks as if one had been spelled out in it, has its backslashes doubled: so no two
    texts become the same.
    """
    if isinstance(told, dict):
        return {_escape_surrogates(name): _escape_surrogates(value) for name, value in told.items()}
    if not isinstance(told, str) or not _NEEDS_ESCAPE.search(told):
        return told
    return _SURROGATE.sub(lambda found: _escape_surrogate(ord(found[0])), told.replace("\\", "\\\\"))


def _escape_surrogate(code: int) -> str:
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


#: The name of each kind of event.
KIND_OF: Mapping[type[Event], str] = {cls: name for name, cls in KINDS.items()}

_ENCODER = json.JSONEncoder(separators=(",", ":"))

_SURROGATE = re.compile("[\ud800-\udfff]")
_NEEDS_ESCAPE = re.compile(r"[\ud800-\udfff]|\\x[89a-f][0-9a-f]|\\ud[89a-f][0-9a-f]{2}")


class Recorder(Protocol):
    """Where a run is told to; telling never fails an exchange."""

    def record(self, event: Event, *, started: bool = False) -> None:
        """Keep one event."""


class NullRecorder:
    """Keeps nothing: what a subject gets in a replay, where it is timed from outside."""

    def record(self, event: Event, *, started: bool = False) -> None:
        """Forget the event."""


class SpoolRecorder:
    """Appends events to a file of its own in the spool folder, one `write` an event.

    A file belongs to one process, so a line cut short by a crash can only be its last. The file is locked for as long
    as it is open, and the lock ends with its process: a file without a lock is finished.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._fd: int | None = None
        self.trouble = ""  #: why an event could not be kept; empty while all were

    def record(self, event: Event, *, started: bool = False) -> None:
        """Append the event; what cannot be written is dropped here, and shows as a start without an end."""
        try:
            if self._fd is None:
                self._fd = self._open()
            line = to_line(event, started=started)
            if os.write(self._fd, line) < len(line):
                self.trouble = f"{self._spool}: an event was cut short; the disk may be full"
                self.close()  # the next event begins a file of its own, and is not glued to half a line
        except OSError as error:
            self.trouble = f"{error.filename or self._spool}: {error.strerror}"

    def _open(self) -> int:
        self._spool.mkdir(parents=True, exist_ok=True)
        path = self._spool / f"{time.time_ns()}-{os.getpid()}.jsonl"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o640)
        with suppress(OSError):  # where nothing can be locked, nothing is ever taken for finished
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd

    def close(self) -> None:
        """Close the spool file; a later event opens a new one."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def subject_name(system: str, level: int) -> str:
    """How people write a subject: `service@1`, `monolith`."""
    return f"{system}@{level}" if level else system


def parse_subject(name: str) -> tuple[str, int]:
    """The system and level of a subject's name.

    Raises:
        ValueError: the name is neither `monolith` nor `service@LEVEL`.
    """
    system, _, level = name.partition("@")
    if system in {"monolith", "monolith#2"} and not level:
        return system, 0
    if system == "service" and level.isdecimal() and len(level) < 10 and int(level) > 0:
        return system, int(level)
    raise ValueError(f"unknown subject {name!r}; choose `monolith` or `service@1`, `service@2`, ...")
