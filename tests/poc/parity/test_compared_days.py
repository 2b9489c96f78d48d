"""Comparisons of files added up by day say of a feed what the files say one by one."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.parity.compared_days import compared_days, state_of_days
from poc.parity.dispositions import add_disposition, load_dispositions, make_disposition
from poc.parity.feed_parity import FilePair, compare_file, parity_state
from poc.parity.records import SentRecords
from roadmap.plan.template import live_template

NOW = datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)


@pytest.fixture
def workspace(tmp_path: Path):
    """A new workspace of airlines."""
    root = tmp_path / "workspace"
    create_workspace(root, "moving", "live", AIRLINES, live_template(date(2026, 12, 1)))
    return load_workspace(root)


def pair(sha256: str, left: list[str], right: list[str]) -> FilePair:
    """A file for which the sides send these distances."""

    def records(name: str, distances: list[str]) -> SentRecords:
        rows = [{"tail": f"N{n}", "from": "JFK", "distance_km": value} for n, value in enumerate(distances)]
        return SentRecords(name, lambda: rows, 1)

    return FilePair(
        partner="AA", feed="flights", file=f"{sha256}.csv", sha256=sha256, stage="shadow",
        left=records("monolith", left), right=records("service", right),
    )  # fmt: skip


def test_days_add_up_to_what_the_files_say(workspace, ledger_address):
    """The same files, records and differences, explained or not; each day of UTC has its own."""
    ledger = open_ledger(ledger_address)
    compare_file(workspace, ledger, pair("ab", ["10.1", "10.1", "10.1"], ["10.1", "10.2", "12"]), NOW)
    compare_file(workspace, ledger, pair("cd", ["10.1", "10.1"], ["10.1"]), NOW + timedelta(seconds=1))
    rounding = {"cause": "rounding", "decision": "fix-there", "reason": "-", "owner": "ann"}
    add_disposition(workspace.root, "AA", make_disposition(**rounding))
    days = compared_days(ledger, "AA", "flights")
    assert [(day.day.day, day.files, sum(day.differences.values())) for day in days] == [(1, 1, 2), (2, 1, 1)]
    dispositions = load_dispositions(workspace.root, "AA")
    state, files = (
        state_of_days(days, "flights", dispositions, NOW.date()), parity_state(workspace, ledger, "AA", "flights", NOW),
    )  # fmt: skip
    for name in ("files_compared", "records_compared", "unexplained", "accepted", "to_fix", "by_cause", "newest_at_us"):
        assert getattr(state, name) == getattr(files, name), name
    assert (state.unexplained, state.to_fix) == (2, 1)
    ledger.close()
