"""Check-ins: append-only, dated, beside the computed status, and never a proof."""

from __future__ import annotations

import sqlite3

import pytest

from metrics.store.database import open_store
from roadmap.errors import Refused

REPORTED = """
[[milestone]]
code = "C1"
title = "Move"
objective = "Every partner on the service"
start = 2013-01-07
due = 2013-03-03

[milestone.checkin]
of = 12
what = "partners moved"
"""


@pytest.fixture
def with_reported(measured):
    """The workspace with twelve good weeks, and a milestone that only people report on."""
    measured.milestones.write_text(measured.milestones.read_text() + REPORTED)
    return measured


def test_a_milestone_without_a_measure_shows_its_check_ins_and_is_never_proven(with_reported, run, data):
    """Not even with 12 of 12 done; a gate does not pass it, and every report has the words of the person."""
    assert data("status")[1]["status"] == "reported"
    made = data("checkin", "C1", "--text", "AA and DL are over", "--by", "Ann", "--done", "2", "--on", "2013-02-10")
    assert made == {"code": "C1", "as_of": "2013-02-10", "by": "Ann", "text": "AA and DL are over", "done": 2, "of": 12}
    assert "due 3 Mar 2013, 28 days ago" in data("status")[1]["reasons"][0]
    run("checkin", "C1", "--text", "all are over", "--done", "12")
    verdict = data("status")[1]
    assert (verdict["status"], verdict["proven_on"], verdict["checkin"]["done"]) == ("reported", None, 12)
    assert run("gate", "C1", "--allow-insufficient").exit_code == 6
    words = "31 Mar 2013: 12 of 12 partners moved: all are over"
    outputs = [run(*words_of).output for words_of in (["status"], ["show", "C1"], ["report"], ["report", "--markdown"])]
    assert [words in output for output in outputs] == [True] * 4
    assert words in run("report", "--html").output
    assert len(data("report")["checkins"]) == 2


def test_a_check_in_stands_beside_the_computed_status_and_changes_nothing(measured, run, data):
    """Status and evidence of a measured milestone stay the same."""
    before = data("status")[0]
    assert run("checkin", "M1", "--text", "It looks bad").output.endswith("The computed status is: proven\n")
    after = data("status")[0]
    assert after.pop("checkin")["text"] == "It looks bad"
    assert before.pop("checkin") is None
    assert after == before
    assert "check-in   31 Mar 2013: It looks bad" in run("status").output


def test_the_store_refuses_to_change_or_delete_a_check_in(measured, run):
    """UPDATE, DELETE and REPLACE fail."""
    run("checkin", "M1", "--text", "one")
    db = open_store(measured.store, "replay")
    replaced = "INSERT OR REPLACE INTO checkin (id, code, text, author, as_of, recorded_at_us) VALUES (1,'','','','',0)"
    for sql in ("UPDATE checkin SET text = 'two'", "DELETE FROM checkin", replaced):
        with pytest.raises(sqlite3.IntegrityError, match="checkin is append-only"):
            db.execute(sql)
    db.close()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("C1", "--text", " "), "--text is blank"),
        (("C1", "--text", "x", "--done", "13"), "C1: --done 13 is not between 0 and --of 12"),
        (("C1", "--text", "x", "--done", "1", "--of", "3"), "C1: --of 3 differs from the 12 of the milestone file"),
        (("M1", "--text", "x", "--done", "1"), "M1: --done 1 goes with --of M"),
        (("M1", "--text", "x", "--of", "3"), "M1: --of 3 goes with --done N"),
        (("M1", "--text", "x", "--done", "3", "--of", "9" * 19), f"M1: --of {'9' * 19} is too large"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(with_reported, refused, words, why):
    """With the reason and the option to give."""
    kind, message = refused("checkin", *words)
    assert kind is Refused
    assert message.startswith(why)
