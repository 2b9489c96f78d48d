"""Every command has help, and every mistake gets one line and its exit code."""

import csv
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from milepost.cli import COMMANDS, main
from milepost.errors import describe_database_error

EVERY_COMMAND = [
    [], ["demo"], ["init"], ["validate"], ["run"], ["status"], ["serve"], ["partner"], ["metrics"],
    ["metrics", "measure"], ["metrics", "collect"], ["metrics", "record"], ["metrics", "import"], ["metrics", "export"],
    ["metrics", "metadata"], ["roadmap"], ["roadmap", "status"], ["roadmap", "gate"],
    ["roadmap", "show"], ["roadmap", "plan"], ["roadmap", "report"], ["roadmap", "decide"], ["roadmap", "spend"],
]  # fmt: skip


def milepost(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def workspace(tmp_path):
    """The workspace that `milepost init` creates."""
    assert milepost("init", tmp_path / "w").exit_code == 0
    return tmp_path / "w"


@pytest.mark.parametrize("command", EVERY_COMMAND, ids=" ".join)
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
    assert (done.exit_code, done.output) == (0, f"{workspace} is in order: 1 partner(s), 1 feed(s), 1 milestone(s).\n")
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


def lose_contract(workspace):
    """A feed with a missing contract."""
    (workspace / "contracts" / "flights.schema.json").unlink()


def break_ledger(workspace):
    """Another file at the path of the ledger."""
    (workspace / "var" / "ledger.db").write_bytes(b"letter " * 1000)


def break_store(workspace):
    """Another file at the path of the metrics database."""
    (workspace / "var" / "metrics-live.db").write_bytes(b"letter " * 1000)


def cut_spool(workspace):
    """A truncated spool line."""
    (workspace / "var" / "spool" / "live").mkdir(parents=True)
    (workspace / "var" / "spool" / "live" / "1.jsonl").write_bytes(b'{"kind":"ru\n')


def break_milestones(workspace):
    """An unknown measure."""
    path = workspace / "milestones.toml"
    path.write_text(path.read_text().replace('name = "busy_time_saved"', 'name = "busy_time_save"', 1))


def damage_ledger(workspace):
    """A ledger with overwritten pages."""
    from poc.ledger.ledger import open_ledger

    path = workspace / "var" / "ledger.db"
    ledger = open_ledger(path)
    for n in range(200):
        ledger.record_attempt(ledger.find("AA", "flights", f"{n}.csv", f"{n:064}"), 1, 1)
    ledger.commit()
    ledger.close()
    os.utime(workspace / "var/inbox/AA/flights/sample.csv", (0, 0))
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(len(data) - 4096))


def widen_map(workspace):
    """A map that writes one field twice."""
    path = workspace / "partners" / "AA.toml"
    path.write_text(path.read_text().replace('to = "tail"', 'to = "from"'))


def ask_too_much(workspace):
    """A contract with a constraint that is not supported."""
    path = workspace / "contracts" / "flights.schema.json"
    reference = '{"fields": "dest", "reference": {"resource": "airports", "fields": "faa"}}'
    path.write_text(path.read_text().replace('"primaryKey"', f'"foreignKeys": [{reference}], "primaryKey"'))


def close_var(workspace):
    """A file in place of the folder `var`."""
    (workspace / "var").rename(workspace / "old")
    (workspace / "var").write_text("mine")


def nothing(workspace):
    """The workspace unchanged."""
    del workspace


@pytest.mark.parametrize(
    ("spoil", "command", "code", "said"),
    [
        (nothing, ["run", "ZZ"], 2, "unknown partner 'ZZ'; partners in"),
        (nothing, ["run", "AA/cargo"], 2, "partner 'AA' has no feed 'cargo'; its feeds: flights"),
        (nothing, ["run", "--level", "9"], 2, "level 9 is not built; choose 1 to"),
        (nothing, ["run", "--level", "0"], 2, "level 0 is not built; choose 1 to"),
        (nothing, ["roadmap", "gate", "M9"], 2, "M9"),
        (nothing, ["metrics", "measure", "--subjects", "monolith,servise@1"], 2, "unknown subject 'servise@1'; choose"),
        (nothing, ["metrics", "measure", "--subjects", "service@1"], 2, "name the control first"),
        (nothing, ["metrics", "measure", "--subjects", "monolith,service@9"], 2, "service@9 is not built; choose"),
        (nothing, ["metrics", "measure", "--subjects", "monolith,service@1,service@1"], 2, "each is named once"),
        (nothing, ["metrics", "measure", "--weeks", "53"], 2, "weeks is 53; choose 1 to 52"),
        (nothing, ["metrics", "measure", "--rounds", "0"], 2, "rounds is 0; choose 1 to 100"),
        (nothing, ["demo", "--no-serve"], 2, "is a workspace on the live clock"),
        (nothing, ["serve", "--host", "0.0.0.0"], 2, "host '0.0.0.0' is not loopback"),
        (nothing, ["serve", "--port", "99999"], 2, "port 99999 on 127.0.0.1 cannot be used"),
        (break_partner, ["validate"], 2, "unknown key `feed.flights.settel_s`; keys there: contract, files"),
        (break_partner, ["run"], 2, "unknown key `feed.flights.settel_s`"),
        (lose_contract, ["run"], 2, "missing contract"),
        (break_milestones, ["validate"], 2, "busy_time_save'"),
        (break_milestones, ["roadmap", "status"], 2, "busy_time_save'"),
        (break_ledger, ["run"], 2, "ledger.db: file is not a database"),
        (break_ledger, ["status"], 2, "ledger.db: file is not a database"),
        (damage_ledger, ["status"], 2, "ledger.db: "),
        (damage_ledger, ["run"], 2, "ledger.db: "),
        (widen_map, ["validate"], 2, "the map writes 'from' twice"),
        (ask_too_much, ["validate"], 2, "foreignKeys"),
        (close_var, ["run"], 2, "var"),
        (close_var, ["metrics", "measure"], 2, "var"),
        (break_store, ["roadmap", "status"], 2, "metrics-live.db: file is not a database"),
        (cut_spool, ["metrics", "collect"], 3, "1 line(s) that are not events were saved below"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_line_and_its_exit_code(workspace, spoil, command, code, said):
    """Each mistake is reported with the choices, without a traceback, and no data is lost."""
    spoil(workspace)
    before = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file() and "spool" not in path.parts}
    done = milepost("-w", workspace, *command)
    assert (done.exit_code, len(done.stderr.splitlines())) == (code, 1), done.stderr
    assert said in done.stderr
    assert done.stderr.startswith("milepost: ")
    after = {path: path.read_bytes() for path in before}
    assert after == before


def test_validate_reports_every_file_with_a_mistake(workspace):
    """Three mistakes in three files are three lines, each with its file's name."""
    settings, partner = workspace / "milepost.toml", workspace / "partners" / "AA.toml"
    settings.write_text(settings.read_text().replace('"live"', '"lve"'))
    partner.write_text(partner.read_text().replace('from = "tailnum"', 'from = "tailnumm"'))
    break_milestones(workspace)
    done = milepost("-w", workspace, "validate")
    assert done.exit_code == 2
    first, second, third = done.stderr.splitlines()
    assert "milepost.toml: `clock` (is 'lve')" in first
    assert "AA.toml: feed.flights: map to 'tail': unknown field 'tailnumm'" in second
    assert "busy_time_save'" in third


def test_a_file_without_a_feed_is_reported(workspace):
    """`status` lists a file in a misspelt folder, and `run` mentions it."""
    stray = workspace / "var" / "inbox" / "ZZ" / "flights" / "x.csv"
    stray.parent.mkdir(parents=True)
    stray.write_text("a")
    (workspace / "var/inbox/AA/flights/notes.txt").write_text("b")
    told = milepost("-w", workspace, "status").output
    assert f"belongs to no feed: {stray}" in told
    assert "notes.txt" in told
    assert "1 file(s) changed a moment ago and wait until they settle." in told
    assert "2 file(s) belong to no feed" in milepost("-w", workspace, "run").stderr


def test_outside_of_a_workspace_the_error_names_init(tmp_path):
    """Every command that needs a workspace names the folder and the command that creates one."""
    for command in (["run"], ["status"], ["serve"], ["validate"], ["roadmap", "status"], ["metrics", "collect"]):
        done = milepost("-w", tmp_path, *command)
        assert done.exit_code == 2
        assert f"{tmp_path}: not a workspace (no milepost.toml); make one with `milepost init" in done.stderr


def test_the_workspace_may_come_from_the_environment(workspace):
    """`MILEPOST_WORKSPACE` names the workspace when `-w` is not given."""
    done = CliRunner().invoke(main, ["validate"], env={"MILEPOST_WORKSPACE": str(workspace)})
    assert done.exit_code == 0


def test_a_port_in_use_is_reported_before_any_work(workspace, tmp_path):
    """`serve` and `demo` report it at once, and the demo's folder is not created."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for command in (["-w", workspace, "serve"], ["demo", "--dir", tmp_path / "demo"]):
            done = milepost(*command, "--port", port)
            assert done.exit_code == 2
            assert f"port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert not (tmp_path / "demo").exists()


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


def test_a_second_run_is_told_to_try_later(workspace):
    """While one run holds the workspace, another exits with the code for a busy workspace."""
    from poc.config.workspace import load_workspace
    from poc.transports.inbox import workspace_lock

    with workspace_lock(load_workspace(workspace)):
        done = milepost("-w", workspace, "run")
    assert done.exit_code == 75
    assert "another run is under way" in done.stderr


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
    from poc.pipeline.capabilities import HIGHEST_LEVEL

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


def test_a_database_in_use_is_not_reported_as_damaged(tmp_path):
    """For a locked database the message says to try again later, not to restore a copy."""
    path = tmp_path / "metrics.db"
    with closing(sqlite3.connect(path)) as first, closing(sqlite3.connect(path, timeout=0)) as second:
        first.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as found:
            second.execute("BEGIN IMMEDIATE")
    told, code = describe_database_error(found.value)
    assert (code, "in use" in str(told)) == (75, True)
    told, code = describe_database_error(sqlite3.DatabaseError("file is not a database"))
    assert (code, "restore a copy" in str(told)) == (2, True)
