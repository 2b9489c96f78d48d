"""What is still to be done, by whom, and when."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from metrics.errors import SubjectFailed
from metrics.replay.input_files import InputFile
from metrics.replay.operator import OperatorQueue, PendingFile
from metrics.replay.subject_run import ReportedOutcome

FILE = InputFile("AA", "flights", Path("a.csv"), 10, 3, date(2013, 1, 21), broken=(4,))
AT_NOON = datetime(2013, 1, 21, 12, tzinfo=UTC)


def due(at, name="x1"):
    """An answer that says when it goes on by itself."""
    return {"outcome": "due", "exchange_id": name, "due_at": at.isoformat()}


@pytest.mark.parametrize("outcome", ["failed", "abandoned"])
def test_a_failed_delivery_is_run_again_by_the_operator_every_day(outcome):
    """Each failure gives one more attempt, with his touch, on the same file."""
    agenda = OperatorQueue()
    agenda.enter(PendingFile(FILE), {"outcome": outcome})
    (again,) = agenda.for_operator()
    assert again == PendingFile(FILE, attempt=2, by_operator=True)
    agenda.enter(again, {"outcome": outcome})
    assert [task.attempt for task in agenda.waiting] == [3]


def test_a_file_set_aside_is_mended_once():
    """The next attempt is on what is left of it; refused again, it is left; failed, it is run as it was mended."""
    agenda = OperatorQueue()
    agenda.enter(PendingFile(FILE), {"outcome": "refused"})
    (again,) = agenda.for_operator()
    assert again == PendingFile(FILE, attempt=2, by_operator=True, mend=True)
    mended = PendingFile(FILE, attempt=2, by_operator=True, mended=Path("mended/a.csv"), kept=(1, 2, 3, 5))
    agenda.enter(mended, {"outcome": "refused"})
    assert not agenda
    agenda.enter(mended, {"outcome": "failed"})
    (third,) = agenda.for_operator()
    assert (third.path, third.mend, third.originals([1, 4])) == (Path("mended/a.csv"), False, [1, 5])


@pytest.mark.parametrize("outcome", ["done", "already_received", "ambiguous"])
def test_what_needs_no_further_run_is_left(outcome):
    """Nobody touches what is done, or what only a person can clear up."""
    agenda = OperatorQueue()
    agenda.enter(PendingFile(FILE), {"outcome": outcome})
    assert not agenda
    assert agenda.blocks() == set()


def test_what_is_due_goes_on_by_itself_in_order_of_time():
    """Not before its time, not by the operator, earliest first, and its block stays open until then."""
    agenda = OperatorQueue()
    agenda.enter(PendingFile(FILE), due(AT_NOON.replace(hour=18), "late"))
    agenda.enter(PendingFile(FILE), due(AT_NOON, "early"))
    agenda.enter(PendingFile(FILE), due(AT_NOON.replace(day=23), "another day"))
    assert agenda.for_operator() == []
    assert agenda.blocks() == {3}
    assert agenda.next_due(AT_NOON) is None
    names = []
    while found := agenda.next_due(AT_NOON.replace(hour=23)):
        at, task = found
        assert (task.by_operator, task.attempt) == (False, 2)
        names.append((at.hour, task.resume))
    assert names == [(12, "early"), (18, "late")]
    assert not agenda.has_work(date(2013, 1, 22))
    assert agenda.has_work(date(2013, 1, 23))


def test_a_killed_service_that_goes_on_by_itself_needs_no_operator():
    """Where the subject takes up by itself what a kill cut short, the file comes again at its next turn."""
    agenda = OperatorQueue()
    agenda.enter(PendingFile(FILE), {"outcome": "abandoned", "due_at": "2013-01-07T06:00:05+00:00"})
    assert agenda.for_operator() == []
    assert agenda.next_due(datetime(2013, 1, 8, tzinfo=UTC)) == (
        datetime(2013, 1, 7, 6, 0, 5, tzinfo=UTC),
        PendingFile(FILE, attempt=2),
    )


def test_a_resumed_exchange_that_fails_goes_back_to_the_operator():
    """What gave up going on by itself is run from its file again."""
    agenda = OperatorQueue()
    agenda.enter(PendingFile(FILE, attempt=4, resume="x1"), {"outcome": "failed"})
    assert agenda.for_operator() == [PendingFile(FILE, attempt=5, by_operator=True)]


@pytest.mark.parametrize(
    "answer",
    [
        {"outcome": "due"},
        {"outcome": "due", "exchange_id": "x"},
        {"outcome": "due", "exchange_id": "x", "due_at": None},
        {"outcome": "due", "exchange_id": "x", "due_at": "soon"},
        {"outcome": "due", "exchange_id": "x", "due_at": "2013-01-21T12:00:00"},
    ],
)
def test_due_without_a_time_breaks_the_protocol(answer):
    """An exchange that nobody could go on with is not dropped in silence."""
    with pytest.raises(SubjectFailed, match="without exchange_id and due_at"):
        OperatorQueue().enter(PendingFile(FILE), answer)


@pytest.mark.parametrize(
    ("said", "missing", "expected"),
    [
        (ReportedOutcome(), 5, 0),
        (ReportedOutcome(aside={4}, quarantined=1), 0, 0),
        (ReportedOutcome(aside={4, 7}, quarantined=2), 1, 1),
        (ReportedOutcome(aside={7}, quarantined=1), 1, 1),
        (ReportedOutcome(aside=set(), quarantined=3), 2, 2),
        (ReportedOutcome(refused=True), 0, 0),
        (ReportedOutcome(refused=True), 9, 9),
    ],
)
def test_good_rows_set_aside_are_counted_against_the_plan(said, missing, expected):
    """Row 4 is broken: it is no false reject; others are, named or not, and those of a refused file that never came."""
    assert said.good_aside(FILE, missing) == expected
