"""The backfill of past days judges each moment once, however often it is interrupted."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from poc.config.hours import Expect
from poc.ledger.opening import open_ledger
from poc.ledger.schema import EXCHANGE
from poc.schedule import backfill
from poc.schedule.expectations import to_us
from poc.schedule.tick_store import Schedule, TickStore
from poc.schedule.ticks import ARRIVED, LATE, NOT_ARRIVED

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAILY = Expect(by="06:00", zone="Europe/Berlin")


@pytest.fixture
def store(tmp_path):
    """The ticks of a feed that had a file an hour before 06:00 in Berlin, but two days late and two without one."""
    (tmp_path / "var").mkdir()
    with closing(open_ledger(tmp_path / "var" / "ledger.db")) as ledger:
        for day in range(1, 30):
            at = datetime(2026, 11, day, 4, tzinfo=UTC) + timedelta(hours=3 * (day in {7, 21}))
            values = {"id": f"e{day}", "partner": "AA", "feed": "flights", "sha256": "", "file": f"{day}.csv"}
            more = {"size_bytes": 1, "attempt": 1, "outcome": "done", "opened_at_us": to_us(at)}
            if day not in {14, 28}:
                ledger.connection.execute(EXCHANGE.insert(), {**values, **more})
        ledger.connection.commit()
        yield TickStore(ledger, "AA", "flights")


def judge(store, first=date(2026, 11, 2), last=None, expect=DAILY):
    """What a backfill judges, in its transactions."""
    return backfill.backfill(expect, store, first, last, lambda: NOW)


def states(ticks):
    """The days whose files were not in time, with their state."""
    return {datetime.fromtimestamp(t.due_us / 1e6, UTC).day: t.state for t in ticks if t.state != ARRIVED}


def test_past_days_are_judged_by_when_exchanges_were_opened(store):
    """In time, two hours late, and not at all: as the exchanges of the ledger say."""
    ticks = [tick for part in judge(store, last=date(2026, 11, 29)) for tick in part]
    assert len(ticks) == 28
    assert states(ticks) == {7: LATE, 14: NOT_ARRIVED, 21: LATE, 28: NOT_ARRIVED}
    assert {tick.late_us for tick in ticks if tick.state == LATE} == {2 * 3600 * 1_000_000}


def test_an_interrupted_backfill_goes_on_where_it_was(store, monkeypatch):
    """What was committed is not judged again, and all is the same as without an interruption."""
    monkeypatch.setattr(backfill, "CHUNK", 5)
    ticks = []
    for _ in range(3):
        judging = judge(store, last=date(2026, 11, 29))
        ticks += next(judging)
        judging.close()
    assert len(ticks) == 15
    ticks += [tick for part in judge(store) for tick in part]
    assert len({tick.due_us for tick in ticks}) == len(ticks) == 29
    assert states(ticks) == {7: LATE, 14: NOT_ARRIVED, 21: LATE, 28: NOT_ARRIVED, 30: NOT_ARRIVED}
    assert [part for part in judge(store) if part] == []


def test_a_backfill_leaves_what_the_schedule_judges_alone(store):
    """Moments since the schedule began are not its matter, as it knows when files arrived."""
    since = datetime(2026, 11, 20, tzinfo=UTC)
    store.put_schedule(Schedule("{}", to_us(since), to_us(since)))
    store.ledger.commit()
    ticks = [tick for part in judge(store) for tick in part]
    assert max(tick.due_us for tick in ticks) == to_us(datetime(2026, 11, 19, 5, tzinfo=UTC))


def test_gaps_of_the_past_are_judged(store):
    """With `within`, each gap that was too long is late."""
    expect = Expect(within="30h")
    ticks = [tick for part in judge(store, expect=expect) for tick in part]
    assert [(tick.state, tick.late_us / 3.6e9) for tick in ticks] == [(LATE, 18.0), (LATE, 18.0), (NOT_ARRIVED, 0.0)]
    assert [part for part in judge(store, expect=expect) if part] == []
