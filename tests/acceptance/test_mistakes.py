"""A mistake of the user gets one line that says what to do, and an exit code; nothing is lost."""

import os
import socket
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from milepost.cli import main
from milepost.errors import describe_database_error


def milepost(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def workspace(tmp_path):
    """The workspace that `milepost init` creates."""
    assert milepost("init", tmp_path / "w").exit_code == 0
    return tmp_path / "w"


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
    from poc.ledger.opening import open_ledger

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
        (break_partner, ["validate"], 2, "unknown key `feed.flights.settel_s`; keys there: "),
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
