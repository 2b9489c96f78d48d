"""The work of a feed between two turns: what changed meanwhile is not overwritten."""

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta

from metrics.events import SpoolRecorder
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.delivery.outbox_actions import give_up
from poc.ledger.ledger import open_ledger
from poc.ledger.lookup import find_by_prefix
from poc.service.feed_work import InboxWork, RunSelection, RunSettings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_an_exchange_that_a_person_gave_up_between_two_turns_is_left_alone(tmp_path, good_csv):
    """The turn goes on with the exchanges as they are now, not as they were listed."""
    root, clock, results = tmp_path / "w", [NOW], []
    create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    path.write_text(path.read_text().replace("http://127.0.0.1:8766", "http://127.0.0.1:9"))  # nobody answers there
    with (root / "milepost.toml").open("a") as file:
        file.write("[work]\nquantum_files = 1\n")
    for first, name in enumerate(("a.csv", "b.csv"), 1):
        os.utime(good_csv(root / "var" / "inbox" / "UA" / "flights" / name, 3, first), (0, 0))
    workspace = load_workspace(root)
    with closing(open_ledger(workspace.ledger)) as ledger, closing(SpoolRecorder(workspace.spool)) as recorder:
        settings = RunSettings(
            workspace=workspace, level=4, clock=lambda: clock[0], recorder=recorder, release="0", by_person=True,
            selection=RunSelection(), busy_wait_s=0,
        )  # fmt: skip
        arriving = InboxWork(settings, "UA", "flights", results.append)
        assert (arriving.turn(ledger), arriving.turn(ledger)) == (0.0, None)
        assert [result.receipt.outcome for result in results] == ["due", "due"]
        clock[0] += timedelta(days=1)
        results.clear()
        resuming = InboxWork(settings, "UA", "flights", results.append)
        assert resuming.turn(ledger) == 0.0
        ids = {row.receipt.exchange_id for row in results}
        other = next(key for (key,) in ledger.connection.exec_driver_sql("SELECT id FROM exchange") if key not in ids)
        give_up(ledger, find_by_prefix(ledger, other), "the partner left")
        assert resuming.turn(ledger) is None
        assert len(results) == 1
        assert find_by_prefix(ledger, other).outcome == "given_up"
        arriving.end()
        resuming.end()
