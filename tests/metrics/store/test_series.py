"""Series and rounds of a replay."""

from dataclasses import replace
from datetime import date

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


def test_each_year_of_a_replay_has_its_newest_series(db, a_run, a_holding, insert):
    """A day selects among the series with a block in its calendar year; without one, the newest of all counts."""

    def measured(number, series, **block):
        run = a_run(number=number)
        run = replace(run, key=replace(run.key, series=series), **block)
        held = replace(a_holding, file=run.file, faults=run.key.faults, series=series, round=run.key.round)
        return run, replace(held, block=run.block, block_end=run.block_end)

    insert(db, *measured(1, "s"), *measured(2, "t", block="2014-01-06", block_end="2014-01-12"))
    names = {year: newest_series(db, "replay", "none", date(year, 6, 1)) for year in (2012, 2013, 2014, 2015)}
    assert names == {2012: "t", 2013: "s", 2014: "t", 2015: "t"}
    insert(db, *measured(3, "u"))
    assert newest_series(db, "replay", "none", date(2013, 6, 1)) == "u"
    assert newest_series(db, "replay", "none", date(2014, 6, 1)) == "t"


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
