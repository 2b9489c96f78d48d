"""Cursors of the pages of a list."""

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
    with closing(open_store(tmp_path / "metrics.db", "replay")) as store:
        runs = [a_run(number, "failed" if number == 3 else "done") for number in range(1, 6)]
        with store.atomic():
            insert_events(store, [("run", replace(run, started_at_us=run.key.attempt)) for run in runs])
        yield store


def cursor_of(run):
    """Return the cursor of a run."""
    return Cursor(run.block, run.started_at_us, run.id)


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("states", [(), ("failed",), ("refused",)])
@pytest.mark.parametrize("at", [None, FIRST, 0, 2, 4, LAST])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_page_has_a_cursor_exactly_where_runs_follow(db, at, size, states, newer):
    """After any cursor, also one of another list: a page has a cursor on a side if and only if runs follow there."""
    runs = get_page(db, RunFilter()).rows
    after = cursor_of(runs[at]) if isinstance(at, int) else at
    run_filter = RunFilter(states=states)
    page = get_page(db, run_filter, after, size, newer=newer)
    listed = get_page(db, run_filter).rows
    shown = [listed.index(run) for run in page.rows]
    if shown:
        assert (page.newer is not None, page.older is not None) == (shown[0] > 0, shown[-1] < len(listed) - 1)
    for cursor, is_newer in ((page.older, False), (page.newer, True)):
        if cursor is not None:
            assert get_page(db, run_filter, cursor, 1, newer=is_newer).rows
