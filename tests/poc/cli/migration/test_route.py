"""`milepost route`: stages with their gates, refusals with reasons and exit codes, and the way back."""

import json
from datetime import UTC, datetime, timedelta

import pytest

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
ADVANCE = ("route", "advance", "UA/flights", "--json")


@pytest.fixture
def today(monkeypatch):
    """A function that sets the day on which commands are run."""

    def at(day):
        now = NOW + timedelta(days=day)
        monkeypatch.setattr("poc.cli.migration.route.current_us", lambda: int(now.timestamp() * 1_000_000))

    return at


def test_a_feed_moves_to_the_end_when_each_gate_opens(moved, today, same_sides):
    """Each step is refused until its evidence is there, and the command is refused once the feed is retired."""
    moved.configure("[feed.flights.route]\nfiles = 3", "[feed.flights.route]\ndays = 2\nfiles = 3")
    today(-1)
    assert moved.command(*ADVANCE).exit_code == 0
    refused = moved.command(*ADVANCE)
    assert (refused.exit_code, json.loads(refused.stdout)["reasons"]) == (6, ["0 of 3 files compared in shadow"])
    for number in range(3):
        moved.add(f"{number}.csv", number)
    moved.run()
    assert json.loads(moved.command(*ADVANCE).stdout)["position"] == "canary at 0.5"
    refused = moved.command(*ADVANCE)
    assert (refused.exit_code, json.loads(refused.stdout)["service_files"]) == (6, 0)
    for number in range(3, 13):
        moved.add(f"{number}.csv", number)
    moved.run()
    assert json.loads(moved.command(*ADVANCE).stdout)["stage"] == "service"
    assert moved.command(*ADVANCE).exit_code == 6
    today(3)
    assert json.loads(moved.command(*ADVANCE).stdout)["stage"] == "retired"
    assert moved.command(*ADVANCE).exit_code == 2
    assert [change.position.stage for change in moved.changes()] == [
        "retired", "service", "canary", "shadow",
    ]  # fmt: skip


def test_unexplained_differences_close_the_gate(moved, today):
    """A feed whose sides differ does not advance, unless a person answers for it, which is recorded."""
    today(-1)
    moved.command(*ADVANCE)
    for number in range(3):
        moved.add(f"{number}.csv", number)
    moved.run()
    refused = moved.command(*ADVANCE)
    assert refused.exit_code == 5
    assert "unexplained" in json.loads(refused.stdout)["reasons"][0]
    assert moved.command(*ADVANCE, "--anyway").exit_code == 2
    moved.command(*ADVANCE, "--anyway", "--why", "known", "--owner", "Ada")
    (change, *_) = moved.changes()
    assert (change.forced, change.owner, change.why, change.evidence["files_compared"]) == (True, "Ada", "known", 3)


def test_a_file_that_could_not_be_compared_begins_the_count_anew(moved, today, same_sides):
    """Files that are left out of the comparison are no evidence: enough others have to be compared after them."""
    script = moved.root / "send.sh"
    script.write_text(script.read_text() + 'case "$name" in bad*) echo "{" > "out/$name";; esac\n')
    today(-1)
    moved.command(*ADVANCE)
    for number, name in enumerate(["0.csv", "1.csv", "2.csv"]):
        moved.add(name, number)
    moved.run()
    moved.add("bad.csv", 3)
    moved.run(NOW + timedelta(minutes=1))
    refused = moved.command(*ADVANCE)
    assert refused.exit_code == 6
    assert "0 of 3 files compared in shadow since bad.csv, which" in json.loads(refused.stdout)["reasons"][0]
    for number in range(4, 7):
        moved.add(f"{number}.csv", number)
    moved.run(NOW + timedelta(minutes=2))
    assert json.loads(moved.command(*ADVANCE).stdout)["stage"] == "canary"


def test_a_held_feed_does_not_advance(moved, today):
    """A hold closes the gate with its reason until it is released; going back is possible all the same."""
    today(0)
    moved.command(*ADVANCE)
    assert moved.command("route", "hold", "UA/flights").exit_code == 2
    assert moved.command("route", "hold", "UA/flights", "--why", "audit").exit_code == 0
    refused = moved.command(*ADVANCE)
    assert refused.exit_code == 5
    assert ": audit;" in json.loads(refused.stdout)["reasons"][0]
    assert moved.command("route", "back", "UA/flights", "--why", "audit").exit_code == 0
    assert moved.command("route", "hold", "UA/flights", "--release", "--why", "done").exit_code == 0
    assert moved.command(*ADVANCE).exit_code == 0


def test_all_feeds_with_a_route_are_listed(moved, today):
    """The list has the stage of each feed, the next one, and what blocks it."""
    today(0)
    moved.command(*ADVANCE)
    (row,) = json.loads(moved.command("route", "ls", "--json").stdout)
    assert (row["scope"], row["stage"], row["next"], row["exit_code"]) == ("UA/flights", "shadow", "canary at 0.5", 6)
    assert "UA/flights: shadow; next: canary at 50% (0 of 3" in moved.command("route", "ls").stdout
    assert "advance to shadow by" in moved.command("route", "show", "UA/flights").stdout
