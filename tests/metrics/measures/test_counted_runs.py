"""The runs behind a reading are exactly those that it counts."""

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.measures.counted_runs import runs_behind
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import count_runs
from metrics.question import Question
from metrics.store.database import open_reader, open_store
from metrics.store.writer import insert_events


def count_behind(db, window, measure, **picked):
    """Count the list of runs behind a reading."""
    return count_runs(db, RunFilter(counted=runs_behind(window, measure), **picked))


@pytest.mark.parametrize("faults", ["none", "standard"])
@pytest.mark.parametrize("scope", [("*/*",), ("A*/*", "UA/flights"), ("nobody/*",)])
@pytest.mark.parametrize("end", [date(2013, 12, 31), date(2013, 8, 7), date(2013, 1, 3)])
def test_runs_of_a_replay_are_those_of_the_reading(made_up, faults, scope, end):
    """Of both sides, in the weeks that both have, cut at any day: busy time to the run, rates to the exchange."""
    with closing(open_reader(made_up(without=(30, 31), moves=True))) as db:
        for subject, start in (("service@1", date(2013, 1, 1)), ("service@3", date(2013, 7, 2))):
            window = load_window(db, Question(subject=subject, start=start, end=end, faults=faults, scope=scope))
            for name in ("busy_time_saved", "programme_time_saved"):
                assert count_behind(db, window, name) == MEASURES[name].compute(window).n
            for name in ("failed_first", "failed_final", "failed_first_avoided", "delay_p95", "operator_touches"):
                assert count_behind(db, window, name, attempt="last") == MEASURES[name].compute(window).n
            assert count_behind(db, window, "peak_memory") == 0  # no run recorded its memory


def test_a_reading_without_data_has_no_runs(made_up):
    """A subject that was never measured has an empty list, although other subjects have runs."""
    with closing(open_reader(made_up())) as db:
        window = load_window(db, Question(subject="service@4", start=date(2013, 1, 1), end=date(2013, 12, 31)))
        never = load_window(db, replace(window.question, faults="real", series=None))
        for name in MEASURES:
            assert count_behind(db, never, name) == 0
        assert count_behind(db, window, "busy_time_saved") == 0


@pytest.fixture
def live(a_run):
    """A function that makes a run of production on a day of January: a side, and how many records were delivered."""

    def make(side, day, records=10, size=10):
        run = a_run(mode="live")
        key = replace(
            run.key, system=side, level=int(side == "service"), faults="real", series="", round=0,
            exchange_id=f"{side}{day}-{size}",
        )  # fmt: skip
        days = {"block": f"2013-01-{day:02}", "block_end": f"2013-01-{day:02}"}
        rows = {"in": records or 0, "delivered": records or 0}
        return replace(run, key=key, **days, records=records, rows=rows, duration_ns=10**9)

    return make


@pytest.mark.parametrize(
    ("control", "subject", "paired"),
    [(range(1, 21), range(21, 31), False), (range(1, 31), range(11, 31), True), (range(1, 13), range(12, 30), False)],
)
def test_runs_of_production_are_those_of_the_reading(tmp_path, live, control, subject, paired):
    """Compared day by day or with the control's history, also with runs whose records were not counted."""
    with closing(open_store(tmp_path / "live.db", "live")) as db:
        with db.atomic():
            runs = [live("monolith", day, size=size) for day in control for size in (10, 11)]
            runs += [live("service", day) for day in subject] + [live("service", 5 + n, None, 9) for n in range(25)]
            insert_events(db, [("run", run) for run in runs])
        for end in (date(2013, 1, 31), date(2013, 1, 25)):
            window = load_window(
                db,
                Question(
                    subject="service@1", start=date(2013, 1, 1) + timedelta(days=min(subject) - 1), end=end,
                    mode="live", faults="real", min_blocks=10 if paired else 11,
                ),
            )  # fmt: skip
            reading = MEASURES["busy_time_saved"].compute(window)
            if end.day == 31:
                assert reading.paired is paired
            assert reading.n > 0
            assert count_behind(db, window, "busy_time_saved") == reading.n
            sides = runs_behind(window, "busy_time_saved").sides
            parts = [
                count_runs(
                    db, RunFilter(counted=replace(runs_behind(window, "busy_time_saved"), sides={name: sides[name]}))
                )
                for name in sides
            ]
            assert sum(parts) == reading.n
            assert all(parts)
