"""A service that fetches files is killed at every step: no file is taken twice, cut, or lost, and none stays behind."""

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns

import pytest

from metrics.events import SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.pickup.once import fetch_once
from poc.pickup.store import files_of_place
from poc.service.inbox_run import run_inbox

CRASHING = Path(__file__).parents[1] / "crashing.py"

#: Steps of fetching three files, and of moving them away with their announcements.
FETCHING = [
    "before:fetch:0", "after:fetch:1", "before:note fetched:0", "after:note fetched:1", "before:name:0",
    "after:announce:1", "after:name:1", "before:note placed:2", "after:note placed:0",
]  # fmt: skip
MOVING = ["before:take away:1", "after:take away:0", "after:take away:1", "before:note ended:0", "after:note ended:1"]


@pytest.fixture
def workspace(tmp_path, good_csv):
    """A workspace that delivers into a folder what it fetches from another, in which three files lie."""
    root, place = tmp_path / "w", tmp_path / "place"
    create_workspace(root, "crash", "live", {"UA": AIRLINES["UA"]}, "")
    (tmp_path / "out").mkdir()
    path = root / "partners" / "UA.toml"
    head, _, tail = path.read_text().partition("[endpoint]\n")
    feed = tail[tail.index("[feed") :].replace("[feed.flights]\n", '[feed.flights]\ndone_file = "{name}.ready"\n', 1)
    pickup = f'url = "{place}"\ndone_file = "{{name}}.done"\nafter = "move:done/"'
    out = tmp_path / "out"
    path.write_text(f'{head}[endpoint]\nfolder = "{out}"\n{feed}\n[feed.flights.pickup]\n{pickup}\n')
    place.mkdir()
    for number in range(3):
        good_csv(place / f"f{number}.csv", 20, 1 + 20 * number)
        (place / f"f{number}.csv.done").touch()
    return root


def die(root, at):
    """Fetch until the service dies at a step, and check that it died there."""
    child = subprocess.run(
        [sys.executable, str(CRASHING), str(root), datetime.now(UTC).isoformat(), "5"],
        check=False, env={**os.environ, "MILEPOST_DIE_AT": at}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert child.returncode == -9, child.stdout + child.stderr


def fetch(root):
    """Fetch what lies at the place; return how many files came."""
    results = list(fetch_once(load_workspace(root), None, lambda: time_ns() // 1000, os.environ, print))
    assert [error for *_, error in results] == [None]
    return results[0][2]


def exchange(root):
    """Exchange what lies in the inbox."""
    with closing(SpoolRecorder(root / "var" / "spool" / "live")) as recorder:
        results = list(run_inbox(load_workspace(root), None, 5, lambda: datetime.now(UTC), recorder, "0"))
    assert {result.receipt.outcome for result in results} <= {"done"}


def check_all_delivered_once(root):
    """Each file was fetched, delivered and moved once, and nothing stays in the inbox or at the place."""
    place, out = root.parent / "place", root.parent / "out"
    delivered = sorted(path.name.split(".")[0] for path in out.rglob("*") if path.is_file())
    assert delivered == ["f0", "f1", "f2"]
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()) == [
        f"done/f{number}.csv{ending}" for number in range(3) for ending in ("", ".done")
    ]
    assert [path for path in (root / "var" / "inbox" / "UA").rglob("*") if path.is_file()] == []
    with closing(open_ledger(root / "var" / "ledger.db")) as ledger:
        rows = files_of_place(ledger, "UA", "flights", str(place))
    assert [(row.name, row.state) for row in rows] == [(f"f{number}.csv", "ended") for number in range(3)]


@pytest.mark.parametrize("at", FETCHING)
def test_every_file_is_exchanged_once_wherever_fetching_dies(workspace, at):
    """After the next start all three are there, under their names and whole, and the inbox has no part left."""
    die(workspace, at)
    fetch(workspace)
    assert not [path.name for path in (workspace / "var/inbox/UA/flights").iterdir() if path.name.startswith(".")]
    exchange(workspace)
    assert fetch(workspace) == 0
    check_all_delivered_once(workspace)


@pytest.mark.parametrize("at", MOVING)
def test_every_file_is_moved_once_wherever_the_service_dies(workspace, at):
    """A file that was exchanged is not fetched again because its move, or the note of it, was lost."""
    assert fetch(workspace) == 3
    exchange(workspace)
    die(workspace, at)
    assert fetch(workspace) == 0
    check_all_delivered_once(workspace)
