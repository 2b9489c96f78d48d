"""Expectations over two years: no moment is missed, none is judged twice, and no file is called missing that was there.

Two schedulers wake at random times, end and start again, stand still, and die while they judge. Files arrive in time,
late or never, lie in the inbox for a while, and are taken by a worker that does not run all the time. What came of each
moment is compared with the whole list of files, and the moments with a clock that is read minute by minute.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from contextlib import suppress
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.schedule.expectation_states import expectation_states
from poc.schedule.expectations import ExpectationJudge, from_us, to_us
from poc.schedule.inbox_arrivals import InboxLook
from poc.schedule.tick_store import TickStore
from tests.slow_clock import BEGIN, END, slow_clock, slow_daily

if TYPE_CHECKING:
    from datetime import datetime

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

#: Holidays of Bavaria in the two years that are no Saturday or Sunday.
HOLIDAYS = {
    date(2026, 1, 1), date(2026, 1, 6), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 14),
    date(2026, 5, 25), date(2026, 6, 4), date(2026, 12, 25), date(2027, 1, 1), date(2027, 1, 6), date(2027, 3, 26),
    date(2027, 3, 29), date(2027, 5, 6), date(2027, 5, 17), date(2027, 5, 27), date(2027, 11, 1),
}  # fmt: skip

#: Zone, rule, and the slow list of its moments.
RULES = [
    ("Europe/Berlin", 'by = "02:30"', lambda zone: slow_daily(zone, {(2, 30)}, lambda _: True)),
    (
        "Europe/Berlin",
        'by = "06:00"\ndays = "mon-fri"\nholidays = "DE-BY"',
        lambda zone: slow_daily(zone, {(6, 0)}, lambda day: day.weekday() < 5 and day not in HOLIDAYS),
    ),
    ("America/New_York", 'by = "02:00"', lambda zone: slow_daily(zone, {(2, 0)}, lambda _: True)),
    (
        "America/New_York",
        'every = "15 1,2,18 * * 0-5"',
        lambda zone: slow_daily(zone, {(1, 15), (2, 15), (18, 15)}, lambda day: day.weekday() != 5),
    ),
    ("Australia/Lord_Howe", 'by = "02:15"', lambda zone: slow_daily(zone, {(2, 15)}, lambda _: True)),
    (
        "Australia/Lord_Howe",
        'every = "45 */8 * * *"',
        lambda zone: slow_clock(zone, {45}, {0, 8, 16}, lambda _: True),
    ),
]


class Killed(BaseException):
    """A scheduler dies before its transaction ends."""


def outcomes(moments: list[datetime], files: list[datetime]) -> dict[datetime, tuple[bool, datetime | None]]:
    """For each moment but the first and the last: whether a file came in time, and the one that made up for it if not.

    A file is in time after the moment before, unless it makes up for that moment: as the first one after a moment
    without a file, and nearer to it than to the next.
    """
    results = {}
    late: datetime | None = None
    for before, due, after in zip(moments, moments[1:], moments[2:], strict=False):
        came = files[bisect_right(files, before) : bisect_right(files, due)]
        in_time = [at for at in came if at != late]
        later = files[bisect_right(files, due) : bisect_right(files, after)][:1]
        late = next((at for at in later if not in_time and at - due < after - at), None)
        results[due] = (bool(in_time), late)
    return results


def draw_files(chance: random.Random, moments: list[datetime]) -> list[datetime]:
    """Draw when files arrive: most in time, some late, and some never."""
    files = []
    for before, due in pairwise(moments):
        gap = due - before
        match chance.choices(["in time", "twice", "on the dot", "late", "never"], [6, 1, 1, 2, 2])[0]:
            case "in time":
                files.append(due - gap * chance.uniform(0.01, 0.9))
            case "twice":
                files += [due - gap * chance.uniform(0.01, 0.9) for _ in range(2)]
            case "on the dot":
                files.append(due)
            case "late":
                files.append(due + gap * chance.uniform(0.001, 0.9))
    return sorted(set(files))


class Service:
    """Two schedulers and a worker over one ledger, an inbox, and the hands of a clock."""

    def __init__(self, workspace, chance: random.Random) -> None:
        self.workspace, self.chance = workspace, chance
        self.now = BEGIN
        self.inbox: list[datetime] = []
        self.taken: list[datetime] = []
        self.acted: list[tuple[int, str]] = []
        self.acted_at: dict[tuple[int, str], datetime] = {}
        self.ledgers = [open_ledger(workspace.ledger), open_ledger(workspace.ledger)]
        self.judges = [self.new_judge(), self.new_judge()]

    def new_judge(self) -> ExpectationJudge:
        """A scheduler that has just started."""
        return ExpectationJudge(lambda: self.now, lambda *_: self.look())

    def look(self) -> InboxLook:
        """What lies in the inbox."""
        return InboxLook(tuple(to_us(at) for at in self.inbox if at <= self.now))

    def wake(self, which: int, *, dies: bool = False) -> None:
        """One scheduler judges what is due; it may die before its transaction ends, and starts again then."""
        ledger = self.ledgers[which]

        def die() -> None:
            raise Killed

        ledger.guard = die if dies else None
        with suppress(Killed):
            for _, _, tick in self.judges[which].judge(self.workspace, ledger):
                self.acted.append((tick.due_us, tick.state))
                self.acted_at[self.acted[-1]] = self.now
        if dies:
            self.judges[which] = self.new_judge()
        ledger.guard = None

    def work(self) -> None:
        """The worker records what has arrived, and takes it away."""
        there = [at for at in self.inbox if at <= self.now]
        store = TickStore(self.ledgers[0], "AA", "flights")
        store.add_arrivals([(f"{at.timestamp()}.csv", to_us(at)) for at in there])
        self.ledgers[0].commit()
        self.inbox = [at for at in self.inbox if at > self.now]

    def turn(self) -> None:
        """One or both schedulers and the worker run, or one of them starts again, or dies."""
        for ledger in self.ledgers:
            ledger.wait_for_disk(False)  # quicker, and until the next roll-back only
        what = self.chance.random()
        if what < 0.1:
            self.judges[self.chance.randrange(2)] = self.new_judge()
        if what < 0.2:
            self.wake(self.chance.randrange(2), dies=True)
            return
        for step in self.chance.sample([0, 1, 2], 3):
            if step == 2:
                self.work()
            else:
                self.wake(step)
        if what > 0.9:  # the clock stands still
            self.wake(0)
            self.wake(1)


def expecting(folder, zone: str, rule: str):
    """A workspace with one feed that expects its files by a rule."""
    create_workspace(folder / "w", "test", "live", {"AA": AIRLINES["AA"]}, "schema = 1\n")
    with (folder / "w" / "partners" / "AA.toml").open("a") as file:
        file.write(f'\n[feed.flights.expect]\n{rule}\nzone = "{zone}"\n')
    workspace = load_workspace(folder / "w")
    assert workspace.problems == {}
    return workspace


@pytest.mark.parametrize("index", range(len(RULES)))
def test_two_years_without_a_missed_a_double_or_a_false_alarm(tmp_path, index):
    """Each moment is judged once and rightly, and the next one is predicted rightly, whoever runs and whenever."""
    zone, rule, slow = RULES[index]
    chance = random.Random(index)
    workspace = expecting(tmp_path, zone, rule)
    moments = slow(zone)
    files = draw_files(chance, moments)
    service = Service(workspace, chance)
    try:
        service.now = started = moments[3] + timedelta(minutes=7)
        service.inbox = [at for at in files if at <= started]
        service.work()
        service.wake(0)  # the schedule begins
        arriving = iter([at for at in files if at > started])
        arrival = next(arriving)
        end = moments[-4] + timedelta(minutes=1)
        while service.now < end:
            pause = chance.choices([timedelta(minutes=5), HOUR, 9 * HOUR, 3 * DAY, 12 * DAY], [1, 2, 6, 2, 0.2])[0]
            service.now = min(service.now + pause * chance.uniform(0.1, 2), end)
            while arrival <= service.now:
                service.inbox.append(arrival)
                arrival = next(arriving)
            service.turn()
            if chance.random() < 0.1:
                check_state(service, moments, files, started)
        service.wake(0)
        service.work()
        service.wake(1)
        expected = outcomes(moments, [at for at in files if at <= service.now])
        due = [moment for moment in moments if started < moment <= end]
        check_acts(service, due, expected)
        check_ticks(service, due, expected)
    finally:
        for ledger in service.ledgers:
            ledger.close()


def test_two_years_of_a_longest_time_after_the_last_file(tmp_path):
    """Each gap that is too long is noticed once, ends with its file, and days that are no working days do not count."""
    chance = random.Random(11)
    workspace = expecting(tmp_path, "Europe/Berlin", 'within = "3h"\ndays = "mon-fri"')
    files, at = [], BEGIN + DAY
    while at < END - 9 * DAY:
        at += timedelta(minutes=chance.choices([chance.randrange(1, 170), chance.randrange(170, 900)], [8, 3])[0])
        at += chance.choices([timedelta(), 2 * DAY], [60, 1])[0]
        files.append(at)
    service = Service(workspace, chance)
    try:
        service.now = started = files[0] - timedelta(minutes=30)
        service.wake(0)
        arriving = iter(files)
        arrival = next(arriving)
        while service.now < files[-2]:
            pause = chance.choices([timedelta(minutes=20), 9 * HOUR, 2 * DAY], [2, 6, 1])[0]
            service.now = min(service.now + pause * chance.uniform(0.1, 2), files[-2])
            while arrival <= service.now:
                service.inbox.append(arrival)
                arrival = next(arriving)
            service.turn()
        service.wake(0)
        service.work()
        service.wake(1)
        late = {
            to_us(due): to_us(after)
            for before, after in pairwise([started, *files[:-1]])
            if before + 3 * HOUR < after and (due := slow_due(before, working_minutes=180)) < after
        }
        assert len(late) > 500
        store = TickStore(service.ledgers[0], "AA", "flights")
        assert {tick.due_us: tick.arrived_at_us for tick in store.last_ticks(to_us(END), 10_000)} == late
        assert len(service.acted) == len(set(service.acted))
        assert {due_us for due_us, state in service.acted if state == "late"} == set(late)
        for due_us, state in service.acted:
            assert state == "late" or to_us(service.acted_at[due_us, state]) < late[due_us]
    finally:
        for ledger in service.ledgers:
            ledger.close()


def slow_due(at: datetime, working_minutes: int) -> datetime:
    """The instant at which so many minutes have passed on Mondays to Fridays in Berlin."""
    while working_minutes:
        working_minutes -= at.astimezone(ZoneInfo("Europe/Berlin")).weekday() < 5
        at += timedelta(minutes=1)
    return at


def check_acts(service, due, expected) -> None:
    """None missed, none double, and no alarm for a file that was there; what was late is said to be late."""
    assert len(service.acted) == len(set(service.acted))
    acted = set(service.acted)
    for moment in due:
        at_us = to_us(moment)
        in_time, late = expected[moment]
        if in_time:
            assert {state for due_us, state in acted if due_us == at_us} == {"arrived"}
            continue
        states = {state for due_us, state in acted if due_us == at_us}
        assert states in (({"late"}, {"not_arrived", "late"}) if late else ({"not_arrived"},))
        if late and "not_arrived" in states:
            assert service.acted_at[at_us, "not_arrived"] < late  # it had not come yet
    assert {due_us for due_us, _ in acted} == {to_us(moment) for moment in due}


def check_ticks(service, due, expected) -> None:
    """The ledger holds one tick for each moment, with the time at which its late file came."""
    ticks = TickStore(service.ledgers[0], "AA", "flights").last_ticks(to_us(END), 10_000)
    held = {from_us(tick.due_us): tick for tick in ticks}
    assert sorted(held) == due
    for moment in due:
        in_time, late = expected[moment]
        state = "arrived" if in_time else "late" if late else "not_arrived"
        assert held[moment].state == state, moment
        if state == "late":
            assert from_us(held[moment].arrived_at_us) == late


def check_state(service, moments, files, started) -> None:
    """What people are shown is so at any time, judged or not: the next moment, the last one, and the open misses."""
    (state,) = expectation_states(service.workspace, service.ledgers[1], service.now, lambda *_: service.look())
    passed = bisect_right(moments, service.now)
    assert state.next_due == moments[passed]
    due = [moment for moment in moments[max(passed - 100, 0) : passed] if moment > started]
    if not due:
        assert state.last_due is None
        return
    known = files[: bisect_right(files, service.now)]
    expected = outcomes(moments[max(passed - 102, 0) : passed + 1], known)
    missed: list[datetime] = []
    for moment in reversed(due):
        if expected[moment] != (False, None):
            break
        missed.insert(0, moment)
    if due[-1] < known[-1]:
        missed = []  # a file has come, which may count for the next moment
    assert (state.last_due, list(state.missed[-50:])) == (due[-1], missed[-50:])
    in_time, late = expected[due[-1]]
    assert state.last_state == ("arrived" if in_time else "late" if late else "not_arrived")
