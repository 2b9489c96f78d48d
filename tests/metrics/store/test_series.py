"""Series and rounds of a replay."""

from dataclasses import replace

import pytest

from metrics.store.series import last_evidence_day, newest_series, next_round, rows_of_round


@pytest.fixture
def db(a_store):
    """A fresh store on the replayed clock."""
    return a_store("replay")


def test_the_newest_series_is_that_of_the_last_new_run(db, a_run, insert):
    """Of two series in one batch the later is the newest; an old run that comes again does not change that."""
    old, new = a_run(), a_run()
    new = replace(new, key=replace(new.key, series="t", round=2))
    insert(db, old, new)
    assert newest_series(db, "replay", "none") == "t"
    insert(db, old)
    assert newest_series(db, "replay", "none") == "t"
    assert next_round(db, "replay", "none") == 3


def test_rows_of_a_round_are_those_of_the_last_attempts(db, a_run, insert):
    """A file that failed and then succeeded counts as delivered; other rounds are separate."""
    insert(db, a_run(outcome="failed"), a_run(attempt=2), a_run(number=2, outcome="failed"))
    assert rows_of_round(db, "service@1", "none", "s", 1)["delivered"] == 4
    assert rows_of_round(db, "service@1", "none", "s", 1)["failed"] == 0
    assert rows_of_round(db, "service@1", "none", "s", 2)["failed"] == 4
    assert next_round(db, "replay", "none") == 3
    assert next_round(db, "replay", "standard") == 1


def test_the_last_evidence_day_is_the_end_of_the_last_block(db, a_run, insert):
    """An empty store has none."""
    assert last_evidence_day(db) is None
    insert(db, a_run(mode="live"))
    assert last_evidence_day(db) == "2013-01-06"
