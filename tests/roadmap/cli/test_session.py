"""A session judges as of today or an earlier day, on the plan and the calendar of the workspace."""

from __future__ import annotations

import pytest

from metrics.errors import StoreDamaged
from metrics.store.database import open_store
from roadmap.errors import PlanError, Refused


def test_a_plan_changed_without_a_revision_is_refused(measured, run, refused):
    """The same revision with another target: exit code 2 from every command."""
    run("status")
    measured.milestones.write_text(measured.milestones.read_text().replace("0.30", "0.20"))
    for words in (["status"], ["show", "M1"], ["gate", "M1"], ["report"], ["status", "--as-of", "2013-03-01"]):
        kind, message = refused(*words)
        assert (kind, "is still revision 1; write `revision = 2`" in message) == (PlanError, True)


def test_a_milestone_taken_out_of_the_file_is_named(measured, run):
    """Every command names it in its heading."""
    run("status")
    measured.milestones.write_text(measured.milestones.read_text().replace('"M1"', '"M2"'))
    sentence = "Planned once, and no longer in the file: M1 (due 31 Mar 2013)."
    for words in (["status"], ["show", "M2"], ["report"], ["status", "--as-of", "2013-03-01"]):
        assert sentence in run(*words).output.splitlines()[0]


def test_an_earlier_day_records_nothing(measured, data):
    """Judged as of February: the numbers of seven weeks, and no evaluation, plan or baseline."""
    (verdict,) = data("status", "--as-of", "2013-02-24")
    assert (verdict["as_of"], verdict["status"], verdict["metrics"][0]["blocks"]) == ("2013-02-24", "insufficient", 7)
    assert data("report", "--as-of", "2013-02-24")["rows"][0]["status"] == "insufficient"
    db = open_store(measured.store, "replay")
    tables = ("evaluation", "plan_revision", "baseline", "forecast")
    assert [db.table(name).count for name in tables] == [0, 0, 0, 0]
    db.close()


@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-07", "0001-01-08", "1970-01-01", "2012-12-01"])
def test_any_day_of_the_calendar_can_be_judged(measured, run, data, day):
    """Before the plan nothing had started, in a replay and in production."""
    (verdict,) = data("status", "--as-of", day)
    assert (verdict["status"], verdict["metrics"][0]["blocks"]) == ("not_started", 0)
    measured.clock = "live"
    measured.store = measured.store.with_name("live.db")
    open_store(measured.store, "live").close()
    for words in (["status"], ["show", "M1"], ["report"]):
        assert run(*words, "--as-of", day).exit_code == 0


def test_a_day_ahead_is_refused(measured, run, refused):
    """The message says how far the calendar has come."""
    assert refused("status", "--as-of", "2013-04-01") == (
        Refused,
        "--as-of 2013-04-01 lies ahead: the replay has come to 2013-03-31; choose a day until then",
    )
    assert run("status", "--as-of", "2013-03-31").exit_code == 0


def test_a_store_of_the_other_clock_is_not_read(measured, refused):
    """A live workspace does not judge a replay, not even as of an earlier day."""
    measured.clock = "live"
    assert refused("status", "--as-of", "2013-03-31") == (
        StoreDamaged,
        f"{measured.store}: holds replay runs, not live ones; the two are never mixed",
    )
