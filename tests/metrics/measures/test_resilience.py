"""Resilience measures, from events in a store to readings."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.events import HoldingEvent, OutageEvent, RunEvent, RunKey
from metrics.measures import resilience
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.store.database import open_store
from metrics.store.writer import insert_events

ASKED = Question(subject="service@4", start=date(2013, 1, 7), end=date(2013, 12, 29), min_blocks=3)


@pytest.fixture
def db(tmp_path):
    """An empty replay store."""
    store = open_store(tmp_path / "metrics.db", "replay")
    yield store
    store.close()


def place(number, level=4, series="s", turn=1, faults="standard"):
    """Return the key and the place of a week (from 0)."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    who = {"system": "service", "level": level, "mode": "replay", "faults": faults, "series": series, "round": turn}
    block = {"block": first.isoformat(), "block_end": (first + timedelta(days=6)).isoformat()}
    return who, {"partner": "AA", "feed": "flights", **block}


def week(number, outcomes=("done",), touch=0, turn=1, faults="standard", **counts):
    """Return the events of one exchange of a week: its attempts, and what the partner then holds."""
    who, where = place(number, turn=turn, faults=faults)
    name = f"{number}.csv"
    runs = [
        RunEvent(
            key=RunKey(**who, exchange_id=name, attempt=n), **where, file=name, release="1", due_at_us=0,
            started_at_us=0, duration_ns=10**9, outcome=outcome, records=100, rows={"in": 100},
            operator_touch=touch if n > 1 else 0,
        )
        for n, outcome in enumerate(outcomes, 1)
    ]  # fmt: skip
    base = {"due": 100, "held": 100, "twice": 0, "lost": 0, "foreign": 0}
    return [*(("run", run) for run in runs), ("holding", HoldingEvent(**who, **where, file=name, **(base | counts)))]


def outage(number, calls, turn=1, partner="AA", feed="flights", faults="standard"):
    """Return the event of a day of a week on which a partner was down."""
    who, where = place(number, turn=turn, faults=faults)
    where |= {"partner": partner, "feed": feed}
    return [("outage", OutageEvent(**who, **where, day=where["block"], hours=24, calls=calls))]


def ask(db, measure, *lists, **changes):
    """Insert events, and compute a measure."""
    with db.atomic():
        insert_events(db, [event for events in lists for event in events])
    return measure(load_window(db, replace(ASKED, **changes)))


MEASURES = (
    resilience.good_rows_delivered,
    resilience.false_rejects,
    resilience.recovered_unattended,
    resilience.wasted_calls,
)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_unmeasured_subject_has_no_number(db, measure):
    """Without a run there is none, and the command that measures it is named."""
    reading = ask(db, measure)
    assert reading.estimate is None
    assert "milepost metrics measure" in reading.missing


@pytest.mark.parametrize(
    ("measure", "missing"),
    [
        (resilience.good_rows_delivered, resilience.NO_BROKEN_ROWS),
        (resilience.recovered_unattended, resilience.NO_FAILURES),
        (resilience.wasted_calls, resilience.NO_OUTAGES),
    ],
)
def test_what_did_not_occur_has_no_number(db, measure, missing):
    """Weeks without a broken row, a failure or an outage give no number, and say why."""
    reading = ask(db, measure, *map(week, range(4)))
    assert (reading.estimate, reading.low, reading.n, reading.missing) == (None, None, 0, missing)


def test_good_rows_beside_broken_ones_are_all_counted(db):
    """Two of three weeks have broken rows, and one good row is not held: 199 of 200; the clean week does not help."""
    reading = ask(db, resilience.good_rows_delivered, week(0, broken=1), week(1, held=50), week(2, broken=2, held=99))
    assert (reading.estimate, reading.n, reading.blocks, reading.missing) == (0.995, 200, 3, "")
    assert (reading.low, reading.grade) == (None, "B")


def test_false_rejects_are_added_up(db):
    """Every quarantined good row counts, in weeks with broken rows and without."""
    reading = ask(db, resilience.false_rejects, week(0, broken=1), week(1, good_aside=2), week(2, good_aside=1))
    assert (reading.estimate, reading.n, reading.missing) == (3, 300, "")


def test_no_false_reject_proves_nothing_before_a_broken_row(db):
    """Without a broken row the reading lacks evidence, while a false reject counts at once."""
    assert ask(db, resilience.false_rejects, *map(week, range(3))).missing == resilience.NO_BROKEN_ROWS
    reading = ask(db, resilience.false_rejects, week(3, good_aside=1))
    assert (reading.estimate, reading.missing) == (1, resilience.NO_BROKEN_ROWS)


def test_too_few_weeks_are_an_early_look(db):
    """Two of three weeks give a number and no verdict."""
    reading = ask(db, resilience.good_rows_delivered, week(0, broken=1), week(1, broken=1))
    assert (reading.estimate, reading.missing) == (1.0, "2 of 3 weeks; enough around 27 Jan 2013 at this rate")


def test_recoveries_are_a_share_of_transient_failures(db):
    """Three of four recovered; a week without a failure counts as a block and adds nothing to the share."""
    reading = ask(
        db,
        resilience.recovered_unattended,
        *(week(n, ("due", "done")) for n in range(3)),
        week(3, ("due", "failed", "done"), touch=1),
        week(4),
        week(5, ("refused", "done"), touch=1),
    )
    assert (reading.estimate, reading.n, reading.blocks, reading.missing) == (0.75, 4, 6, "")
    assert reading.low < reading.ci_low < 0.75 < reading.ci_high < reading.high


def test_few_recoveries_have_a_wide_range(db):
    """Twelve of twelve do not show 95%; four hundred of four hundred do."""
    few = ask(db, resilience.recovered_unattended, *(week(n, ("due", "done")) for n in range(12)))
    assert few.estimate == 1
    assert few.low < 0.95
    many = [
        (kind, replace(event, key=replace(event.key, exchange_id=f"{n}"), file=f"{n}"))
        for n in range(400)
        for kind, event in week(n % 40, ("due", "done"))[:2]
    ]
    assert ask(db, resilience.recovered_unattended, *map(week, range(40)), many).low > 0.95


def test_more_rounds_do_not_narrow_the_range_of_recoveries(db):
    """The same failures in three rounds give the range of one round."""
    lone = ask(db, resilience.recovered_unattended, *(week(n, ("due", "done")) for n in range(6)))
    thrice = ask(
        db, resilience.recovered_unattended, *(week(n, ("due", "done"), turn=t) for n in range(6) for t in (2, 3))
    )
    assert thrice.n == 3 * lone.n
    assert thrice.low == pytest.approx(lone.low)


def test_rounds_with_faults_of_their_own_narrow_the_range_of_recoveries(db):
    """In the stress series the failures of three rounds are three times as many; those of a week stay one cluster."""
    rounds = [week(n, ("due", "done"), turn=t, faults="stress") for n in range(6) for t in (1, 2, 3)]
    reading = ask(db, resilience.recovered_unattended, *rounds, faults="stress")
    assert (reading.n, reading.effect) == (18, 1.0)
    lost = [week(0, ("due", "failed"), turn=t, faults="stress") for t in (4, 5, 6)]
    assert ask(db, resilience.recovered_unattended, *lost, faults="stress").effect > 2


def test_one_or_two_outages_have_no_range(db):
    """The reading has the number, and how many outages a range requires."""
    weeks = [week(n) for n in range(4)]
    one = ask(db, resilience.wasted_calls, *weeks, outage(0, 12))
    assert (one.estimate, one.n, one.low, one.missing) == (0.5, 1, None, "1 of 3 outages that a range requires")
    two = ask(db, resilience.wasted_calls, outage(1, 36))
    assert (two.estimate, two.n, two.high, two.missing) == (1.0, 2, None, "2 of 3 outages that a range requires")


def test_three_outages_have_a_wide_range(db):
    """The mean over outages with Student's t range, wider for repeated looks than for a single one."""
    events = [*(week(n) for n in range(4)), outage(0, 24), outage(1, 48), outage(2, 72)]
    reading = ask(db, resilience.wasted_calls, *events)
    assert (reading.estimate, reading.n, reading.n_of, reading.missing) == (2.0, 3, "outages of a day", "")
    # se 1 / sqrt(3); t(0.975, 2) = 4.3027; t(1 - 0.05 / 12, 2) = 10.8859
    assert (reading.ci_low, reading.ci_high) == (0.0, pytest.approx(2 + 4.30265 * 3**-0.5, rel=1e-4))
    assert (reading.low, reading.high) == (0.0, pytest.approx(2 + 10.8859 * 3**-0.5, rel=1e-4))
    assert ask(db, resilience.wasted_calls, bound="fixed").high == pytest.approx(2 + 2.91999 * 3**-0.5, rel=1e-4)


def test_equal_outages_still_have_a_range(db):
    """Three times the same count, or none at all, still leaves a range of some width."""
    reading = ask(db, resilience.wasted_calls, *map(week, range(3)), *(outage(n, 0) for n in range(3)))
    assert (reading.estimate, reading.low) == (0.0, 0.0)
    assert 0 < reading.high < 0.5


def test_an_outage_counts_once_for_all_rounds_and_feeds(db):
    """Its calls are averaged over rounds, and added up over the feeds of the partner, which are down together."""
    reading = ask(db, resilience.wasted_calls, *map(week, range(3)), outage(0, 12), outage(0, 36, turn=2))
    assert (reading.estimate, reading.n) == (1.0, 1)
    reading = ask(db, resilience.wasted_calls, outage(0, 24, feed="orders"), scope=("AA/*",))
    assert (reading.estimate, reading.n) == (2.0, 1)
    reading = ask(db, resilience.wasted_calls, outage(0, 96, partner="DL"), scope=("AA/flights",))
    assert (reading.estimate, reading.n) == (1.0, 1)


def test_outages_of_a_week_are_one_cluster_where_rounds_have_faults_of_their_own(db):
    """Four weeks with four equal outages each have the error of four numbers, not of sixteen."""
    calls = {0: 24, 1: 48, 2: 72, 3: 96}
    outages = [outage(n, calls[n], partner=name, faults="stress") for n in calls for name in ("AA", "B6", "DL", "UA")]
    reading = ask(db, resilience.wasted_calls, *(week(n, faults="stress") for n in range(4)), *outages, faults="stress")
    assert (reading.estimate, reading.n) == (2.5, 16)
    # deviations of the weeks 1.5, 0.5, 0.5, 1.5: se = sqrt(4 / 3 x 5) / 4; t(0.975, 15) = 2.13145
    assert reading.ci_high == pytest.approx(2.5 + 2.13145 * (20 / 3) ** 0.5 / 4, rel=1e-4)


def test_outages_outside_the_window_are_left_out(db):
    """A later outage does not change the number of an earlier day, nor its hash."""
    before = ask(db, resilience.wasted_calls, *map(week, range(3)), outage(0, 12), end=date(2013, 1, 27))
    ask(db, resilience.wasted_calls, week(4), outage(4, 480))
    cut = resilience.wasted_calls(load_window(db, ASKED).until(date(2013, 1, 27)))
    assert replace(cut, end=before.end) == before
