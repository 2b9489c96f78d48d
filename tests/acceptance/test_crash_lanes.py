"""Four partners side by side in one workspace: killed at any step, nothing of any of them is lost or sent twice."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metrics.events import OUTCOMES, SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.ledger.queries import exchange_totals, unconfirmed_requests
from poc.service.inbox_run import run_inbox

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
CRASHING = Path(__file__).parents[1] / "crashing.py"
ROWS = 30
FILES = 3

#: With keys, without keys, into a folder, and with keys while the file is still read.
PARTNERS = ("AA", "B6", "DL", "UA")
WITHOUT_KEYS, FOLDER, EARLY = "B6", "DL", "UA"

#: Steps at which some of the four have begun, some wait for an answer, and some have ended.
STEPS = [
    "after:open:2", "before:commit:1", "after:commit:3", "before:commit:11", "after:commit:17", "before:send:1",
    "after:send:3", "before:send:8", "before:mark:2", "after:mark:4", "before:publish:1", "after:publish:0",
    "before:put away:1",
]  # fmt: skip

#: Steps of passes of two files each, beside one another.
PASS_STEPS = [
    "after:read:3",
    "after:enter:3",
    "before:commit:9",
    "after:send:2",
    "after:confirm:3",
    "before:put away:2",
]


@pytest.fixture
def shared(tmp_path, start_partner, good_csv):
    """A workspace of the four partners with some files each, the partner's server, and the folder."""
    root, folder = tmp_path / "w", tmp_path / "partner"
    folder.mkdir()
    partner = start_partner({"ignores_keys": [WITHOUT_KEYS]})
    create_workspace(root, "lanes", "live", dict.fromkeys(PARTNERS, AIRLINES["UA"]), "")
    with (root / "milepost.toml").open("a") as settings:
        settings.write("[work]\nslots = 4\nquantum_files = 1\n")
    for name in PARTNERS:
        place = f'url = "{partner.url}/n/{name}"\nhonours_keys = {str(name != WITHOUT_KEYS).lower()}\ntimeout_s = 60'
        place = f'folder = "{folder}"' if name == FOLDER else place
        path = root / "partners" / f"{name}.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        feed = tail[tail.index("[feed") :].replace("request_rows = 500", "request_rows = 10")
        if name == EARLY:
            feed = feed.replace('contract = "', 'deliver = "early"\ncontract = "', 1)
        path.write_text(f"{head}[endpoint]\n{place}\n\n{feed}")
        for number in range(FILES):
            file = good_csv(root / "var/inbox" / name / "flights" / f"{number}.csv", ROWS, 1 + number * ROWS)
            os.utime(file, (0, 0))
    assert load_workspace(root).problems == {}
    return root, partner, folder


def run_once(root, later=timedelta(hours=1)):
    """Run the inboxes to their end."""
    with closing(SpoolRecorder(root / "var" / "spool" / "live")) as recorder:
        return list(run_inbox(load_workspace(root), None, 4, lambda: NOW + later, recorder, "0"))


def delivered(partner, folder, name):
    """The flights that a partner has, in the order of their arrival."""
    if name == FOLDER:
        lines = [
            line for path in sorted((folder / "flights").glob("*.jsonl")) for line in path.read_text().splitlines()
        ]
        return [json.loads(line)["flight"] for line in lines]
    return [record["flight"] for record in partner.held("n", name)]


def check_ledger(root):
    """Check that every account adds up, and that what is pending is in the outbox."""
    with closing(sqlite3.connect(root / "var" / "ledger.db")) as ledger:
        counts = " + ".join(f"rows_{name}" for name in OUTCOMES)
        assert ledger.execute(f"SELECT id FROM exchange WHERE rows_in != {counts}").fetchall() == []
        waiting = (
            "SELECT id FROM exchange WHERE whole = 1 AND feed != '' AND partner != ? AND rows_due + rows_failed +"
            " rows_ambiguous != (SELECT coalesce(sum(rows), 0) FROM parcel WHERE exchange_id = id)"
        )
        assert ledger.execute(waiting, [FOLDER]).fetchall() == []


def check_partners(root, partner, folder):
    """Check that each partner has each row once and in order, or that the missing ones are ambiguous and held."""
    due = [f"UA{number}" for number in range(1, FILES * ROWS + 1)]
    ledger = open_ledger(root / "var" / "ledger.db")
    totals, waiting = exchange_totals(ledger), unconfirmed_requests(ledger)
    ledger.close()
    for name in PARTNERS:
        held = delivered(partner, folder, name)
        ambiguous = sum(row["ambiguous"] for row in totals if row["partner"] == name)
        assert [row for row, count in Counter(held).items() if count > 1] == [], name
        assert len(due) - len(held) <= ambiguous, name
        assert held == [row for row in due if row in set(held)], name
        if name != WITHOUT_KEYS:
            assert (ambiguous, {row["outcome"] for row in totals if row["partner"] == name}) == (0, {"done"}), name
    assert sum(row["ambiguous"] for row in totals) == sum(request["rows"] for request in waiting)
    assert list((root / "var" / "inbox").rglob("*.csv")) == []


@pytest.mark.parametrize(("step", "level"), [*((step, 4) for step in STEPS), *((step, 5) for step in PASS_STEPS)])
def test_four_lanes_killed_at_a_step_lose_and_double_nothing(shared, step, level):
    """After the next run, each partner has each of its rows once and in order, or it is ambiguous and held."""
    root, partner, folder = shared
    if level == 5:
        settings = root / "milepost.toml"
        settings.write_text(settings.read_text().replace("quantum_files = 1", "quantum_files = 2"))
    dying = subprocess.run(
        [sys.executable, str(CRASHING), str(root), NOW.isoformat(), str(level)],
        check=False, env={**os.environ, "MILEPOST_DIE_AT": step}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert dying.returncode == -signal.SIGKILL, dying.stdout + dying.stderr
    check_ledger(root)
    assert [result.error for result in run_once(root) if result.error] == []
    check_ledger(root)
    check_partners(root, partner, folder)


def test_runs_beside_serve_share_the_feeds_while_some_are_killed(shared):
    """Runs come and are killed while a service works, which is killed in the end: the next run finishes the rest."""
    root, partner, folder = shared
    serve = [sys.executable, "-m", "milepost", "-w", str(root), "serve", "--port", "0"]
    service = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for step in ("after:send:0", "before:commit:1"):
            subprocess.run(
                [sys.executable, str(CRASHING), str(root), NOW.isoformat(), "4"],
                check=False, env={**os.environ, "MILEPOST_DIE_AT": step}, capture_output=True, timeout=300,
            )  # fmt: skip
            check_ledger(root)
        deadline_s = time.monotonic() + 300
        while not (root / "var/archive").exists() and time.monotonic() < deadline_s:
            time.sleep(0.05)
    finally:
        service.kill()
        service.communicate()
    results = run_once(root, timedelta(days=40 * 365))  # of the real time, at which the service noted what is due
    assert [result.error for result in results if result.error] == []
    check_ledger(root)
    check_partners(root, partner, folder)
