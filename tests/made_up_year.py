"""A made-up year of measurements, the same every time: what pages are tested and looked at on.

No number in it was measured. `python tests/made_up_year.py DIR` makes a workspace of it to look at.
"""

from __future__ import annotations

import math
import random
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from metrics.events import AnswerEvent, Event, HoldingEvent, RunEvent, RunKey
from metrics.store import insert_events, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERIES = {"none": "0a1b2c3d4e5f", "standard": "5e1f00d2b7c9"}
PARTNERS = {"AA": 620, "B6": 1010, "F9": 14, "UA": 1120}  # records a week
FILES_A_WEEK = 4

#: Share of first attempts that fail, and of exchanges that stay failed, under the standard faults.
FIRST_FAILS = {"monolith": 0.16, "service": 0.07}
STAYS_FAILED = {"monolith": 0.3, "service": 0.12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """What to make up: how many weeks, which weeks nothing was measured in, and how slow the service is."""

    weeks: int = 52
    without: tuple[int, ...] = ()
    cost: float = 0.38  #: busy seconds of the service as a share of the monolith's
    noise: float = 0.05
    level: int = 1


def weeks_of_2013(many: int) -> list[tuple[date, date]]:
    """First and last days of the ISO weeks of 2013, the first and the last clamped into the year."""
    first = date(2012, 12, 31)
    days = [(first + timedelta(weeks=n), first + timedelta(weeks=n, days=6)) for n in range(52)]
    days[0] = (date(2013, 1, 1), days[0][1])
    days[51] = (days[51][0], date(2013, 12, 31))
    return days[:many]


def events_of(year: Year) -> Iterator[Event]:
    """Every run, holding and answer of a made-up year."""
    dice = random.Random(2013)
    for number, (block, block_end) in enumerate(weeks_of_2013(year.weeks)):
        season = 1 + 0.12 * math.sin(number / 52 * 2 * math.pi)
        for faults, series in SERIES.items():
            for partner, a_week in PARTNERS.items():
                records = max(1, round(a_week * season * dice.uniform(0.94, 1.06) / FILES_A_WEEK))
                slow = 0.0093 * season * dice.gauss(1, year.noise)
                for system in ("monolith", "service"):
                    if system == "service" and number in year.without:
                        continue
                    cost = slow if system == "monolith" else slow * year.cost * dice.gauss(1, year.noise)
                    for file in range(FILES_A_WEEK):
                        level = 0 if system == "monolith" else year.level
                        yield from _exchange(
                            dice, system, level, faults, partner, file, block, block_end, records, cost
                        )
                held = FILES_A_WEEK * records
                if number not in year.without:
                    yield AnswerEvent(
                        system="service", level=year.level, control="monolith", mode="replay", faults=faults,
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


def fill(path: Path, year: Year) -> Path:
    """A metrics database at `path` with a made-up year in it."""
    db = open_store(path, "replay")
    with db.conn:
        insert_events(db, (("run", event) for event in events_of(year)))
    db.close()
    return path


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A copy of the store of a made-up year; the same settings are made only once a session."""
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
