"""People decide what is not fetched: files that another system has exchanged, and those of a place that is held."""

import os
import shutil
from datetime import UTC, datetime

import pytest

from poc.errors import BadInput
from poc.ledger.opening import open_ledger
from poc.maintenance.backup import make_backup
from poc.maintenance.restore import restore
from poc.pickup.decisions import release_place, skip_files
from poc.pickup.store import read_place
from poc.places.registry import open_place


def skip(case):
    """Skip what lies at the place now."""
    with open_place(case.pickup, os.environ, case.root) as place:
        return skip_files(case.ledger, case.workspace, "UA", "flights", place, case.now_us)


def test_files_that_are_skipped_are_never_fetched_and_later_versions_are(case):
    """Also one that was seen before; a file that comes afterwards is fetched as any."""
    place = case(more='settled = "1s"')
    place.put("a.csv", "old")
    place.turn()
    place.put("b.csv", "old")
    assert skip(place) == ["a.csv", "b.csv"]
    place.put("b.csv", "newer")
    place.put("c.csv", "new")
    place.turn(after_s=60)
    place.turn(after_s=60)
    assert place.inbox_files() == {"b.csv": "newer", "c.csv": "new"}
    assert ("a.csv", "ended", "skipped") in place.states()
    assert skip(place) == []


def test_a_restored_workspace_fetches_nothing_before_a_person_has_decided(case, tmp_path):
    """A file may have been delivered after the backup to a partner that does not recognise what it gets again."""
    place = case(more='settled = "1s"')
    place.turn()
    place.ledger.close()
    make_backup(place.root, tmp_path / "b", "0", lambda: datetime.now(UTC), archive=True)
    shutil.rmtree(place.root)
    restore(tmp_path / "b", place.root)
    place.ledger = open_ledger(place.workspace.ledger)
    place.put("a.csv", "delivered since")
    for _ in range(3):
        assert "may have been exchanged after it. Ask the partner" in str(place.turn(after_s=60).error)
    assert place.rows() == []
    release_place(place.ledger, "UA", "flights")
    assert read_place(place.ledger, "UA", "flights").failing_since_us is None
    place.turn(after_s=60)
    place.turn(after_s=60)
    assert place.inbox_files() == {"a.csv": "delivered since"}
    with pytest.raises(BadInput, match="is not held"):
        release_place(place.ledger, "UA", "flights")
