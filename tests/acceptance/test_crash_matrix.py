"""A crash matrix: the service is killed at every step and run again, and the partner's rows are compared one by one."""

import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metrics.events import SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.ledger.queries import exchange_totals, unconfirmed_requests
from poc.service.inbox_run import run_inbox

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
CRASHING = Path(__file__).parents[1] / "crashing.py"
ROWS = 1200
BAD = 700

#: Steps of an exchange of three requests with a partner that honours keys, and of one that does not.
WITH_KEYS = [
    "before:open:0", "after:find:0", "before:reserve:0", "after:reserve:0", "after:enter:0", "before:commit:0",
    "after:commit:0", "before:send:0", "after:send:0", "before:send:1", "after:send:2", "after:confirm:0",
    "before:commit:1", "after:commit:1", "before:tidy:0", "before:put away:0", "after:put away:0",
]  # fmt: skip
WITHOUT_KEYS = [
    "after:commit:0", "before:send:0", "after:send:0", "before:mark:0", "after:mark:0", "after:commit:1",
    "after:send:1", "before:commit:2", "after:send:2", "before:commit:3", "after:commit:3", "before:put away:0",
]  # fmt: skip
FOLDER = [
    "after:enter:0", "before:commit:0", "after:commit:0", "before:publish:0", "after:publish:0", "before:commit:1",
    "after:commit:1", "before:put away:0",
]  # fmt: skip
#: Steps of a pass of three files of one request each; after a death the next run is at level 4 or 5.
PASS = [
    ("after:read:1", 5), ("before:reserve:1", 4), ("after:enter:1", 5), ("before:commit:3", 4), ("after:commit:4", 5),
    ("before:send:0", 4), ("after:send:0", 5), ("before:send:2", 4), ("after:send:2", 5), ("after:confirm:1", 4),
    ("before:commit:8", 5), ("after:commit:8", 4), ("before:put away:0", 5), ("after:put away:0", 4),
    ("before:put away:2", 5),
]  # fmt: skip
#: Those of these steps that are tried with the ledger in PostgreSQL, too.
ON_POSTGRES = {
    "after:enter:0", "before:commit:0", "after:commit:0", "after:send:1", "before:commit:1", "after:commit:1",
    "before:put away:0", "after:mark:0",
}  # fmt: skip
PASS_ON_POSTGRES = {"after:enter:1", "after:commit:4", "after:send:0", "before:commit:8"}


def on_both(steps, chosen):
    """The steps in SQLite, and the chosen ones also in PostgreSQL."""
    also = [step for step in steps if (step if isinstance(step, str) else step[0]) in chosen]
    return [(step, database) for database, some in (("sqlite", steps), ("postgres", also)) for step in some]


@pytest.fixture
def database(request, tmp_path):
    """The URL of a new ledger in PostgreSQL; empty for SQLite."""
    return request.getfixturevalue("postgres").new_ledger(tmp_path).url if request.param == "postgres" else ""


@pytest.fixture
def workspace(tmp_path, good_csv, database):
    """A function that makes a workspace with a file in its inbox, and more small ones, for a destination."""
    root = tmp_path / "w"

    def build(place, rows=ROWS, more=0):
        create_workspace(root, "crash", "live", {"UA": AIRLINES["UA"]}, "")
        if database:
            settings = root / "milepost.toml"
            settings.write_text(settings.read_text().replace("\nname =", f'\nledger = "{database}"\nname =', 1))
        path = root / "partners" / "UA.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        path.write_text(f"{head}[endpoint]\n{place}\n{tail[tail.index('[feed') :]}")
        file = good_csv(root / "var" / "inbox" / "UA" / "flights" / "a.csv", rows)
        file.write_text(
            file.read_text().replace(f"2013,1,1,517,515,2,830,819,11,UA,{BAD},", f"x,1,1,1,1,1,1,1,1,UA,{BAD},")
        )
        os.utime(file, (0, 0))
        for number in range(1, 1 + more):
            os.utime(good_csv(file.with_name(f"b{number}.csv"), rows, 1 + number * rows), (0, 0))
        return root

    return build


def die(root, at, level):
    """Run until the service dies at a step, and check that it died there."""
    child = subprocess.run(
        [sys.executable, str(CRASHING), str(root), NOW.isoformat(), str(level)],
        check=False, env={**os.environ, "MILEPOST_DIE_AT": at}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert child.returncode == -9, child.stdout + child.stderr


def run(root, level, now):
    """Run the service to its end."""
    with closing(SpoolRecorder(root / "var" / "spool" / "live")) as recorder:
        return list(run_inbox(load_workspace(root), None, level, lambda: now, recorder, "0"))


def expected():
    """The flights to be delivered: all but the invalid one."""
    return [f"UA{n}" for n in range(1, ROWS + 1) if n != BAD]


def account(root):
    """The account of the only exchange, and its unconfirmed requests."""
    ledger = open_ledger(load_workspace(root).ledger)
    (row,) = exchange_totals(ledger)
    waiting = unconfirmed_requests(ledger)
    ledger.close()
    counts = {name: row[name] for name in ("in", "delivered", "quarantined", "ambiguous", "due", "failed", "refused")}
    return row["outcome"], {name: count for name, count in counts.items() if count}, waiting


@pytest.mark.parametrize(("at", "database"), on_both(WITH_KEYS, ON_POSTGRES), indirect=["database"])
def test_a_partner_with_keys_gets_every_row_once(workspace, start_partner, at):
    """Wherever the service dies, after the next run the partner has all rows once, and the account balances."""
    partner = start_partner()
    root = workspace(f'url = "{partner.url}/n/UA"\nhonours_keys = true\ntimeout_s = 60')
    die(root, at, 4)
    run(root, 4, NOW + timedelta(hours=1))
    assert sorted(record["flight"] for record in partner.held("n")) == sorted(expected())
    assert account(root) == ("done", {"in": ROWS, "delivered": ROWS - 1, "quarantined": 1}, [])
    assert not list((root / "var" / "inbox").rglob("*.csv"))
    assert not list((root / "var" / "outbox").glob("*")) if (root / "var" / "outbox").exists() else True


@pytest.mark.parametrize(("at", "database"), on_both(WITHOUT_KEYS, ON_POSTGRES), indirect=["database"])
def test_a_partner_without_keys_gets_no_row_twice(workspace, start_partner, at):
    """Wherever the service dies, the partner has no row twice, and each missing row is listed as ambiguous."""
    partner = start_partner({"ignores_keys": ["UA"]})
    root = workspace(f'url = "{partner.url}/n/UA"\nhonours_keys = false\ntimeout_s = 60')
    die(root, at, 4)
    run(root, 4, NOW + timedelta(hours=1))
    held = [record["flight"] for record in partner.held("n")]
    assert len(held) == len(set(held))
    outcome, counts, waiting = account(root)
    assert counts["delivered"] + counts.get("ambiguous", 0) == ROWS - 1
    assert set(held) <= set(expected())
    assert len(set(expected()) - set(held)) <= counts.get("ambiguous", 0) == sum(row["rows"] for row in waiting)
    assert outcome == ("ambiguous" if waiting else "done")


@pytest.mark.parametrize("keys", [True, False], ids=["with keys", "without keys"])
@pytest.mark.parametrize(("step", "database"), on_both(PASS, PASS_ON_POSTGRES), indirect=["database"])
def test_a_pass_that_is_killed_is_taken_up(workspace, start_partner, step, keys):
    """Wherever a pass of three files dies, no row is lost or sent twice, also when the next run is at level 4."""
    at, next_level = step
    partner = start_partner({} if keys else {"ignores_keys": ["UA"]})
    root = workspace(f'url = "{partner.url}/n/UA"\nhonours_keys = {str(keys).lower()}', rows=20, more=2)
    die(root, at, 5)
    run(root, next_level, NOW + timedelta(hours=1))
    held = [record["flight"] for record in partner.held("n")]
    with closing(open_ledger(load_workspace(root).ledger)) as ledger:
        totals = exchange_totals(ledger)
    ambiguous = sum(row["ambiguous"] for row in totals)
    assert len(held) == len(set(held))
    assert {f"UA{n}" for n in range(1, 61)} >= set(held)
    assert sum(row["delivered"] for row in totals) + ambiguous == 60
    assert 60 - len(held) <= ambiguous <= (0 if keys else 20)
    assert {row["outcome"] for row in totals} == ({"done", "ambiguous"} if ambiguous else {"done"})
    assert not list((root / "var" / "inbox").rglob("*.csv"))


@pytest.mark.parametrize("taken", [False, True], ids=["left there", "taken away"])
@pytest.mark.parametrize(("at", "database"), on_both(FOLDER, ON_POSTGRES), indirect=["database"])
def test_a_folder_gets_every_file_once(workspace, tmp_path, at, taken):
    """Wherever the service dies, the folder gets one whole file once, also when it is taken at once."""
    folder = tmp_path / "partner"
    folder.mkdir()
    root = workspace(f'folder = "{folder}"')
    got = []

    def collect():
        for path in sorted((folder / "flights").glob("*.jsonl")) if (folder / "flights").exists() else []:
            got.append(path.read_text())
            path.unlink()

    die(root, at, 4)
    if taken:
        collect()
    run(root, 4, NOW + timedelta(hours=1))
    collect()
    assert [[json.loads(line)["flight"] for line in text.splitlines()] for text in got] == [expected()]
    assert account(root)[:2] == ("done", {"in": ROWS, "delivered": ROWS - 1, "quarantined": 1})
    assert list(folder.rglob("*.part")) == []
