"""The replayed calendar: set the date, hand in files, and count the records that arrived. None of this is measured.

The deliveries of a block are counted once it has no open work, at the latest at the end of the replay. A subject whose
span is over gets no new files, and keeps running until its open work is done.
"""

from __future__ import annotations

import urllib.request
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from metrics.events import AnswerEvent, HoldingEvent, OutageEvent, Recorder
from metrics.replay.input_files import FEED, RECORD_KEY, InputFile, block_range
from metrics.replay.operator import MAX_ATTEMPTS_A_DAY, PendingFile, group_passes, midnight, opening_time
from metrics.replay.partner_records import compare_records, count_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metrics.replay.subject_run import ReplayRequest, SubjectRun

#: Day without outages, for warm-ups.
QUIET_DAY = date(2012, 1, 1)

HOURS_A_DAY = 24


class ReplayCalendar:
    """The replayed calendar of all subjects of a replay; it records the events of their runs and blocks."""

    def __init__(
        self, request: ReplayRequest, recorder: Recorder, endpoint: str, series: str, on_file: Callable[[], None]
    ) -> None:
        self.runs = 0
        self._request = request
        self._recorder = recorder
        self._endpoint = endpoint
        self._series = series
        self._on_file = on_file
        self._files: defaultdict[int, list[InputFile]] = defaultdict(list)
        for file in request.workload.files:
            self._files[file.block].append(file)
        self._truth: dict[int, pl.DataFrame] = {}
        self._is_down = False  #: whether a partner is down on the date that was set
        self._open: dict[SubjectRun, list[int]] = {}
        self._arrived: dict[tuple[SubjectRun, int], pl.DataFrame] = {}
        self._calls: dict[tuple[SubjectRun, str, date], int] = {}

    def replay_block(self, block: int, subjects: Sequence[SubjectRun]) -> None:
        """Replay the days of one block for the subjects of a round, in the given order."""
        start, end = block_range(block)
        files = self._files[block]
        for subject in subjects:
            if subject.is_active(block):
                self._open.setdefault(subject, []).append(block)
        for day in (start + timedelta(days=n) for n in range((end - start).days + 1)):
            arrived = [file for file in files if file.arrives == day]
            if arrived or any(subject.queue.has_work(day) for subject in subjects):
                self.set_date(day)
                for subject in subjects:
                    self._replay_day(subject, day, arrived if subject.is_active(block) else ())
            for subject in subjects:
                self._record_outages(subject, block, day)

    def replay_days_after(self, block: int, subjects: Sequence[SubjectRun]) -> None:
        """Replay the days after the last block, as many as the request has, while subjects have open work."""
        _, end = block_range(block)
        for day in (end + timedelta(days=n + 1) for n in range(self._request.days_after)):
            if any(subject.queue.has_work(day) for subject in subjects):
                self.set_date(day)
                for subject in subjects:
                    self._replay_day(subject, day, ())

    def set_date(self, day: date) -> None:
        """Set the date at the practice partner, which needs it only on a day of an outage and on the first after it."""
        is_down = any(day.isoformat() in days for days in self._request.workload.plan["down"].values())
        if not is_down and not self._is_down:
            return
        self._is_down = is_down
        body = day.isoformat().encode()
        request = urllib.request.Request(f"{self._endpoint}/-/today", body, method="PUT")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def has_open_blocks(self, subject: SubjectRun) -> bool:
        """Tell whether a subject has blocks that are not counted or not compared yet."""
        return bool(self._open.get(subject)) or any(owner is subject for owner, _ in self._arrived)

    def _replay_day(self, subject: SubjectRun, day: date, arrived: Sequence[InputFile]) -> None:
        """Run the work due before opening, then the operator's work and the new files, then the work due later."""
        self._run_due(subject, midnight(day), opening_time(day))
        tasks = [*subject.queue.take_waiting(), *map(PendingFile, arrived)]
        for one_pass in group_passes(tasks, together=subject.takes_files):
            self._run(subject, one_pass, opening_time(day))
            for task in one_pass:
                if task.attempt == 1:
                    self._on_file()
        self._run_due(subject, opening_time(day), midnight(day + timedelta(days=1)))

    def _run_due(self, subject: SubjectRun, since: datetime, until: datetime) -> None:
        """Play the subject's own scheduler: run its work due before a time, in order of time."""
        for _ in range(MAX_ATTEMPTS_A_DAY):
            due = subject.queue.take_due(until, together=subject.takes_files)
            if due is None:
                return
            at, tasks = due
            self._run(subject, tasks, max(at, since))

    def _run(self, subject: SubjectRun, tasks: Sequence[PendingFile], at: datetime) -> None:
        start_at = at + timedelta(microseconds=(self.runs + 1) % 1_000_000)
        self.runs += len(tasks)
        for event in subject.run_pass(tasks, start_at, self._series):
            self._recorder.record(event)
            key = (subject, event.partner, at.date())
            self._calls[key] = self._calls.get(key, 0) + (event.calls or 0)

    def _record_outages(self, subject: SubjectRun, block: int, day: date) -> None:
        """Record the calls of a day to each partner that is down on it, and drop the other counts."""
        start, end = block_range(block)
        down = [name for name, days in self._request.workload.plan["down"].items() if day.isoformat() in days]
        for partner in down:
            calls = self._calls.get((subject, partner, day), 0)
            if calls or subject.is_active(block):
                key = self._block_key(subject, partner, start, end)
                self._recorder.record(OutageEvent(**key, day=day.isoformat(), hours=HOURS_A_DAY, calls=calls))
        self._calls = {key: calls for key, calls in self._calls.items() if key[0] is not subject}

    def close_blocks(self, subjects: Sequence[SubjectRun], *, last: bool) -> None:
        """Count every block without open work; with `last`, at the end of the replay, count all blocks.

        The records at the partner must have been read.
        """
        for subject in subjects:
            busy = set() if last else subject.queue.open_blocks()
            for block in [block for block in self._open.get(subject, ()) if block not in busy]:
                self._open[subject].remove(block)
                self._arrived[subject, block] = self._record_holdings(subject, block)
        control = next(subject for subject in subjects if subject.label == self._request.subjects[0])
        for block in sorted({block for subject, block in self._arrived if subject is control}):
            others = [subject for subject in subjects if subject is not control and subject.is_active(block)]
            if all((subject, block) in self._arrived for subject in others):
                control_records = self._arrived.pop((control, block))
                for subject in others:
                    self._record_answers(control, subject, control_records, self._arrived.pop((subject, block)), block)

    def _record_holdings(self, subject: SubjectRun, block: int) -> pl.DataFrame:
        """Record the holdings of the files of a block, and return their records."""
        start, end = block_range(block)
        files = {f"{file.partner}/{file.name}": file for file in self._files[block]}
        truth = self._truth_of(block)
        key = list(RECORD_KEY)
        arrived = subject.held.join(truth, on=key, how="semi")
        left = subject.held.join(truth, on=key, how="anti")
        # records of no due row are foreign, unless they may belong to a block that is still open
        foreign_records = left if not self._open[subject] else left.clear()
        subject.held = left if self._open[subject] else left.clear()
        foreign = dict(foreign_records.group_by("partner").agg(pl.len()).iter_rows())
        counted = {name: (due, held, twice) for name, due, held, twice in count_records(arrived, truth).iter_rows()}
        for name, file in files.items():
            if file.original:
                continue
            due, held, twice = counted.get(name, (0, 0, 0))  # all rows of a file can be broken
            reported = subject.reported.get(name)
            self._recorder.record(
                HoldingEvent(
                    **self._block_key(subject, file.partner, start, end),
                    file=file.name,
                    due=due,
                    held=held,
                    twice=twice,
                    lost=max(reported.delivered - held, 0) if reported else 0,
                    foreign=foreign.pop(file.partner, 0),
                    broken=len(file.broken),
                    good_aside=reported.good_quarantined(file, due - held) if reported else 0,
                )
            )
        return arrived

    def _truth_of(self, block: int) -> pl.DataFrame:
        """Return the due records of a block."""
        if block not in self._truth:
            names = [f"{file.partner}/{file.name}" for file in self._files[block]]
            self._truth[block] = self._request.workload.truth.filter(pl.col("file").is_in(names))
        return self._truth[block]

    def _record_answers(
        self, control: SubjectRun, subject: SubjectRun, expected: pl.DataFrame, records: pl.DataFrame, block: int
    ) -> None:
        start, end = block_range(block)
        for partner, compared, equal in compare_records(expected, records).iter_rows():
            key = self._block_key(subject, partner, start, end)
            self._recorder.record(AnswerEvent(**key, control=control.label, compared=compared, equal=equal))

    def _block_key(self, subject: SubjectRun, partner: str, start: date, end: date) -> dict[str, Any]:
        return {
            "system": subject.system, "level": subject.level, "mode": "replay", "faults": self._request.faults,
            "series": self._series, "round": subject.round, "partner": partner, "feed": FEED,
            "block": start.isoformat(), "block_end": end.isoformat(),
        }  # fmt: skip
