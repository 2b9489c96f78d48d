"""Files of a feed with a route: what the monolith fails on, what it was killed on, and the shadow beside it."""

import os
import shutil
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from poc.alerts.open_alerts import read_open_alerts
from poc.config.workspace import load_workspace
from poc.errors import BadInput, GuardrailBreached, MonolithFailed, TryLater
from poc.ledger.opening import open_ledger
from poc.maintenance.retention import remove_history
from poc.parity.feed_parity import parity_state
from poc.route.sides.command import is_command_running
from poc.service.single_file import exchange_one

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


def alerts(moved):
    """The alerts of the route: kind and subject."""
    found = read_open_alerts(load_workspace(moved.root), NOW, {})
    return [(alert.kind, alert.subject) for alert in found if alert.feed == "flights"]


def test_a_failed_command_runs_again_on_the_same_side(moved):
    """A file on which the command ended with an error stays with the monolith, also after a cut-over."""
    (moved.root / "fail-a.csv").touch()
    moved.add("a.csv", 1)
    assert isinstance(moved.run()["a.csv"].error, MonolithFailed)
    assert alerts(moved) == [("route", "failed")]
    (moved.root / "fail-a.csv").unlink()
    moved.at("service")
    moved.run()
    assert (moved.monolith, moved.service, alerts(moved)) == (["a.csv"], [], [])


@pytest.mark.parametrize("how", ["die", "hang"])
def test_a_killed_command_is_held_for_a_person(moved, how):
    """Nothing more is done with a file whose command was killed, until a person says what became of it."""
    moved.configure("timeout_s = 5", "timeout_s = 0.5")
    (moved.root / f"{how}-a.csv").touch()
    moved.add("a.csv", 1)
    assert isinstance(moved.run()["a.csv"].error, MonolithFailed)
    (moved.root / f"{how}-a.csv").unlink()
    moved.at("service")
    assert "ask the partner" in str(moved.run()["a.csv"].error)
    assert (moved.monolith, moved.service, alerts(moved)) == ([], [], [("route", "ambiguous")])
    done = moved.command("route", "settle", "UA/flights", "a.csv", "--again", "--why", "they have nothing")
    assert done.exit_code == 0, done.output
    moved.run()
    assert (moved.monolith, moved.service, moved.state()) == (["a.csv"], [], {"a.csv": "done"})


def test_a_file_that_left_the_inbox_is_settled_by_a_person(moved):
    """A file that was removed after its command was begun, or before it, is settled, but not while a command runs."""
    settle = ("route", "settle", "UA/flights", "a.csv", "--arrived", "--why", "they have it")
    moved.configure("timeout_s = 5", "timeout_s = 60")
    (moved.root / "hang-a.csv").touch()
    script = moved.root / "send.sh"
    script.write_text(script.read_text().replace("sleep 60", "until [ -e go ]; do sleep 0.02; done; exit 3"))
    moved.add("a.csv", 1)
    moved.die("after:running:0")
    (moved.inbox / "a.csv").unlink()
    assert moved.command(*settle).exit_code == 75
    (moved.root / "go").touch()
    (folder,) = (moved.root / "var" / "route" / "UA" / "flights").iterdir()
    until_s = time.monotonic() + 60
    while is_command_running(folder):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    assert moved.command(*settle).exit_code == 0
    moved.add("b.csv", 2)
    moved.die("after:give:0")
    assert moved.command(*settle[:3], "b.csv", *settle[4:]).exit_code == 0
    assert moved.state() == {"a.csv": "done", "b.csv": "done"}


def test_a_repeatable_command_runs_again_after_it_was_killed(moved):
    """A file is not held where the partner's file says that the command may repeat it."""
    moved.configure("timeout_s = 5", "timeout_s = 5\nrepeatable = true")
    (moved.root / "die-a.csv").touch()
    moved.add("a.csv", 1)
    moved.run()
    (moved.root / "die-a.csv").unlink()
    moved.run()
    assert moved.state() == {"a.csv": "done"}


def test_the_same_bytes_stay_with_their_side_under_another_name(moved):
    """A file that one side has sent is sent by neither again, whatever its name and the stage."""
    moved.add("a.csv", 1)
    moved.run()
    moved.at("service")
    moved.add("b.csv", 1)
    moved.add("c.csv", 2)
    moved.run()
    moved.at("monolith")
    moved.add("d.csv", 2)
    moved.run()
    assert (moved.monolith, moved.service) == (["a.csv"], ["c.csv"])
    assert list(moved.inbox.iterdir()) == []


def test_a_replaced_file_goes_where_its_name_is_under_way(moved):
    """A new version of a file that the monolith is not done with is its own, although the feed is at the service."""
    (moved.root / "fail-a.csv").touch()
    moved.add("a.csv", 1)
    moved.run()
    (moved.root / "fail-a.csv").unlink()
    moved.at("service")
    moved.add("a.csv", 2)
    moved.run()
    assert (moved.monolith, moved.service) == (["a.csv"], [])


def test_what_the_service_exchanged_before_the_feed_had_a_route_is_its_own(moved):
    """The monolith never gets a file that the service has exchanged, although nothing gave it to the service."""
    moved.configure("[feed.flights.monolith]", "[other]")
    text = moved.partner_file.read_text()
    moved.partner_file.write_text(text[: text.index("[other]")])
    moved.add("a.csv", 1)
    moved.run()
    moved.partner_file.write_text(text.replace("[other]", "[feed.flights.monolith]"))
    moved.add("b.csv", 1)
    moved.run()
    assert (moved.monolith, moved.service) == ([], ["a.csv"])


def test_a_retired_feed_refuses_its_command(moved):
    """A file that is still at the monolith when its feed is retired by force is not handed to the command."""
    (moved.root / "fail-a.csv").touch()
    moved.add("a.csv", 1)
    moved.run()
    (moved.root / "fail-a.csv").unlink()
    moved.at("retired")
    assert isinstance(moved.run()["a.csv"].error, BadInput)
    assert moved.monolith == []


def test_the_shadow_compares_and_leaves_nothing_in_the_ledger(moved):
    """In shadow the service exchanges each file whole, sends nothing, and its records are compared."""
    moved.at("shadow")
    for number in range(3):
        moved.add(f"{number}.csv", number)
    moved.run()
    workspace = load_workspace(moved.root)
    with closing(open_ledger(workspace.ledger)) as ledger:
        state = parity_state(workspace, ledger, "UA", "flights", NOW)
        exchanges = ledger.connection.exec_driver_sql("SELECT COUNT(*) FROM exchange").scalar()
    assert (state.files_compared, exchanges, moved.service) == (3, 0, [])
    assert state.unexplained > 0  # the script sends the columns as they are
    requests = workspace.root / "var" / "shadow" / "UA" / "flights" / "requests"
    assert len(list(requests.glob("*/*"))) == 3


def test_a_shadow_that_fails_does_not_concern_the_monolith(moved):
    """A feed whose contract the service cannot use in shadow goes on at the monolith."""
    moved.at("shadow")
    moved.add("a.csv", 1, "no,such,header\n1,2,3\n")
    moved.run()
    assert moved.state() == {"a.csv": "done"}


def test_a_bug_of_the_comparison_does_not_concern_the_monolith(moved, monkeypatch):
    """A file that cannot be compared for an unexpected reason is noted, and its feed goes on."""
    monkeypatch.setattr("poc.route.sides.comparison.compare_file", lambda *_: 1 // 0)
    moved.at("shadow")
    moved.add("a.csv", 1)
    results = moved.run()
    with closing(open_ledger(moved.root / "var" / "ledger.db")) as ledger:
        rows = ledger.connection.exec_driver_sql("SELECT shadow, shadow_note FROM file_sender").all()
    assert [result.error for result in results.values()] == [None]
    assert [(state, "ZeroDivisionError" in note) for state, note in rows] == [("failed", True)]


def test_a_breached_guardrail_lets_the_feed_go_back_by_itself(moved):
    """A file that the service refuses sends the feed back at once, with an alert; the next is the monolith's."""
    moved.at("service")
    moved.add("a.csv", 1, "no,such,header\n1,2,3\n")
    results = moved.run()
    assert any(isinstance(result.error, GuardrailBreached) for result in results.values())
    (change, *_) = moved.changes()
    assert (change.automatic, change.position.stage, change.evidence["breaches"]) == (True, "shadow", [change.why])
    assert ("route", "") in alerts(moved)
    moved.add("b.csv", 2)
    moved.run()
    assert moved.monolith == ["b.csv"]


def test_a_mistake_in_the_dispositions_stops_no_way_back(moved):
    """A feed in canary that lost a file goes back, although nothing says what differences are explained."""
    (moved.root / "parity").mkdir()
    (moved.root / "parity" / "UA.toml").write_text("schema = 2\n")
    moved.at("canary")
    for number in range(8):
        moved.add(f"{number}.csv", number, f"no,such,header\n{number},2,3\n")
    moved.run()
    assert moved.changes()[0].automatic


def test_a_file_that_is_handed_in_waits_for_the_monolith(moved):
    """A program that hands a file in gets no receipt of the service where the monolith has the file."""
    workspace = load_workspace(moved.root)
    with closing(open_ledger(workspace.ledger)) as ledger, pytest.raises(TryLater, match="the monolith exchanges"):
        exchange_one(workspace, "UA", "flights", lambda: moved.add("a.csv", 1), ledger, lambda: NOW, "0")
    moved.run()
    assert moved.monolith == ["a.csv"]


def test_a_begun_command_without_its_notes_is_held(moved):
    """After a restore, nothing says whether a command that had begun ran on: it is not run again."""
    moved.add("a.csv", 1)
    moved.die("after:command:0")
    shutil.rmtree(moved.root / "var" / "route")
    assert "may have sent it" in str(moved.run()["a.csv"].error)
    assert moved.monolith == ["a.csv"]


def test_old_history_forgets_what_the_monolith_has_done(moved):
    """After `[keep] history`, the same bytes are a new file; what waits for a person stays known."""
    (moved.root / "fail-b.csv").touch()
    moved.add("a.csv", 1)
    moved.add("b.csv", 2)
    moved.run()
    with closing(open_ledger(moved.root / "var" / "ledger.db")) as ledger:
        remove_history(ledger, int((NOW + timedelta(days=1)).timestamp() * 1_000_000), dry_run=False)
    assert moved.state() == {"b.csv": "failed"}


def test_an_exchange_that_began_before_the_feed_had_a_route_ends_at_the_service(moved):
    """What the ledger still has to send of a file is sent, although nothing gave the file to the service."""
    text = moved.partner_file.read_text()
    moved.partner_file.write_text(text[: text.index("[feed.flights.monolith]")])
    moved.add("a.csv", 1)
    moved.die("before:publish:0")
    (moved.inbox / "a.csv").unlink()
    moved.partner_file.write_text(text)
    moved.run()
    assert (moved.monolith, moved.service) == ([], ["a.csv"])


def test_a_long_command_keeps_no_slot(moved):
    """While a monolith's command runs, the feeds of other partners have its slot."""
    moved.configure("timeout_s = 5", "timeout_s = 60")
    settings = moved.root / "milepost.toml"
    settings.write_text(settings.read_text() + "\n[work]\nslots = 1\n")
    other = moved.root / "partners" / "ZZ.toml"
    text = moved.partner_file.read_text().replace('"UA"', '"ZZ"').replace('folder = "partner"', 'folder = "other"')
    other.write_text(text[: text.index("[feed.flights.monolith]")])
    (moved.root / "other").mkdir()
    (moved.root / "send.sh").write_text("#!/bin/sh\nuntil [ -e other/flights/*.jsonl ]; do sleep 0.02; done\n")
    moved.add("a.csv", 1)
    moved.inbox.parent.with_name("ZZ").joinpath("flights").mkdir(parents=True)
    moved.add("../../ZZ/flights/b.csv", 2)
    assert {name: result.error for name, result in moved.run().items()} == {"a.csv": None, "b.csv": None}


def remove_monolith(moved):
    """Take the tables of the route out of the partner's file."""
    text = moved.partner_file.read_text()
    moved.partner_file.write_text(text[: text.index("[feed.flights.monolith]")])


def test_a_removed_monolith_keeps_what_it_had(moved):
    """The service gets new files, and none that the monolith had, after its table is removed."""
    (moved.root / "fail-b.csv").touch()
    (moved.root / "die-c.csv").touch()
    for number, name in enumerate(["a.csv", "b.csv", "c.csv"]):
        moved.add(name, number)
    moved.run()
    remove_monolith(moved)
    moved.add("again.csv", 0)
    moved.add("new.csv", 3)
    results = moved.run()
    assert (moved.monolith, moved.service) == (["a.csv"], ["new.csv"])
    assert "names none any more" in str(results["b.csv"].error)
    assert "names none any more" in str(results["c.csv"].error)


def test_a_monolith_that_is_removed_in_shadow_hands_nothing_to_the_service(moved):
    """A service on trial does not begin to send because two tables are gone; the error says what to do."""
    moved.at("shadow")
    remove_monolith(moved)
    moved.add("a.csv", 1)
    assert "is at shadow, and names no monolith" in str(moved.run()["a.csv"].error)
    workspace = load_workspace(moved.root)
    with closing(open_ledger(workspace.ledger)) as ledger, pytest.raises(BadInput, match="names no monolith"):
        exchange_one(workspace, "UA", "flights", lambda: moved.add("b.csv", 2), ledger, lambda: NOW, "0")
    assert moved.service == []


def test_a_shadow_whose_process_died_before_the_comparison_is_repeated(moved, same_sides, monkeypatch):
    """The records of the service are compared, although its ledger has exchanged the file already."""

    def die(*_):
        raise KeyboardInterrupt

    moved.at("shadow")
    moved.add("a.csv", 1)
    with monkeypatch.context() as patched:
        patched.setattr("poc.route.sides.comparison.compare_file", die)
        with pytest.raises(KeyboardInterrupt):
            moved.run()
    moved.run()
    workspace = load_workspace(moved.root)
    with closing(open_ledger(workspace.ledger)) as ledger:
        state = parity_state(workspace, ledger, "UA", "flights", NOW)
    assert (state.files_compared, state.unexplained) == (1, 0)


def test_one_file_does_not_keep_the_others_from_the_monolith(moved):
    """A file whose name is not text, or at which an earlier command still works, waits alone."""
    script = moved.root / "send.sh"
    script.write_text(script.read_text().replace("exit 3", "sleep 60 & echo $! > left; exit 3"))
    (moved.root / "fail-a.csv").touch()
    moved.add("a.csv", 1)
    moved.run()
    moved.add(os.fsdecode(b"a\xff.csv"), 2)
    moved.add("b.csv", 3)
    moved.run()
    os.kill(int((moved.root / "left").read_text()), 9)
    assert moved.monolith == ["b.csv"]


@pytest.mark.parametrize(("act", "compared"), [('rm "$1"', 1), ('echo >> "$1"', 0)])
def test_what_the_command_does_with_its_file_changes_nothing_in_the_inbox(moved, same_sides, act, compared):
    """A command that moves its file away is compared all the same; one that writes into it is not called again."""
    moved.at("shadow")
    script = moved.root / "send.sh"
    script.write_text(f"{script.read_text()}{act}\n")
    moved.add("a.csv", 1)
    moved.run()
    moved.run(datetime.now(UTC) + timedelta(days=1))
    workspace = load_workspace(moved.root)
    with closing(open_ledger(workspace.ledger)) as ledger:
        state = parity_state(workspace, ledger, "UA", "flights", NOW)
    assert (moved.monolith, state.files_compared, state.unexplained) == (["a.csv"], compared, 0)
