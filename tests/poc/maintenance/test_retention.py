"""What is settled is removed when it is old; what is owed to anybody stays, however old it is."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.delivery.outbound_request import OutboundRequest
from poc.delivery.outbox import Outbox
from poc.ledger.opening import open_ledger
from poc.ledger.schema import ASIDE
from poc.maintenance.retention import describe, tidy

NOW = datetime(2014, 1, 1, tzinfo=UTC)
ALL = "".join(f'keep.{key} = "90d"\n' for key in ("archive", "refused", "quarantine", "history", "spool", "metrics"))
ADD_ROW = sa.insert(ASIDE)


@pytest.fixture
def workspace(tmp_path):
    """A workspace that keeps everything for 90 days."""
    root = tmp_path / "w"
    create_workspace(root, "w", "replay", {"AA": AIRLINES["AA"]}, "")
    with (root / "milepost.toml").open("a") as file:
        file.write(ALL)
    return load_workspace(root)


@pytest.fixture
def ledger(workspace):
    """The ledger of the workspace."""
    with closing(open_ledger(workspace.ledger)) as ledger:
        yield ledger


@pytest.fixture
def ended(workspace, ledger):
    """A function that enters an exchange that ended some days ago, with its file in a folder below var."""

    def enter(file, days, outcome="done", folder="archive", **values):
        entry = ledger.find("AA", "flights", file, f"{len(file):x}" + file.encode().hex().ljust(63, "0")[:63])
        at_us = int((NOW - timedelta(days=days)).timestamp() * 1_000_000)
        ledger.record_attempt(entry, 10, at_us, **{"rows_in": 1, f"rows_{values.pop('row', 'delivered')}": 1, **values})
        ledger.update(entry, outcome=outcome, closed_at_us=at_us)
        ledger.commit()
        path = workspace.processed_folder("AA", "flights", folder) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("row\n")
        return entry

    return enter


def names(workspace, folder):
    """The names of the files in a folder below var."""
    return sorted(path.name for path in (workspace.root / "var" / folder).rglob("*") if path.is_file())


def tidied(workspace, ledger, **options):
    """Tidy up; return the counts by kind."""
    return {row.kind: row.count for row in tidy(workspace, ledger, NOW, lambda _: 7, **options)}


def test_what_is_settled_and_old_is_removed(workspace, ledger, ended):
    """An archived file and its exchange of 91 days go, those of 89 days stay; a dry run says the same."""
    ended("old.csv", 91)
    ended("new.csv", 89)
    expected = {"archive": 1, "refused": 0, "spool": 0, "quarantine": 0, "history": 1, "metrics": 7}
    assert tidied(workspace, ledger, dry_run=True) == expected
    assert names(workspace, "archive") == ["new.csv", "old.csv"]
    assert tidied(workspace, ledger) == expected
    assert names(workspace, "archive") == ["new.csv"]
    assert [file for (file,) in ledger.connection.exec_driver_sql("SELECT file FROM exchange")] == ["new.csv"]


@pytest.mark.parametrize("outcome", ["open", "due", "failed", "ambiguous", "refused"])
def test_what_has_not_ended_stays(workspace, ledger, ended, outcome):
    """Its exchange, its archived file and its requests are there after any time."""
    entry = ended("a.csv", 1000, outcome)
    outbox = Outbox(ledger, entry)
    outbox.add(OutboundRequest("0", 1, b"row\n"))
    outbox.reserve("keyed")
    ledger.commit()
    assert tidied(workspace, ledger) == dict.fromkeys(("archive", "refused", "spool", "quarantine", "history"), 0) | {
        "metrics": 7
    }
    assert (names(workspace, "archive"), ledger.get(entry.exchange_id).outcome) == (["a.csv"], outcome)
    assert len(outbox.states()) == 1


def test_rows_in_quarantine_stay_with_the_file_that_they_are_repaired_with(workspace, ledger, ended):
    """As long as one row of an exchange is held, all its rows and its file stay; then they go."""
    entry = ended("a.csv", 1000, row="quarantined")
    rows = [
        {"exchange_id": entry.exchange_id, "row": row, "state": state, "findings": "[]", "original": b"x"}
        for row, state in ((1, "held"), (2, "replayed"))
    ]
    ledger.execute(ADD_ROW, *rows)
    ledger.commit()
    counts = tidied(workspace, ledger)
    assert (counts["archive"], counts["quarantine"], counts["history"]) == (0, 0, 0)
    ledger.connection.exec_driver_sql("UPDATE aside SET state = 'discarded'")
    ledger.connection.commit()
    counts = tidied(workspace, ledger)
    assert (counts["archive"], counts["quarantine"], counts["history"]) == (1, 2, 1)


def test_a_refused_file_stays_until_a_mended_one_has_replaced_it(workspace, ledger, ended):
    """Until then somebody has to correct it."""
    ended("a.csv", 1000, "refused", "refused", row="refused")
    assert (tidied(workspace, ledger)["refused"], names(workspace, "refused")) == (0, ["a.csv"])
    mended = ledger.find("AA", "flights", "a.csv", "e" * 64)
    ledger.record_attempt(mended, 10, 1, outcome="done", closed_at_us=int(NOW.timestamp() * 1_000_000))
    ledger.commit()
    assert (tidied(workspace, ledger)["refused"], names(workspace, "refused")) == (1, [])


def test_without_settings_everything_is_kept(workspace, ledger, ended):
    """A workspace of an older release has none."""
    ended("old.csv", 10_000)
    path = workspace.root / "milepost.toml"
    path.write_text(path.read_text().replace(ALL, ""))
    assert tidy(load_workspace(workspace.root), ledger, NOW, lambda _: 7) == []
    assert names(workspace, "archive") == ["old.csv"]


def test_what_is_removed_is_said_in_words(workspace, ledger, ended):
    """With the day, and the size of files."""
    ended("old.csv", 91)
    texts = [describe(row) for row in tidy(workspace, ledger, NOW, lambda _: 7)]
    assert texts[0] == "1 file(s) in archive before 2013-10-03, 4 bytes"
    assert texts[-2:] == ["1 settled exchange(s) before 2013-10-03", "7 run(s) before 2013-10-03"]


def test_what_a_proxy_kept_goes_by_days(workspace, ledger):
    """Whole days before the limit are removed; files that are no day's stay."""
    with (workspace.root / "milepost.toml").open("a") as file:
        file.write('keep.capture = "30d"\n')
    workspace = load_workspace(workspace.root)
    folder = workspace.root / "var" / "capture" / "AA"
    for day in ("2013-12-01", "2013-12-02", "2013-12-03"):
        (folder / day).mkdir(parents=True)
        (folder / day / "journal.jsonl").write_text("x\n")
        (folder / day / "1.body").write_text("x\n")
    (folder / "proxy.lock").touch()
    (removed,) = (each for each in tidy(workspace, ledger, NOW, lambda _: 0, dry_run=True) if each.kind == "capture")
    assert (removed.count, len(names(workspace, "capture"))) == (2, 7)
    tidy(workspace, ledger, NOW, lambda _: 0)
    assert sorted(path.name for path in folder.iterdir()) == ["2013-12-02", "2013-12-03", "proxy.lock"]
