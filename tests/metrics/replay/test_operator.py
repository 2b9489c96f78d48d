"""The queue holds the open work of a subject: what is next, who starts it, and when."""

from dataclasses import replace
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
    """Return an answer with the time at which the subject resumes."""
    return {"outcome": "due", "exchange_id": name, "due_at": at.isoformat()}


@pytest.mark.parametrize("outcome", ["failed", "abandoned"])
def test_a_failed_delivery_is_run_again_by_the_operator_every_day(outcome):
    """Each failure gives one more attempt at the same file, with an operator touch."""
    queue = OperatorQueue()
    queue.add_follow_up(PendingFile(FILE), {"outcome": outcome})
    (again,) = queue.take_waiting()
    assert again == PendingFile(FILE, attempt=2, by_operator=True)
    queue.add_follow_up(again, {"outcome": outcome})
    assert [task.attempt for task in queue.waiting] == [3]


def test_a_refused_file_is_corrected_once():
    """The corrected file is run next; refused again, it is dropped; failed, it is run again as corrected."""
    queue = OperatorQueue()
    queue.add_follow_up(PendingFile(FILE), {"outcome": "refused"})
    (again,) = queue.take_waiting()
    assert again == PendingFile(FILE, attempt=2, by_operator=True, needs_correction=True)
    corrected = PendingFile(
        FILE, attempt=2, by_operator=True, corrected=Path("corrected/a.csv"), kept_rows=(1, 2, 3, 5)
    )
    queue.add_follow_up(corrected, {"outcome": "refused"})
    assert not queue
    queue.add_follow_up(corrected, {"outcome": "failed"})
    (third,) = queue.take_waiting()
    assert (third.path, third.needs_correction, third.original_rows([1, 4])) == (Path("corrected/a.csv"), False, [1, 5])


@pytest.mark.parametrize("outcome", ["done", "already_received", "ambiguous"])
def test_a_settled_file_needs_no_further_attempt(outcome):
    """A completed file is left alone, and so is an ambiguous one, which waits for a person."""
    queue = OperatorQueue()
    queue.add_follow_up(PendingFile(FILE), {"outcome": outcome})
    assert not queue
    assert queue.open_blocks() == set()


def test_due_exchanges_are_resumed_in_order_of_time():
    """Not before their time and not by the operator; their block stays open until then."""
    queue = OperatorQueue()
    queue.add_follow_up(PendingFile(FILE), due(AT_NOON.replace(hour=18), "late"))
    queue.add_follow_up(PendingFile(FILE), due(AT_NOON, "early"))
    queue.add_follow_up(PendingFile(FILE), due(AT_NOON.replace(day=23), "another day"))
    assert queue.take_waiting() == []
    assert queue.open_blocks() == {3}
    assert queue.take_due(AT_NOON) is None
    names = []
    while due_task := queue.take_due(AT_NOON.replace(hour=23)):
        at, (task,) = due_task
        assert (task.by_operator, task.attempt) == (False, 2)
        names.append((at.hour, task.resume))
    assert names == [(12, "early"), (18, "late")]
    assert not queue.has_work(date(2013, 1, 22))
    assert queue.has_work(date(2013, 1, 23))


def test_a_killed_service_that_resumes_by_itself_needs_no_operator():
    """The file comes again at the next pass of the service."""
    queue = OperatorQueue()
    queue.add_follow_up(PendingFile(FILE), {"outcome": "abandoned", "due_at": "2013-01-07T06:00:05+00:00"})
    assert queue.take_waiting() == []
    assert queue.take_due(datetime(2013, 1, 8, tzinfo=UTC)) == (
        datetime(2013, 1, 7, 6, 0, 5, tzinfo=UTC),
        [PendingFile(FILE, attempt=2)],
    )


def test_what_is_due_at_the_same_time_is_one_pass_of_files_or_of_resumed_exchanges():
    """Files of one feed that a kill left come again together, and so do its exchanges; another feed's come alone."""
    first, second = PendingFile(FILE), PendingFile(replace(FILE, path=Path("b.csv")))
    other = PendingFile(replace(FILE, partner="UA"))
    queue = OperatorQueue()
    for task in (first, second, other):
        queue.add_follow_up(task, {"outcome": "abandoned", "due_at": AT_NOON.isoformat()})
    for name in ("x1", "x2"):
        queue.add_follow_up(first, due(AT_NOON, name))
    passes = []
    while due_task := queue.take_due(AT_NOON.replace(hour=23), together=True):
        passes.append([(task.file.partner, task.path.name, task.resume) for task in due_task[1]])
    assert passes == [
        [("AA", "a.csv", ""), ("AA", "b.csv", "")],
        [("UA", "a.csv", "")],
        [("AA", "a.csv", "x1"), ("AA", "a.csv", "x2")],
    ]


def test_a_resumed_exchange_that_fails_goes_back_to_the_operator():
    """An exchange that the service gave up is run from its file again."""
    queue = OperatorQueue()
    queue.add_follow_up(PendingFile(FILE, attempt=4, resume="x1"), {"outcome": "failed"})
    assert queue.take_waiting() == [PendingFile(FILE, attempt=5, by_operator=True)]


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
    """An exchange that cannot be resumed is not dropped silently."""
    with pytest.raises(SubjectFailed, match="without exchange_id and due_at"):
        OperatorQueue().add_follow_up(PendingFile(FILE), answer)


@pytest.mark.parametrize(
    ("reported", "missing", "expected"),
    [
        (ReportedOutcome(), 5, 0),
        (ReportedOutcome(quarantined_rows={4}, quarantined=1), 0, 0),
        (ReportedOutcome(quarantined_rows={4, 7}, quarantined=2), 1, 1),
        (ReportedOutcome(quarantined_rows={7}, quarantined=1), 1, 1),
        (ReportedOutcome(quarantined_rows=set(), quarantined=3), 2, 2),
        (ReportedOutcome(refused=True), 0, 0),
        (ReportedOutcome(refused=True), 9, 9),
    ],
)
def test_good_quarantined_rows_are_counted_against_the_plan(reported, missing, expected):
    """The broken row 4 may be quarantined; other rows are false rejects, and so are missing rows of a refused file."""
    assert reported.good_quarantined(FILE, missing) == expected
