"""Every command has help, and every mistake gets one line and its exit code."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from milepost.cli import COMMANDS, main


def every_command(command=main, names=()):
    """Yield the words of each command and group, and the command."""
    yield names, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from every_command(command.get_command(context, name), (*names, name))


def milepost(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def workspace(tmp_path):
    """The workspace that `milepost init` creates."""
    assert milepost("init", tmp_path / "w").exit_code == 0
    return tmp_path / "w"


@pytest.mark.parametrize("command", [names for names, _ in every_command()], ids=" ".join)
def test_every_command_has_help(command):
    """Help describes the command and each of its options."""
    done = milepost(*command, "--help")
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 4


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_repeats_their_help(name):
    """The line of a command in the list is the beginning of that command's own help."""
    told = milepost(name, "--help").output
    line = COMMANDS[name][2].rstrip(".")
    assert line in " ".join(told.split())


def test_a_fresh_workspace_is_in_order(workspace):
    """`init` creates what `validate` accepts: dates from today, and a file in the inbox."""
    done = milepost("-w", workspace, "validate")
    assert (done.exit_code, done.output) == (0, f"{workspace} is in order: 1 partner(s), 1 feed(s), 2 milestone(s).\n")
    assert "2013-" not in (workspace / "milestones.toml").read_text()
    assert [path.name for path in (workspace / "var/inbox/AA/flights").iterdir()] == ["sample.csv"]


def test_validate_prints_json(workspace):
    """The same mistakes and the same exit code, as JSON."""
    done = milepost("-w", workspace, "validate", "--json")
    assert (done.exit_code, json.loads(done.output)) == (
        0,
        {"workspace": str(workspace), "problems": [], "notes": []},
    )
    break_partner(workspace)
    done = milepost("-w", workspace, "validate", "--json")
    (problem,) = json.loads(done.output)["problems"]
    assert (done.exit_code, "unknown key `feed.flights.settel_s`" in problem) == (2, True)


def test_validate_notes_where_anchors_of_a_pattern_are_taken_as_such(workspace):
    """The pattern is valid, and means something else in XML Schema."""
    path = workspace / "contracts" / "flights.schema.json"
    path.write_text(path.read_text().replace("[A-Z][0-9][0-9A-Z]{1,4}", "^[A-Z][0-9][0-9A-Z]{1,4}$"))
    note = f"{path}: pattern of 'tailnum': `^` at its start and `$` at its end are taken as anchors"
    done = milepost("-w", workspace, "validate")
    assert (done.exit_code, done.output.splitlines()[0]) == (0, f"note: {note}")
    assert json.loads(milepost("-w", workspace, "validate", "--json").output)["notes"] == [note]


def test_a_misspelled_command_is_answered_with_the_nearest_one():
    """A person need not read the whole list again."""
    result = milepost("ststus")
    assert (result.exit_code, "Did you mean 'status'?" in result.output) == (2, True)


def test_init_does_not_change_other_folders(tmp_path):
    """A folder that is not empty is refused and stays as it is."""
    (tmp_path / "a.txt").write_text("mine")
    done = milepost("init", tmp_path)
    assert done.exit_code == 2
    assert "is not empty and not a workspace" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_init_says_where_it_cannot_write(tmp_path):
    """A path below a file is an error of one line."""
    (tmp_path / "a.txt").write_text("mine")
    done = milepost("init", tmp_path / "a.txt" / "w")
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "a.txt" in done.stderr


def break_partner(workspace):
    """An unknown key in a partner's file."""
    path = workspace / "partners" / "AA.toml"
    path.write_text(path.read_text().replace("settle_s", "settel_s"))


def test_the_workspace_may_come_from_the_environment(workspace):
    """`MILEPOST_WORKSPACE` names the workspace when `-w` is not given."""
    done = CliRunner().invoke(main, ["validate"], env={"MILEPOST_WORKSPACE": str(workspace)})
    assert done.exit_code == 0


def test_a_roadmap_without_measurements_says_so(workspace):
    """The report says that there is no measurement, and no database is created."""
    done = milepost("-w", workspace, "roadmap", "status")
    assert done.exit_code == 0
    assert "Nothing has been measured yet" in done.output
    assert not (workspace / "var" / "metrics-live.db").exists()
    assert milepost("-w", workspace, "roadmap", "gate", "M1").exit_code == 6


@pytest.mark.parametrize(("level", "ended"), [(1, "failed"), (3, "failed"), (4, "due")])
def test_a_run_without_a_partner_fails_and_loses_nothing(workspace, level, ended):
    """Undelivered rows wait in the inbox or the outbox, status has the reason, and the run is an event."""
    path = workspace / "partners" / "AA.toml"
    path.write_text(path.read_text().replace("settle_s = 2.0 ", "settle_s = 0 ").replace(":8766", ":9"))
    done = milepost("-w", workspace, "run", "--level", str(level))
    assert done.exit_code == 4
    assert f"12 rows in: 12 {ended}" in done.output
    kept = workspace / ("var/inbox" if level == 1 else "var/archive") / "AA/flights/sample.csv"
    assert kept.exists()
    assert "Connection refused" in milepost("-w", workspace, "status").output
    assert ("12 row(s), " + ended in milepost("-w", workspace, "outbox", "ls").output) == (level > 1)
    assert (
        "live: 2 events in 1 file, 2 new; 1 finished file removed."
        in milepost("-w", workspace, "metrics", "collect").output
    )
    assert "live: 0 events in 0 files, 0 new." in milepost("-w", workspace, "metrics", "collect").output


def test_runs_by_a_person_are_counted_as_touches(workspace):
    """Three files, three calls, one day: nine attempts at three exchanges, six of them started by a person."""
    path = workspace / "partners" / "AA.toml"
    path.write_text(path.read_text().replace("settle_s = 2.0 ", "settle_s = 0 ").replace(":8766", ":9"))
    inbox = workspace / "var/inbox/AA/flights"
    head, *rows = (inbox / "sample.csv").read_text().splitlines(keepends=True)
    for number in (1, 2):
        (inbox / f"{number}.csv").write_text(head + "".join(rows[number:]))
    for _ in range(3):
        assert milepost("-w", workspace, "run", "--level", "3").exit_code == 4
    assert "18 events" in milepost("-w", workspace, "metrics", "collect").output
    table = milepost("-w", workspace, "metrics", "export", "--table", "run_block").output
    (row,) = csv.DictReader(table.splitlines())
    assert {name: int(row[name]) for name in ("band", "attempts", "exchanges", "first_failed", "operator_touches")} == {
        "band": 1, "attempts": 9, "exchanges": 3, "first_failed": 3, "operator_touches": 6,
    }  # fmt: skip
    assert (row["passing"], row["recovered"]) == ("3", "0")


def test_a_run_delivers_and_archives_the_file(workspace, start_partner):
    """Files are delivered and archived; known bytes are not sent again; invalid rows and files are kept separately."""
    partner = start_partner()
    path = workspace / "partners" / "AA.toml"
    text = path.read_text().replace("settle_s = 2.0 ", "settle_s = 0 ")
    text = text.replace("timeout_s = 2.0", "timeout_s = 60")
    path.write_text(text.replace("http://127.0.0.1:8766/live/AA", f"{partner.url}/live/AA"))
    inbox, var = workspace / "var/inbox/AA/flights", workspace / "var"
    good = (inbox / "sample.csv").read_bytes()
    assert "sample.csv: done; 12 rows in: 12 delivered" in milepost("-w", workspace, "run", "AA/flights").output
    assert len(partner.held("live", "AA")) == 12
    (inbox / "sample.csv").write_bytes(good)
    (inbox / "drifted.csv").write_bytes(good.replace(b"tailnum", b"tail", 1))
    (inbox / "one-bad-row.csv").write_bytes(good.replace(b",AA,", b",ZZ,", 1))
    (inbox / "half.csv.part").write_bytes(good[:100])
    (inbox / "link.csv").symlink_to(workspace / "milepost.toml")
    done = milepost("-w", workspace, "run")
    assert done.exit_code == 3
    assert "already received" in done.output
    assert "row 1: constraint-error in carrier: 'ZZ'" in done.output
    assert "one-bad-row.csv: done; 12 rows in: 11 delivered, 1 quarantined" in done.output
    assert len(partner.held("live", "AA")) == 23
    assert sorted(path.name for path in inbox.iterdir()) == ["half.csv.part", "link.csv"]
    assert [path.name for path in (var / "refused/AA/flights").iterdir()] == ["drifted.csv"]
    assert len(list((var / "archive/AA/flights").iterdir())) == 3


def test_the_program_is_installed_under_its_name():
    """The command of the README exists."""
    program = shutil.which("milepost", path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("milepost, version ")


def test_measure_uses_the_highest_level(workspace, monkeypatch):
    """By default the monolith is measured against the highest level of the service."""
    import metrics.replay.measurement
    from metrics.errors import BadInput
    from poc.pipeline.levels import HIGHEST_LEVEL

    asked = []

    def stop(order, _):
        asked.append(order.subjects)
        raise BadInput("enough")

    monkeypatch.setattr(metrics.replay.measurement, "measure", stop)
    assert milepost("-w", workspace, "metrics", "measure").exit_code == 2
    assert asked == [("monolith", f"service@{HIGHEST_LEVEL}")]


def test_collect_writes_metadata_beside_the_database(workspace):
    """`metadata.json` for Datasette is in the folder of the database."""
    (workspace / "var" / "spool" / "live").mkdir(parents=True)
    assert milepost("-w", workspace, "metrics", "collect").exit_code == 0
    assert sorted(path.name for path in (workspace / "var").glob("met*.*") if "-live.db-" not in path.name) == [
        "metadata.json",
        "metrics-live.db",
    ]


#: Commands without a result of their own: a server, a program that runs another, and a file that is JSON anyway.
WITHOUT_JSON = {"serve", "work", "watch", "schedule", "capture", "metrics record", "metrics metadata"}


def test_every_command_that_reports_something_prints_json():
    """Programs need no text of ours: each command has `--json`."""
    without = {
        " ".join(names)
        for names, command in every_command()
        if not isinstance(command, click.Group) and not any("--json" in option.opts for option in command.params)
    }
    assert without == WITHOUT_JSON


def test_init_prints_json(tmp_path):
    """Where the workspace is, and the file that waits in it."""
    made = json.loads(milepost("init", tmp_path / "w", "--json").output)
    sample = tmp_path / "w/var/inbox/AA/flights/sample.csv"
    assert made == {"workspace": str(tmp_path / "w"), "done": "created", "sample": str(sample)}
    (tmp_path / "w/var/ledger.db").unlink(missing_ok=True)
    done = json.loads(milepost("init", tmp_path / "w", "--new-ledger", "--json").output)
    assert done == {"workspace": str(tmp_path / "w"), "done": "new-ledger"}
