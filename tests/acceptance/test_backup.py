"""A workspace that is lost and restored from a backup loses and doubles nothing, whatever was sent after the backup."""

import os
import shutil
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from metrics.events import OUTCOMES, SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.ledger.queries import exchange_totals
from poc.maintenance.backup import make_backup
from poc.maintenance.restore import restore
from poc.service.inbox_run import run_inbox

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
ROWS, FILES = 20, 6

#: With keys, with keys and while the file is still read, and without keys.
PARTNERS = ("AA", "UA", "B6")
EARLY, WITHOUT_KEYS = "UA", "B6"


@pytest.fixture
def shared(tmp_path, start_partner, good_csv):
    """A workspace of three partners with some files each, and the partners' server."""
    root = tmp_path / "w"
    partner = start_partner({"ignores_keys": [WITHOUT_KEYS]})
    create_workspace(root, "w", "live", dict.fromkeys(PARTNERS, AIRLINES["UA"]), "")
    for name in PARTNERS:
        path = root / "partners" / f"{name}.toml"
        text = (
            path.read_text()
            .replace("request_rows = 500", "request_rows = 5")
            .replace("timeout_s = 2.0", "timeout_s = 60")
        )
        text = text.replace(f"http://127.0.0.1:8766/live/{name}", f"{partner.url}/n/{name}")
        text = text.replace("honours_keys = true", f"honours_keys = {str(name != WITHOUT_KEYS).lower()}")
        path.write_text(text.replace('contract = "', 'deliver = "early"\ncontract = "', 1) if name == EARLY else text)
        hand_in(root, good_csv, name)
    assert load_workspace(root).problems == {}
    return root, partner


def hand_in(root, good_csv, name):
    """Hand all files of a partner in."""
    for number in range(FILES):
        os.utime(good_csv(root / "var/inbox" / name / "flights" / f"{number}.csv", ROWS, 1 + number * ROWS), (0, 0))


def results_of(root, level):
    """Run the inboxes, and yield the results."""
    with closing(SpoolRecorder(root / "var" / "spool" / "live")) as recorder:
        yield from run_inbox(load_workspace(root), None, level, lambda: NOW + timedelta(hours=1), recorder, "0")


def check_accounts(root):
    """Check that every account adds up."""
    with closing(sqlite3.connect(root / "var" / "ledger.db")) as ledger:
        counts = " + ".join(f"rows_{name}" for name in OUTCOMES)
        assert ledger.execute(f"SELECT id FROM exchange WHERE rows_in != {counts}").fetchall() == []


@pytest.mark.parametrize("after_files", [0, 1, 5, 11])
@pytest.mark.parametrize("level", [4, 5])
def test_a_lost_workspace_is_restored_and_goes_on(shared, tmp_path, good_csv, after_files, level):
    """The backup is made while all lanes work; after it everything is sent, and then the workspace is lost.

    The senders hand all files in again, as they do not know what was lost. Each partner has each row once. That without
    keys gets none of what it may have: its files and requests are held.
    """
    root, partner = shared
    results = results_of(root, level)
    for _ in range(after_files):
        next(results)
    backing_up = threading.Thread(
        target=make_backup, args=(root, tmp_path / "b", "0", lambda: NOW), kwargs={"archive": True}
    )
    backing_up.start()
    assert {result.receipt.outcome for result in results} <= {"done"}
    backing_up.join(60)
    shutil.rmtree(root)
    restored = restore(tmp_path / "b", root)
    assert restored.copy_of == ""
    check_accounts(root)
    for name in set(PARTNERS) - {WITHOUT_KEYS}:
        hand_in(root, good_csv, name)
    assert {result.receipt.outcome for result in results_of(root, level)} <= {"done", "already_received", "ambiguous"}
    check_accounts(root)
    rows = [f"UA{number}" for number in range(1, FILES * ROWS + 1)]
    for name in PARTNERS:
        assert sorted(Counter(record["flight"] for record in partner.held("n", name)).items()) == sorted(
            Counter(rows).items()
        ), name
    with closing(open_ledger(root / "var" / "ledger.db")) as ledger:
        outcomes = {(row["partner"], row["outcome"]) for row in exchange_totals(ledger)}
    assert {outcome for name, outcome in outcomes if name != WITHOUT_KEYS} == {"done"}
    known = sum(name == WITHOUT_KEYS for name, _ in outcomes)
    held = list((root / "var" / "held").rglob("*.csv"))
    assert known or len(held) == FILES
