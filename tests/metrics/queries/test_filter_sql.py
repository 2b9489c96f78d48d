"""What lists are picked by, in SQL."""

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
    with closing(open_store(tmp_path / "metrics.db", "replay")) as found:
        sides = (("monolith", 0), ("monolith#2", 0), ("service", 1), ("service", 2))
        runs = [replace(a_run(), key=replace(a_run().key, system=system, level=level)) for system, level in sides]
        with found.atomic():
            insert_events(found, [("run", run) for run in runs])
        yield found


@pytest.mark.parametrize(
    ("sides", "found"),
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
def test_any_of_some_sides_is_picked(db, sides, found):
    """One or thousands: what is of one of them, and a name that nothing has picks nothing."""
    picked = RunFilter(sides=sides)
    assert {run.side for run in get_page(db, picked).rows} == found
    assert count_runs(db, picked) == len(found)
