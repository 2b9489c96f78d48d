"""The workspace of a running service, whose files change meanwhile."""

import os

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.validation.live_workspace import LiveWorkspace


@pytest.fixture
def live(tmp_path):
    """A workspace with the partner AA, as a service has it, and what it has reported."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"AA": AIRLINES["AA"]}, "")
    reported = []
    return LiveWorkspace(load_workspace(root), reported.append, reported.append), root, reported


def refresh(live):
    """Look twice, as a service does in two seconds; return the workspace."""
    live.refresh()
    return live.refresh()


def edit(path, old, new):
    """Replace a text in a file, whose time changes even if the clock is coarse."""
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def test_a_new_and_a_changed_partner_are_used_and_reported_once(live):
    """Without a change it is the same value, so that nothing is prepared anew."""
    live, root, reported = live
    before = live.current
    assert refresh(live) is before
    path = root / "partners/AA.toml"
    (root / "partners/BB.toml").write_text(path.read_text().replace('id = "AA"', 'id = "BB"'))
    edit(path, "request_rows = 500", "request_rows = 7")
    assert live.refresh() is before  # an editor may still be writing
    now = refresh(live)
    assert (set(now.partners), now.partners["AA"].feed["flights"].request_rows) == ({"AA", "BB"}, 7)
    assert refresh(live) is now
    assert reported == [
        "partner AA has changed: its file was read again",
        "partner BB is new: its files are exchanged from now on",
    ]
    (root / "partners/BB.toml").unlink()
    assert set(refresh(live).partners) == {"AA"}
    assert reported[2:] == ["partner BB is gone: its files are not exchanged any more"]


def test_a_look_up_that_breaks_is_named_once_and_again_when_it_is_in_order(live):
    """The partner goes on with the look-up as it was; its file is read again when it changes, wherever it lies."""
    live, root, reported = live
    (root / "codes.csv").write_text("from,to\nJFK,1\n")
    edit(
        root / "partners/AA.toml",
        '{ to = "from", from = "origin" }',
        '{ to = "from", from = "origin", lookup_file = "codes.csv" }',
    )
    refresh(live)
    assert "AA" in refresh(live).partners
    edit(root / "codes.csv", "JFK,1", "JFK")
    assert "codes.csv: line 2 has 1 cells instead of two" in refresh(live).unused_changes["AA"]
    edit(root / "codes.csv", "JFK", "JFK,2")
    assert refresh(live).unused_changes == {}
    assert [text.split(":")[0] for text in reported[1:]] == [
        str(root / "partners/AA.toml"),
        "partner AA is in order again",
    ]


def test_a_change_is_used_when_the_look_up_that_it_names_comes_later(live):
    """The partner goes on without the change until then; nobody has to touch its file again."""
    live, root, _ = live
    edit(
        root / "partners/AA.toml",
        '{ to = "from", from = "origin" }',
        '{ to = "from", from = "origin", lookup_file = "codes.csv" }',
    )
    assert "codes.csv: no such file" in refresh(live).unused_changes["AA"]
    (root / "codes.csv").write_text("from,to\nJFK,1\n")
    refresh(live)
    now = refresh(live)
    assert now.unused_changes == {}
    assert "codes.csv" in {field.lookup_file for field in now.partners["AA"].feed["flights"].map}


def test_a_partner_is_not_in_order_again_because_the_settings_break(live):
    """Both are named, until each is in order."""
    live, root, reported = live
    edit(root / "partners/AA.toml", "request_rows = 500", "request_rows = 0")
    assert set(refresh(live).unused_changes) == {"AA"}
    edit(root / "milepost.toml", "schema = 1", "schema = ")
    assert set(refresh(live).unused_changes) == {"", "AA"}
    assert not [text for text in reported if "in order again" in text]


@pytest.mark.parametrize("broken", ["partner", "contract", "map", "settings"])
def test_a_broken_change_keeps_the_last_good_one_and_is_named_once(live, broken):
    """The service goes on as before, and says when the file is in order again."""
    live, root, reported = live
    before = live.current
    path, old, new = {
        "partner": (root / "partners/AA.toml", "settle_s", "settel_s"),
        "contract": (root / "contracts/flights.schema.json", '"fields"', '"feilds"'),
        "map": (root / "partners/AA.toml", 'from = "tailnum"', 'from = "tailnumm"'),
        "settings": (root / "milepost.toml", '"live"', '"lve"'),
    }[broken]
    edit(path, old, new)
    now = refresh(live)
    assert (now.partners, now.problems) == (before.partners, {})
    (problem,) = now.unused_changes.values()
    assert str(path) in problem or "flights.schema.json" in problem
    refresh(live)
    assert reported == [f"{problem}; the change is not used, the service goes on as before"]
    edit(path, new, old)
    assert refresh(live).unused_changes == {}
    assert reported[1:] == [f"{'milepost.toml' if broken == 'settings' else 'partner AA'} is in order again"]


def test_a_setting_that_needs_a_restart_says_so(live):
    """How the work is shared was decided at the start; everything else of the settings counts at once."""
    live, root, reported = live
    with (root / "milepost.toml").open("a") as file:
        file.write("\nlevel = 3\n[work]\nslots = 3\n")
    now = refresh(live)
    assert (now.settings.level, now.settings.work.slots) == (3, 8)
    assert reported == [f"{root / 'milepost.toml'}: work counts after a restart of `milepost serve`"]
