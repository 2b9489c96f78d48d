"""The run events of a pass: of the files that a subject got in one request, one event for each.

The time of a pass is shared among its files by input rows, a file without rows counting as one row. The sum over the
files is the time of the pass, to the nanosecond. Peak memory is that of the pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from metrics.events import RunEvent, RunKey
from metrics.replay.input_files import block_range
from metrics.replay.operator import PendingFile, opening_time
from metrics.shares import share

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from metrics.replay.subject_process import ProcessUsage


@dataclass(frozen=True, slots=True)
class MeasuredPass:
    """A pass as measured from outside: its start on the replayed calendar, its time, and its usage."""

    start_at: datetime
    took_ns: int
    spent: ProcessUsage


def pass_events(
    key: RunKey, release: str, tasks: Sequence[PendingFile], results: Sequence[dict[str, Any]], measured: MeasuredPass
) -> list[RunEvent]:
    """Return one event for each file of a pass.

    Args:
        key: the key of the events; the exchange and the attempt are filled in.
        release: the release that was measured.
        tasks: the files of the pass.
        results: what the subject answered for each of them.
        measured: the time and the usage of the pass.
    """
    rows = [task.rows for task in tasks]
    blocked_ns = min(sum(int(result.get("blocked_ns", 0)) for result in results), measured.took_ns)
    blocked = share(blocked_ns, rows)
    active = share(measured.took_ns - blocked_ns, rows)
    cpu_ns = measured.spent.cpu_ns
    cpu = [None] * len(tasks) if cpu_ns is None else share(cpu_ns, rows)
    events = []
    for number, (task, result) in enumerate(zip(tasks, results, strict=True)):
        file = task.file
        start, end = block_range(file.block)
        exchange = f"{file.partner}/{file.feed}/{file.name}"
        start_at = measured.start_at + timedelta(microseconds=number)
        events.append(
            RunEvent(
                key=replace(key, exchange_id=exchange, attempt=task.attempt),
                release=release,
                partner=file.partner,
                feed=file.feed,
                file=file.name,
                block=start.isoformat(),
                block_end=end.isoformat(),
                due_at_us=int(opening_time(file.arrives).timestamp()) * 1_000_000,
                started_at_us=round(start_at.timestamp() * 1_000_000),
                duration_ns=active[number] + blocked[number],
                blocked_ns=blocked[number],
                cpu_ns=cpu[number],
                peak_rss_bytes=measured.spent.peak_rss_bytes,
                outcome=result["outcome"],
                error_type=result["error_type"],
                error=result["error"],
                records=file.records,
                rows=result["rows"],
                bytes_in=result.get("bytes_in", 0),
                bytes_out=result.get("bytes_out", 0),
                calls=result.get("calls", 0),
                input_sha256=result.get("sha256", ""),
                operator_touch=int(task.by_operator),
                stages_ns=result.get("stages_ns", {}),
                aside=result.get("reasons"),
            )
        )
    return events
