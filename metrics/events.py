"""Run events, by which both sides are measured, and the spool files that they are appended to.

This module uses the standard library only: being measured must add no dependency to a program. Timestamps are UTC
microseconds since 1970; in a replay they are on the replayed calendar. Durations are nanoseconds of the monotonic clock
and always real.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from metrics.route_events import ParityEvent, RouteEvent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Outcomes of a row. The count `in` is their sum.
OUTCOMES = ("delivered", "quarantined", "filtered", "duplicate", "refused", "failed", "due", "ambiguous")

#: Outcomes of a run. `already_received` enters no rows; `abandoned` is a start without an end; a run that is `due`
#: continues by itself at a later time; `ambiguous` waits for a person, as it is unknown whether the partner has the
#: rows.
RUN_OUTCOMES = ("done", "already_received", "refused", "failed", "abandoned", "due", "ambiguous")

#: Outcomes that leave an exchange incomplete. All of them count as failed: an attempt that ends `due` has failed as
#: much as one that ends `failed`; the difference is who continues it.
FAILED_OUTCOMES = ("refused", "failed", "abandoned", "due", "ambiguous")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """Identity of a run: two events with the same key are about the same run."""

    system: str  #: "monolith", "service", or "monolith#2" for an A/A control
    level: int  #: service level; 0 for the monolith
    mode: str  #: "live" or "replay"
    faults: str  #: "none", "standard", "stress", or "real" for live runs
    series: str  #: hash of all that must be equal before two numbers are compared; "" for live runs
    round: int  #: pass of a replay, from 1; 0 for live runs
    exchange_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """The measurements of one attempt at one exchange.

    `block` and `block_end` are the first and last day (ISO dates) of the unit of evidence: a replayed week, or a day
    of production. `duration_ns` is None for a run without an end. `rows` has the key `in` and one key per row outcome;
    after a failed attempt it is the account as that attempt left it.
    """

    key: RunKey
    release: str
    partner: str
    feed: str
    file: str
    block: str
    block_end: str
    due_at_us: int  #: when the file was ready to be exchanged
    started_at_us: int
    duration_ns: int | None
    blocked_ns: int = 0  #: time of requests that ended in a time-out; not counted as busy
    cpu_ns: int | None = None
    peak_rss_bytes: int | None = None
    outcome: str
    error_type: str = ""
    error: str = ""
    records: int | None  #: rows of the file that are due, counted from outside; selects the stratum. None: unknown
    rows: Mapping[str, int]
    bytes_in: int | None = 0  #: None: not recorded, as for `bytes_out`
    bytes_out: int | None = 0
    calls: int | None = 0  #: requests sent to the partner; None: not recorded
    input_sha256: str = ""
    operator_ns: int = 0  #: time the operator spent before this run
    operator_touch: int | None = 0  #: 1 if a person started this run again; None: not recorded
    stages_ns: Mapping[str, int] = field(default_factory=dict)
    source: str = "measured"  #: or "imported": read from a log that the system wrote itself
    #: quarantined rows after this attempt, by error code; None: reasons not recorded
    aside: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingEvent:
    """The records of one file that the partner holds at the end of its block, counted from outside.

    `due` = distinct source records; `held` = those that the partner holds; `twice` = further copies that it holds;
    `lost` = records that the subject reported as delivered and the partner does not hold; `foreign` = records held that
    no source row explains. `broken` = rows of the file that are broken by plan, none of which is due; `good_aside` =
    due records that the subject quarantined anyway, row by row or with a whole file that it refused.
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
    """Comparison of the records that a subject and its control delivered to a partner in one block.

    Speed counts only once the records agree. `compared` = records that the partner holds from either; `equal` =
    records that it holds from both, equal in every field.
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
    """A day (ISO date) on which a partner was down, and the requests that one subject sent to it on that day."""

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
    """Properties shared by all numbers of one series, recorded once when its measurement begins."""

    mode: str
    faults: str
    series: str
    faults_sha256: str  #: of the file of fault rates; "" where faults are real


Event = RunEvent | HoldingEvent | AnswerEvent | OutageEvent | SeriesEvent | ParityEvent | RouteEvent

KINDS: Mapping[str, type[Event]] = {
    "run": RunEvent,
    "holding": HoldingEvent,
    "answer": AnswerEvent,
    "outage": OutageEvent,
    "series": SeriesEvent,
    "parity": ParityEvent,
    "route": RouteEvent,
}


def to_line(event: Event, *, started: bool = False) -> bytes:
    r"""Encode one event as one JSON line. `started` marks a run that has begun and not ended.

    Bytes of a name that are not UTF-8 are escaped as `\xff`; different names stay different.
    """
    fields: dict[str, Any] = {"kind": "start" if started else KIND_OF[type(event)]}
    fields |= {name: getattr(event, name) for name in event.__slots__}
    if isinstance(event, RunEvent):
        fields["key"] = {name: getattr(event.key, name) for name in event.key.__slots__}
        fields |= {"rows": dict(event.rows), "stages_ns": dict(event.stages_ns)}
        fields["aside"] = None if event.aside is None else dict(event.aside)
    if isinstance(event, ParityEvent):
        fields["causes"] = dict(event.causes)
    line = _ENCODER.encode(fields)
    if "\\ud" in line or "\\\\x" in line:  # only these lines can hold text that has to be escaped
        line = _ENCODER.encode(_escape_surrogates(fields))
    return line.encode() + b"\n"


def _escape_surrogates(value: Any) -> Any:
    """Escape every lone surrogate in a value, as JSON readers do not accept one in a text.

    A text that has a surrogate, or looks as if one had been escaped in it, gets its backslashes doubled: different
    texts stay different.
    """
    if isinstance(value, dict):
        return {_escape_surrogates(name): _escape_surrogates(item) for name, item in value.items()}
    if not isinstance(value, str) or not _NEEDS_ESCAPE.search(value):
        return value
    return _SURROGATE.sub(lambda match: _escape_surrogate(ord(match[0])), value.replace("\\", "\\\\"))


def _escape_surrogate(code: int) -> str:
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


#: The name of each kind of event.
KIND_OF: Mapping[type[Event], str] = {cls: name for name, cls in KINDS.items()}

_ENCODER = json.JSONEncoder(separators=(",", ":"))

_SURROGATE = re.compile("[\ud800-\udfff]")
_NEEDS_ESCAPE = re.compile(r"[\ud800-\udfff]|\\x[89a-f][0-9a-f]|\\ud[89a-f][0-9a-f]{2}")


class Recorder(Protocol):
    """Destination of run events; recording one never fails an exchange."""

    def record(self, event: Event, *, started: bool = False) -> None:
        """Record one event."""


class SpoolRecorder:
    """Recorder that appends events to its own file in the spool folder, with one `write` per event, for all threads.

    A file belongs to one process, so only its last line can be truncated by a crash. The file is locked while it is
    open, and the lock ends with its process: a file without a lock is finished.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._fd: int | None = None
        self._lock = threading.Lock()
        self.problem = ""  #: why an event could not be recorded; empty while all were

    def record(self, event: Event, *, started: bool = False) -> None:
        """Append the event. An event that cannot be written is dropped; its run shows as a start without an end."""
        line = to_line(event, started=started)
        try:
            with self._lock:
                if self._fd is None:
                    self._fd = self._open()
                if os.write(self._fd, line) < len(line):
                    self.problem = f"{self._spool}: an event was truncated; the disk may be full"
                    self._close()  # the next event starts a new file and does not join half a line
        except OSError as error:
            self.problem = f"{error.filename or self._spool}: {error.strerror}"

    def _open(self) -> int:
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._spool / f"{time.time_ns()}-{os.getpid()}.jsonl"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
        with suppress(OSError):  # on a file system without locks, a collector never sees a file as finished
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd

    def close(self) -> None:
        """Close the spool file; a later event opens a new one."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def subject_name(system: str, level: int) -> str:
    """Return the name of a subject: `service@1`, `monolith`."""
    return f"{system}@{level}" if level else system


def parse_subject(name: str) -> tuple[str, int]:
    """Parse the name of a subject into its system and level.

    Raises:
        ValueError: the name is neither `monolith` nor `service@LEVEL`.
    """
    system, _, level = name.partition("@")
    if system in {"monolith", "monolith#2"} and not level:
        return system, 0
    if system == "service" and level.isascii() and level.isdecimal() and len(level) < 10 and int(level) > 0:
        return system, int(level)
    raise ValueError(f"unknown subject {name!r}; choose `monolith` or `service@1`, `service@2`, ...")
