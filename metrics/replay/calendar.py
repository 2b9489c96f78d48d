"""The desk of a replay, none of whose work is measured: turn the calendar, hand files in, count what arrived.

What a block delivered is counted once nothing of it is open any more, at its end or at the latest at the end of the
replay. A subject whose span is over is handed nothing new, and is kept until what it has open is done.
"""

from __future__ import annotations

import urllib.request
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metrics.events import AnswerEvent, HoldingEvent, OutageEvent, Recorder
from metrics.replay.input_files import FEED, RECORD_KEY, InputFile, block_range
from metrics.replay.operator import MAX_ATTEMPTS_A_DAY, PendingFile, midnight, opening_time
from metrics.replay.partner_records import compare_records, count_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metrics.replay.subject_run import ReplayRequest, SubjectRun

#: Day on which nobody is down: that of warm-ups.
QUIET_DAY = date(2012, 1, 1)

HOURS_A_DAY = 24


class ReplayCalendar:
    """The replayed calendar of all subjects of a replay, and the events that tell what came of it."""

    def __init__(
        self, request: ReplayRequest, recorder: Recorder, endpoint: str, series: str, on_file: Callable[[], None]
    ) -> None:
        self.runs = 0
        self._request = request
        self._recorder = recorder
        self._endpoint = endpoint
        self._series = series
        self._on_file = on_file
        self._open: dict[SubjectRun, list[int]] = {}
        self._arrived: dict[tuple[SubjectRun, int], pl.DataFrame] = {}
        self._calls: dict[tuple[SubjectRun, str, date], int] = {}

    def week(self, block: int, sides: Sequence[SubjectRun]) -> None:
        """Replay the days of one block for the sides of a round, in the order given."""
        start, end = block_range(block)
        files = [file for file in self._request.workload.files if file.block == block]
        for side in sides:
            if side.stands(block):
                self._open.setdefault(side, []).append(block)
        for day in (start + timedelta(days=n) for n in range((end - start).days + 1)):
            arrived = [file for file in files if file.arrives == day]
            if arrived or any(side.agenda.has_work(day) for side in sides):
                self.turn_calendar(day)
                for side in sides:
                    self._day(side, day, arrived if side.stands(block) else ())
            for side in sides:
                self._tell_outages(side, block, day)

    def turn_calendar(self, day: date) -> None:
        """Tell the partner which day it is."""
        body = day.isoformat().encode()
        request = urllib.request.Request(f"{self._endpoint}/-/today", body, method="PUT")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def is_open(self, side: SubjectRun) -> bool:
        """Whether a side has blocks that are not counted, or not compared yet."""
        return bool(self._open.get(side)) or any(one is side for one, _ in self._arrived)

    def _day(self, side: SubjectRun, day: date, arrived: Sequence[InputFile]) -> None:
        """What was due in the night, then the operator's look and the new files, then what falls due until midnight."""
        self._go_on(side, midnight(day), opening_time(day))
        for task in [*side.agenda.for_operator(), *map(PendingFile, arrived)]:
            self._run(side, task, opening_time(day))
            if task.attempt == 1:
                self._on_file()
        self._go_on(side, opening_time(day), midnight(day + timedelta(days=1)))

    def _go_on(self, side: SubjectRun, since: datetime, until: datetime) -> None:
        """Play the subject's own scheduler: what it has due before a time, in order of time."""
        for _ in range(MAX_ATTEMPTS_A_DAY):
            found = side.agenda.next_due(until)
            if found is None:
                return
            at, task = found
            self._run(side, task, max(at, since))

    def _run(self, side: SubjectRun, task: PendingFile, at: datetime) -> None:
        self.runs += 1
        event = side.run(task, at + timedelta(microseconds=self.runs % 1_000_000), self._series)
        self._recorder.record(event)
        key = (side, event.partner, at.date())
        self._calls[key] = self._calls.get(key, 0) + (event.calls or 0)

    def _tell_outages(self, side: SubjectRun, block: int, day: date) -> None:
        """Record the calls of this day to each partner that is down on it; and forget the others."""
        start, end = block_range(block)
        down = [name for name, days in self._request.workload.plan["down"].items() if day.isoformat() in days]
        for partner in down:
            calls = self._calls.get((side, partner, day), 0)
            if calls or side.stands(block):
                key = self._key(side, partner, start, end)
                self._recorder.record(OutageEvent(**key, day=day.isoformat(), hours=HOURS_A_DAY, calls=calls))
        self._calls = {key: calls for key, calls in self._calls.items() if key[0] is not side}

    def close(self, sides: Sequence[SubjectRun], *, last: bool) -> None:
        """Count every block of which nothing is open; all of them at the end of the replay."""
        for side in sides:
            side.look()
            busy = set() if last else side.agenda.blocks()
            for block in [block for block in self._open.get(side, ()) if block not in busy]:
                self._open[side].remove(block)
                self._arrived[side, block] = self._count(side, block)
        control = next(side for side in sides if side.label == self._request.subjects[0])
        for block in sorted({block for side, block in self._arrived if side is control}):
            others = [side for side in sides if side is not control and side.stands(block)]
            if all((side, block) in self._arrived for side in others):
                theirs = self._arrived.pop((control, block))
                for side in others:
                    self._compare(control, side, theirs, self._arrived.pop((side, block)), block)

    def _count(self, side: SubjectRun, block: int) -> pl.DataFrame:
        """Record what is held of the files of a block, and give back those records."""
        start, end = block_range(block)
        files = {f"{file.partner}/{file.name}": file for file in self._request.workload.files if file.block == block}
        truth = self._request.workload.truth.filter(pl.col("file").is_in(list(files)))
        key = list(RECORD_KEY)
        arrived = side.held.join(truth, on=key, how="semi")
        left = side.held.join(truth, on=key, how="anti")
        # what belongs to no block that is still open can be explained by no due record
        strange = left if not self._open[side] else left.clear()
        side.held = left if self._open[side] else left.clear()
        foreign = dict(strange.group_by("partner").agg(pl.len()).iter_rows())
        counted = {name: (due, held, twice) for name, due, held, twice in count_records(arrived, truth).iter_rows()}
        for name, file in files.items():
            if file.original:
                continue
            due, held, twice = counted.get(name, (0, 0, 0))  # a file can have no row but broken ones
            said = side.said.get(name)
            self._recorder.record(
                HoldingEvent(
                    **self._key(side, file.partner, start, end),
                    file=file.name,
                    due=due,
                    held=held,
                    twice=twice,
                    lost=max(said.delivered - held, 0) if said else 0,
                    foreign=foreign.pop(file.partner, 0),
                    broken=len(file.broken),
                    good_aside=said.good_aside(file, due - held) if said else 0,
                )
            )
        return arrived

    def _compare(
        self, control: SubjectRun, side: SubjectRun, one: pl.DataFrame, other: pl.DataFrame, block: int
    ) -> None:
        start, end = block_range(block)
        for partner, compared, equal in compare_records(one, other).iter_rows():
            key = self._key(side, partner, start, end)
            self._recorder.record(AnswerEvent(**key, control=control.label, compared=compared, equal=equal))

    def _key(self, side: SubjectRun, partner: str, start: date, end: date) -> dict[str, Any]:
        return {
            "system": side.system, "level": side.level, "mode": "replay", "faults": self._request.faults,
            "series": self._series, "round": side.round, "partner": partner, "feed": FEED,
            "block": start.isoformat(), "block_end": end.isoformat(),
        }  # fmt: skip
