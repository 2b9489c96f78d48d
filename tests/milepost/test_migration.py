"""The routes as the dashboard gets them from a workspace, and the acts that move a feed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.actions.act import ExactTarget, NotDone
from milepost.acts import find_target, make_doers
from milepost.context import WorkspaceContext
from milepost.migration import read_feed_migration, read_migration, routed_partners
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace

NOW = datetime(2013, 1, 8, tzinfo=UTC)


def test_a_workspace_without_a_monolith_reads_no_ledger(tmp_path):
    """It has no routes, and no ledger is made for asking."""
    root = tmp_path / "w"
    create_workspace(root, "shop", "live", AIRLINES, "")
    assert read_migration(load_workspace(root), NOW).routes == ()
    assert routed_partners(load_workspace(root)) == frozenset()
    assert read_feed_migration(load_workspace(root), "UA", "flights", NOW) is None
    assert not (root / "var" / "ledger.db").exists()


def test_the_pages_get_what_the_commands_say(moved):
    """The stage with its reasons and changes, in the list and in full."""
    moved.at("shadow")
    workspace = load_workspace(moved.root)
    assert routed_partners(workspace) == {"UA"}
    (route,) = read_migration(workspace, NOW).routes
    assert (route.partner, route.feed, route.stage, route.next_position) == ("UA", "flights", "shadow", "canary at 0.5")
    assert route.reasons == ("0 of 3 files compared in shadow",)
    assert not route.has_failed
    found = read_feed_migration(workspace, "UA", "flights", NOW)
    assert found is not None
    assert (found.route, [change.position for change in found.changes]) == (route, ["shadow"])
    assert found.monolith.given == 0


def test_the_acts_are_those_of_the_commands(moved):
    """Advance, hold, release and back move the feed under the person's name; a closed gate refuses in words."""
    context = WorkspaceContext(moved.root)
    doers = make_doers(context)
    assert doers["route_advance"]("UA/flights", {"seen": "0"}, "ada") == "UA/flights advances from monolith to shadow."
    with pytest.raises(NotDone, match=r"UA/flights does not advance to canary at 50%: 0 of 3 files compared in shadow"):
        doers["route_advance"]("UA/flights", {"seen": "1"}, "ada")
    for seen, name in enumerate(("route_hold", "route_release", "route_back"), 1):
        doers[name]("UA/flights", {"why": "a reason", "seen": str(seen)}, "bob")
    assert [(change.action, change.who, change.position.stage) for change in moved.changes()] == [
        ("back", "bob", "monolith"), ("release", "bob", "shadow"), ("hold", "bob", "shadow"),
        ("advance", "ada", "shadow"),
    ]  # fmt: skip
    assert find_target(context, "route_back", "UA/flights") == ExactTarget(partner="UA", target="UA/flights")
    assert find_target(context, "route_back", "UA/nothing") is None


@pytest.mark.parametrize("name", ["route_advance", "route_back", "route_hold", "route_release"])
def test_a_form_of_an_older_page_moves_nothing(moved, name):
    """What one person decides on a page that another has overtaken is refused, not done to the next stage."""
    doers = make_doers(WorkspaceContext(moved.root))
    doers["route_advance"]("UA/flights", {"seen": "0"}, "ada")
    for fields in ({"seen": "0"}, {}):
        with pytest.raises(NotDone, match=r"has changed since this page was loaded|Load the page again"):
            doers[name]("UA/flights", {"why": "a reason", **fields}, "bob")
    assert len(moved.changes()) == 1
