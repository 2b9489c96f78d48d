"""A made-up year of measurements, the same every time, for tests of pages.

No number in it was measured. `python tests/made_up_year.py DIR` makes a workspace of it to look at.
"""

from __future__ import annotations

import math
import random
import shutil
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from metrics.events import AnswerEvent, Event, HoldingEvent, OutageEvent, RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SERIES = {"none": "0a1b2c3d4e5f", "standard": "5e1f00d2b7c9"}
PARTNERS = {"AA": 620, "B6": 1010, "F9": 14, "UA": 1120}  # records a week
FILES_A_WEEK = 4

#: Share of first attempts that fail, and of exchanges that stay failed, under the standard faults.
FIRST_FAILS = {"monolith": 0.16, "service": 0.07}
STAYS_FAILED = {"monolith": 0.3, "service": 0.12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Settings of a made-up year: number of weeks, weeks without measurements, and how slow the service is.

    With `moves` the service's level moves through the quarters, as in the demo, and what the later milestones ask for
    is made up as well: broken rows every other week, recoveries, a partner that is down. The numbers say what the
    service then did worst, in one week of each quarter: good rows beside broken ones that did not arrive, good rows set
    aside, records lost and held twice. `recovers` are the exchanges recovered of 100 that failed in passing. The stress
    series of the last quarter has the same exchanges and outages once more.
    """

    weeks: int = 52
    without: tuple[int, ...] = ()
    cost: float = 0.38  #: busy seconds of the service as a share of the monolith's
    noise: float = 0.05
    level: int = 1
    moves: bool = False
    good_missing: int = 0
    good_aside: int = 0
    lost: int = 0
    twice: int = 0
    recovers: int = 100
    outages: tuple[int, ...] = ()  #: weeks with one
    calls_down: int = 48

    def level_in(self, week: int) -> int:
        """Return the service's level in a week (from 0)."""
        return min(week // 13 + 1, 4) if self.moves else self.level


def weeks_of_2013(many: int) -> list[tuple[date, date]]:
    """Return the first and last days of the ISO weeks of 2013, cut at the ends of the year."""
    first = date(2012, 12, 31)
    days = [(first + timedelta(weeks=n), first + timedelta(weeks=n, days=6)) for n in range(52)]
    days[0] = (date(2013, 1, 1), days[0][1])
    days[51] = (days[51][0], date(2013, 12, 31))
    return days[:many]


def events_of(year: Year) -> Iterator[Event]:
    """Yield every run, holding and answer of a made-up year."""
    dice = random.Random(2013)
    for number, (block, block_end) in enumerate(weeks_of_2013(year.weeks)):
        season = 1 + 0.12 * math.sin(number / 52 * 2 * math.pi)
        for faults, series in SERIES.items():
            for partner, a_week in PARTNERS.items():
                size = (
                    1.0 if year.moves else season * dice.uniform(0.94, 1.06)
                )  # one size, so that all quarters are alike
                records = max(1, round(a_week * size / FILES_A_WEEK))
                slow = 0.0093 * season * dice.gauss(1, year.noise)
                level = year.level_in(number)
                for system in ("monolith", "service"):
                    if system == "service" and number in year.without:
                        continue
                    cost = slow if system == "monolith" else slow * year.cost * dice.gauss(1, year.noise)
                    for file in range(FILES_A_WEEK):
                        told = _exchange(
                            dice, system, level if system == "service" else 0, faults, partner, file, block, block_end,
                            records, cost,
                        )  # fmt: skip
                        moves = year.moves and faults == "standard"
                        yield from _moved(year, number, partner, file, system, told) if moves else told
                held = FILES_A_WEEK * records
                if number not in year.without:
                    yield AnswerEvent(
                        system="service", level=level, control="monolith", mode="replay", faults=faults,
                        series=series, round=1, partner=partner, feed="flights", block=block.isoformat(),
                        block_end=block_end.isoformat(), compared=held,
                        equal=held - (faults == "standard") * (number % 3),
                    )  # fmt: skip


def _exchange(
    dice: random.Random, system: str, level: int, faults: str, partner: str, file: int, block: date, block_end: date,
    records: int, cost_s: float,
) -> Iterator[Event]:  # fmt: skip
    name = f"{partner}-{block}-{file}.csv"
    due = datetime(block.year, block.month, block.day, 5, tzinfo=UTC) + timedelta(days=file)
    fails = faults == "standard" and dice.random() < FIRST_FAILS[system]
    stays = fails and dice.random() < STAYS_FAILED[system]
    for attempt in range(1, 2 + fails):
        bad = fails and (attempt == 1 or stays)
        started = due + timedelta(days=attempt - 1)
        yield RunEvent(
            key=RunKey(
                system=system, level=level, mode="replay", faults=faults, series=SERIES[faults], round=1,
                exchange_id=f"{system}{level}-{name}", attempt=attempt,
            ),
            release="0.1.0", partner=partner, feed="flights", file=name, block=block.isoformat(),
            block_end=block_end.isoformat(), due_at_us=round(due.timestamp() * 1e6),
            started_at_us=round(started.timestamp() * 1e6),
            duration_ns=round(records * cost_s * 1e9 * (0.4 if bad else 1)),
            outcome="failed" if bad else "done", error_type="PartnerDown" if bad else "", records=records,
            rows={"in": records, "delivered": 0 if bad else records, "failed": records if bad else 0},
            calls=math.ceil(records / 100),
        )  # fmt: skip
    held = 0 if stays else records
    yield HoldingEvent(
        system=system, level=level, mode="replay", faults=faults, series=SERIES[faults], round=1, partner=partner,
        feed="flights", file=name, block=block.isoformat(), block_end=block_end.isoformat(), due=records, held=held,
        twice=0, lost=0, foreign=0,
    )  # fmt: skip


def _in_stress(event: Event) -> Event:
    """Return an event of the standard faults as one of the stress series."""
    changes = {"faults": "stress", "series": "57e5500c3a11"}
    if isinstance(event, RunEvent):
        return replace(event, key=replace(event.key, **changes))
    return replace(event, **changes)


def _moved(
    year: Year, week: int, partner: str, file: int, system: str, told: Iterator[Event]
) -> Iterator[Event]:  # fmt: skip
    """Yield one exchange: of the service at the level of that week, or of the monolith."""
    first = file == 0 and partner == "AA"
    for event in told:
        if isinstance(event, HoldingEvent):
            broken = int(first and week % 2 == 0)
            if system == "monolith":
                yield replace(event, broken=broken)
                continue
            worst = first and week % 13 == 5
            missing = year.good_missing if worst else 0
            yield replace(
                event, broken=broken, held=event.due - missing, good_aside=year.good_aside if worst else 0,
                lost=year.lost if worst else 0, twice=year.twice if worst else 0,
            )  # fmt: skip
            continue
        if isinstance(event, RunEvent) and system == "service":
            if event.key.attempt > 1:
                continue  # a random first failure is followed by a success below
            failed, number = file > 0, week * len(PARTNERS) * 3 + list(PARTNERS).index(partner) * 3 + file
            recovered = number % 100 < year.recovers
            took_ns = round((event.duration_ns or 0) / (0.4 if event.outcome == "failed" else 1))
            good = replace(
                event, outcome="done", error_type="", duration_ns=took_ns,
                rows={"in": event.records, "delivered": event.records},
            )  # fmt: skip
            if not failed:
                yield good
                continue
            due = {"in": event.records, "due": event.records}
            yield replace(event, outcome="due", error_type="PartnerDown", duration_ns=took_ns // 20, rows=due)
            yield replace(good, key=replace(event.key, attempt=2), operator_touch=int(not recovered))
            continue
        yield event
    if first and week in year.outages and system == "service":
        yield OutageEvent(
            system=system, level=year.level_in(week), mode="replay", faults="standard", series=SERIES["standard"],
            round=1, partner=partner, feed="flights", block=event.block, block_end=event.block_end, day=event.block,
            hours=24, calls=year.calls_down,
        )  # fmt: skip


def with_stress(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events, and those of the service at level 4 under the standard faults in the stress series once more."""
    for event in events:
        yield event
        key = event.key if isinstance(event, RunEvent) else event
        if not isinstance(event, AnswerEvent) and (key.system, key.level, key.faults) == ("service", 4, "standard"):
            yield _in_stress(event)


def fill(path: Path, year: Year) -> Path:
    """Write a metrics database with a made-up year to `path`."""
    db = open_store(path, "replay")
    events = with_stress(events_of(year)) if year.moves else events_of(year)
    with db.conn:
        insert_events(db, (("run", event) for event in events))
    db.close()
    return path


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that returns a copy of the store of a made-up year; each year is made once a session."""
    made: dict[Year, Path] = {}

    def make(**settings: object) -> Path:
        year = Year(**settings)  # type: ignore[arg-type]
        if year not in made:
            made[year] = fill(tmp_path_factory.mktemp("year") / "metrics-replay.db", year)
        copy = tmp_path_factory.mktemp("store") / "metrics-replay.db"
        shutil.copyfile(made[year], copy)
        return copy

    return make


if __name__ == "__main__":
    print(fill(Path(sys.argv[1]) / "var" / "metrics-replay.db", Year()))
