"""Each place has a thread of its own: one that hangs stops no other, and is noted until it answers again."""

import os
import threading
import time
from pathlib import Path

import pytest

from poc.pickup import place_thread
from poc.pickup.place_thread import PlaceThread
from poc.pickup.store import read_place
from poc.pickup.threads import PickupThreads
from poc.places.folder import FolderPlace

#: For how long a test waits for an event.
LIMIT_S = 60


def wait_until(condition, step=lambda: None):
    """Wait for a condition, with a step before each look."""
    until_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until_s
        step()
        time.sleep(0.02)


@pytest.fixture
def hanging(monkeypatch):
    """Let the place of the partner UA hang until the test sets the event."""
    event = threading.Event()

    class Hanging(FolderPlace):
        def look(self):
            assert event.wait(2 * LIMIT_S)
            return super().look()

    def open_place(settings, environ, root):
        path = Path(settings.url)
        return (Hanging if path.name == "place" else FolderPlace)(path)

    monkeypatch.setattr(place_thread, "open_place", open_place)
    yield event
    event.set()


@pytest.fixture
def two_places(case):
    """A workspace with pick-ups from the place of UA and from that of AA, which has a file."""
    made = case(more='timeout_s = 0.1\nevery = "1s"\ndone_file = "{name}.done"')
    other = made.place_folder.with_name("other")
    other.mkdir()
    for name in ("a.csv", "a.csv.done"):
        (other / name).write_text("one")
    text = (made.root / "partners/UA.toml").read_text()
    (made.root / "partners/AA.toml").write_text(text.replace('"UA"', '"AA"').replace("/place", "/other"))
    made.reload()
    return made


def running(case):
    """The threads of a running service."""
    return PickupThreads(lambda: case.workspace, lambda: time.time_ns() // 1000, os.environ, print)


def test_a_place_that_hangs_stops_no_other_and_is_noted_until_it_answers(two_places, hanging):
    """The ledger says since when; nothing waits for it, also not the end of the service."""
    state = lambda: read_place(two_places.ledger, "UA", "flights")  # noqa: E731
    with running(two_places) as threads:
        threads()
        wait_until((two_places.workspace.inbox("AA", "flights") / "a.csv").exists)
        wait_until(lambda: state() is not None, threads)
        assert "has not answered for" in state().error
        assert state().failing_since_us is not None
        hanging.set()
        wait_until(lambda: state().failing_since_us is None, threads)
    hanging.clear()
    with running(two_places) as threads:
        threads()
        wait_until(
            lambda: any(thread.hangs_for_s() for thread in threading.enumerate() if isinstance(thread, PlaceThread))
        )


def test_a_place_that_is_no_longer_named_is_left_and_a_new_one_is_taken(two_places, hanging):
    """The service takes changed partner files up while it runs."""
    hanging.set()
    names = lambda: {thread.name for thread in threading.enumerate() if isinstance(thread, PlaceThread)}  # noqa: E731
    (two_places.root / "partners/AA.toml").rename(two_places.root / "AA.toml")
    two_places.reload()
    with running(two_places) as threads:
        threads()
        assert names() == {"pickup UA/flights"}
        (two_places.root / "AA.toml").rename(two_places.root / "partners/AA.toml")
        (two_places.root / "partners/UA.toml").unlink()
        two_places.reload()
        threads()
        wait_until(lambda: names() == {"pickup AA/flights"})
    assert names() == set()
