"""Prepared feeds: kept between turns, and prepared again so that a changed contract counts."""

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import BadInput
from poc.service.prepared_feeds import FRESH_S, PreparedFeeds


def test_a_feed_is_kept_for_seconds_and_a_changed_contract_counts_after_them(tmp_path):
    """Within that time the same prepared feed is returned; then its contract is read again, with its mistakes."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
    workspace, clock = load_workspace(root), [100.0]
    feeds = PreparedFeeds(lambda: clock[0])
    prepared = feeds.get(workspace, "UA", "flights", 4)
    (root / "contracts" / "flights.schema.json").write_text("{}")
    clock[0] += FRESH_S - 0.1
    assert feeds.get(workspace, "UA", "flights", 4) is prepared
    clock[0] += 0.1
    with pytest.raises(BadInput, match="not a Table Schema"):
        feeds.get(workspace, "UA", "flights", 4)
    feeds.close()
