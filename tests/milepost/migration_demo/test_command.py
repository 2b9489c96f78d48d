"""`milepost demo migrate`: airlines are moved by the commands and rules of a migration."""

from datetime import UTC, datetime

from click.testing import CliRunner

from milepost.cli import main
from milepost.context import WorkspaceContext
from milepost.migration_demo.command import move_airlines
from milepost.migration_demo.story import Story
from milepost.migration_demo.world import make_demo_workspace
from poc.cli.migration.route_acts import show_route

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def test_airlines_move_and_one_goes_back_and_nothing_is_lost(tmp_path):
    """What a monolith rounds is found and explained, a lost answer sends a feed back, and each record arrives once."""
    story = Story(8, {1: ("AA",), 2: ("B6", "EV")})
    root = tmp_path / "demo"
    make_demo_workspace(root, story.airlines, MONDAY.date())
    lines = []
    result = move_airlines(WorkspaceContext(root), story, MONDAY, lines.append)
    assert (result["lost"], result["twice"], result["held_records"]) == (0, 0, result["due_records"])
    assert result["differences"].keys() == {"rounding"}
    assert result["automatic_backs"] == 1
    workspace = WorkspaceContext(root).workspace
    changes = {airline: show_route(workspace, f"{airline}/flights", 0)["changes"] for airline in story.airlines}
    moves = {airline: [each["position"] for each in reversed(changes[airline])] for airline in changes}
    assert moves["AA"] == ["shadow", "canary at 0.5"]
    assert moves["EV"][:3] == ["shadow", "canary at 0.5", "shadow"]
    assert "may be lost or doubled" in changes["EV"][-3]["why"]
    assert any("B6/flights does not advance" in line for line in lines)
    assert moves["B6"] == ["shadow", "canary at 0.5"]
    assert 'cause = "rounding"' in (root / "parity" / "B6.toml").read_text()


def test_it_begins_with_a_new_folder_only(tmp_path):
    """A folder with something in it is refused before anything is done."""
    (tmp_path / "mine").write_text("x")
    done = CliRunner().invoke(main, ["demo", "migrate", "--no-serve", "--dir", str(tmp_path)])
    assert (done.exit_code, "is not empty" in done.output) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
