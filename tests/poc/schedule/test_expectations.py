"""Expectations of real inboxes: what arrived is judged by the system's own times, and misses no file that is there."""

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.schedule.expectation_job import ExpectationJob
from poc.schedule.expectation_states import expectation_states

MINUTE = timedelta(minutes=1)

#: What is said of a missed file; the time of the day follows, with its date if that is another.
MISSED = "AA/flights: no file had come by "


@pytest.fixture
def expecting(tmp_path):
    """A function that writes an expectation, and the folder of the feed's inbox."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"AA": AIRLINES["AA"]}, "schema = 1\n")
    path = root / "partners" / "AA.toml"
    text = path.read_text()
    inbox = root / "var/inbox/AA/flights"
    for file in inbox.glob("*"):
        file.unlink()
    inbox.mkdir(parents=True, exist_ok=True)

    def write(rule, keys="settle_s = 2.0"):
        path.write_text(f"{text.replace('settle_s = 2.0', keys)}\n[feed.flights.expect]\n{rule}\n")
        workspace = load_workspace(root)
        assert workspace.problems == {}
        return workspace

    return write, inbox


def run_at(workspace, now):
    """What a program that judges at a time says."""
    said = []
    ExpectationJob(lambda: workspace, lambda: now, said.append)()
    return said


def state_at(workspace, now):
    """The state of the one expectation at a time."""
    with closing(open_ledger(workspace.ledger)) as ledger:
        (state,) = expectation_states(workspace, ledger, now)
    return state


def due_soon():
    """A due moment at a full minute, at least half a minute ahead, as the times of files are those of the system."""
    now = datetime.now(UTC)
    return (now + MINUTE / 2).replace(second=0, microsecond=0) + MINUTE


def test_a_file_in_the_inbox_has_arrived_whoever_was_down(expecting):
    """It came before its moment, and nothing ran: a program that starts hours later raises no alarm."""
    write, inbox = expecting
    due = due_soon()
    workspace = write(f'by = "{due:%H:%M}"')
    assert run_at(workspace, due - 30 * MINUTE) == []
    (inbox / "a.csv").write_text("x")
    os.utime(inbox / "a.csv", (0, 0))  # a date that was kept from another machine says nothing
    assert run_at(workspace, due + timedelta(hours=5)) == []
    state = state_at(workspace, due + timedelta(hours=5))
    assert (state.last_state, state.last_due, state.missed) == ("arrived", due, ())
    assert state.next_due == due + timedelta(days=1)


def test_a_new_expectation_begins_when_it_is_written(expecting):
    """Moments before it are not judged, also where the rule changes."""
    write, _ = expecting
    due = due_soon()
    workspace = write(f'by = "{due:%H:%M}"')
    assert run_at(workspace, due + MINUTE) == []
    other = write(f'by = "{due - 2 * MINUTE:%H:%M}"')
    assert run_at(other, due + 2 * MINUTE) == []
    assert state_at(other, due + 3 * MINUTE).last_state == ""
    assert [MISSED in line for line in run_at(other, due + timedelta(days=1))] == [True]


def test_a_moment_waits_for_a_file_that_is_still_written(expecting):
    """A file that changed just before may be complete: nothing is said before it has settled."""
    write, inbox = expecting
    (inbox / "a.csv").write_text("x")
    changed = datetime.fromtimestamp((inbox / "a.csv").stat().st_ctime, UTC)
    due = changed.replace(second=0, microsecond=0) + MINUTE
    workspace = write(f'by = "{due:%H:%M}"', f"settle_s = {(due - changed).total_seconds() + 10}")
    assert run_at(workspace, due - MINUTE * 2) == []
    assert run_at(workspace, due + timedelta(seconds=5)) == []
    assert state_at(workspace, due + timedelta(seconds=5)).last_state == ""
    assert run_at(workspace, due + timedelta(seconds=15)) == []
    assert state_at(workspace, due + timedelta(seconds=15)).last_state == "arrived"


def test_a_file_without_its_announcement_has_not_arrived(expecting):
    """With a `done_file`, a file arrives with its announcement."""
    write, inbox = expecting
    due = due_soon()
    workspace = write(f'by = "{due:%H:%M}"', 'done_file = "{name}.done"')
    run_at(workspace, due - 30 * MINUTE)
    (inbox / "a.csv").write_text("x")
    assert [MISSED in line for line in run_at(workspace, due + MINUTE)] == [True]
    assert run_at(workspace, due + 2 * MINUTE) == []
    assert state_at(workspace, due + 2 * MINUTE).missed == (due,)


def test_a_late_file_ends_the_miss(expecting):
    """Several misses in a row are open until a file makes up for the last one; how late it was is said once."""
    write, inbox = expecting
    due = due_soon() - timedelta(days=2) - 10 * MINUTE
    workspace = write(f'by = "{due:%H:%M}"')
    run_at(workspace, due - MINUTE)
    assert [MISSED in line for line in run_at(workspace, due + MINUTE)] == [True]
    assert len(run_at(workspace, due + timedelta(days=2) + MINUTE)) == 2
    assert state_at(workspace, due + timedelta(days=2) + MINUTE).missed == tuple(
        due + timedelta(days=day) for day in range(3)
    )
    (inbox / "a.csv").write_text("x")
    now = datetime.now(UTC) + MINUTE / 2
    (text,) = run_at(workspace, now)
    assert text.startswith("AA/flights: the file that was due by ")
    assert text.endswith(" late")
    state = state_at(workspace, now)
    assert (state.last_state, state.missed) == ("late", ())
    assert 0 < state.late_s < 1800
    assert run_at(workspace, now + MINUTE) == []


def test_the_longest_time_after_the_last_file(expecting):
    """With `within`, a file is due some time after the last one, and a miss ends with the next."""
    write, inbox = expecting
    workspace = write('within = "3h"')
    began = datetime.now(UTC) - timedelta(hours=4)
    assert run_at(workspace, began) == []
    assert state_at(workspace, began).next_due == began + timedelta(hours=3)
    assert len(run_at(workspace, began + timedelta(hours=3, minutes=1))) == 1
    assert state_at(workspace, began + timedelta(hours=3, minutes=1)).missed == (began + timedelta(hours=3),)
    (inbox / "a.csv").write_text("x")
    now = datetime.now(UTC) + MINUTE / 2
    (text,) = run_at(workspace, now)
    assert text.endswith(" late")
    state = state_at(workspace, now)
    assert (state.last_state, state.missed) == ("late", ())
    assert abs(state.next_due - (now + timedelta(hours=3))) < 2 * MINUTE


def test_an_inbox_that_cannot_be_listed_is_no_alarm(expecting, monkeypatch):
    """What it holds is not known, so that its moments wait; nothing is called missing."""
    write, inbox = expecting
    due = due_soon()
    workspace = write(f'by = "{due:%H:%M}"')
    run_at(workspace, due - MINUTE)

    def fail(*_):
        raise PermissionError(13, "Permission denied", str(inbox))

    with monkeypatch.context() as patch:
        patch.setattr("poc.schedule.inbox_arrivals.FeedFolder", fail)
        assert run_at(workspace, due + MINUTE) == []
        assert state_at(workspace, due + MINUTE).missed == ()
    assert len(run_at(workspace, due + 2 * MINUTE)) == 1


def test_a_clock_that_was_ahead_leaves_no_miss_behind(expecting):
    """Moments of the future that were judged then are judged again in their time, and said once."""
    write, inbox = expecting
    due = due_soon()
    workspace = write(f'by = "{due:%H:%M}"')
    run_at(workspace, due - 30 * MINUTE)
    assert len(run_at(workspace, due + timedelta(days=2, minutes=1))) == 3
    assert run_at(workspace, due - 29 * MINUTE) == []
    assert state_at(workspace, due - 29 * MINUTE).missed == ()
    (inbox / "a.csv").write_text("x")
    assert run_at(workspace, due + MINUTE) == []
    assert state_at(workspace, due + MINUTE).last_state == "arrived"
    (inbox / "a.csv").unlink()
    assert run_at(workspace, due + timedelta(days=1, minutes=1)) == []
    assert state_at(workspace, due + timedelta(days=1, minutes=1)).missed == (due + timedelta(days=1),)
