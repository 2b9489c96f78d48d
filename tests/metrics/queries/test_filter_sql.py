"""The SQL conditions of a run filter."""

from contextlib import closing
from dataclasses import replace

import pytest

from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import count_runs, get_page
from metrics.store.database import open_store
from metrics.store.writer import insert_events


@pytest.fixture
def db(tmp_path, a_run):
    """A store with one run of each of these sides."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as store:
        sides = (("monolith", 0), ("monolith#2", 0), ("service", 1), ("service", 2))
        runs = [replace(a_run(), key=replace(a_run().key, system=system, level=level)) for system, level in sides]
        with store.atomic():
            insert_events(store, [("run", run) for run in runs])
        yield store


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ((), {"monolith", "monolith#2", "service@1", "service@2"}),
        (("monolith",), {"monolith"}),
        (("monolith#2", "service@2"), {"monolith#2", "service@2"}),
        (("service", "service@1"), {"service@1", "service@2"}),
        (("service@2", "service@3", "service@1"), {"service@1", "service@2"}),
        (("server", ""), set()),
        (("server", "monolith"), {"monolith"}),
        (tuple(f"service@{level}" for level in range(2, 3_000)), {"service@2"}),
    ],
)
def test_runs_of_any_of_the_sides_are_selected(db, sides, expected):
    """One name or thousands select the runs of each; a name that no run has selects nothing."""
    run_filter = RunFilter(sides=sides)
    assert {run.side for run in get_page(db, run_filter).rows} == expected
    assert count_runs(db, run_filter) == len(expected)
