"""A workspace with targets of notifications, and its ledger."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from poc.alerts.alert import Alert
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger

NOW = datetime(2026, 3, 28, 12, tzinfo=UTC)


@pytest.fixture
def make_workspace(tmp_path):
    """A function that writes a workspace of two partners with tables `[[notify]]`, and loads it."""

    def make(*targets):
        root = tmp_path / "w"
        if not root.exists():
            create_workspace(root, "shop", "live", {"AA": AIRLINES["AA"], "UA": AIRLINES["UA"]}, "schema = 1\n")
        path = root / "milepost.toml"
        text = path.read_text().partition("\n[[notify]]")[0]
        path.write_text(text + "".join(f"\n[[notify]]\n{target}\n" for target in targets))
        return load_workspace(root)

    return make


@pytest.fixture
def ledger(make_workspace):
    """The ledger of that workspace."""
    with closing(open_ledger(make_workspace().ledger)) as ledger:
        yield ledger


@pytest.fixture
def down():
    """The alert that a partner is down."""
    return Alert(
        kind="partner_down", severity="critical", partner="AA", since=datetime(2026, 3, 28, 11, 30, tzinfo=UTC),
        count=3, summary="nothing is sent to AA: no connection", next_step="milepost partner ls",
    )  # fmt: skip
