"""Where a page of a list leads on to, and where it does not."""

from contextlib import closing
from dataclasses import replace

import pytest

from metrics.queries.pagination import Cursor
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import get_page
from metrics.store.database import open_store
from metrics.store.writer import insert_events

FIRST, LAST = Cursor("0001-01-01", 0, 0), Cursor("9999-12-31", 0, 0)


@pytest.fixture
def db(tmp_path, a_run):
    """A store with five runs of one file, the third of which failed."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as found:
        runs = [a_run(number, "failed" if number == 3 else "done") for number in range(1, 6)]
        with found.atomic():
            insert_events(found, [("run", replace(run, started_at_us=run.key.attempt)) for run in runs])
        yield found


def place(run):
    """The place of a run."""
    return Cursor(run.block, run.started_at_us, run.id)


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("states", [(), ("failed",), ("refused",)])
@pytest.mark.parametrize("at", [None, FIRST, 0, 2, 4, LAST])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_page_leads_only_where_runs_lie(db, at, size, states, newer):
    """After any place, be it of another list: a way that is offered has a run at once, and one that is not has none."""
    every = get_page(db, RunFilter()).rows
    after = place(every[at]) if isinstance(at, int) else at
    picked = RunFilter(states=states)
    found = get_page(db, picked, after, size, newer=newer)
    listed = get_page(db, picked).rows
    shown = [listed.index(run) for run in found.rows]
    if shown:
        assert (found.newer is not None, found.older is not None) == (shown[0] > 0, shown[-1] < len(listed) - 1)
    for way, other in ((found.older, False), (found.newer, True)):
        if way is not None:
            assert get_page(db, picked, way, 1, newer=other).rows
