"""The commands with a ledger in PostgreSQL, from its first tables to a move back."""

import os
import re

import pytest


@pytest.fixture
def cli(make_cli, postgres):
    """The command in a workspace whose ledger is in a database without tables."""
    made = make_cli()
    made.url = postgres.new_database()
    set_ledger(made, made.url)
    return made


def set_ledger(cli, url):
    """Name the ledger in the settings."""
    path = cli.root / "milepost.toml"
    text = re.sub(r"^ledger = .*\n", "", path.read_text(), flags=re.MULTILINE)
    path.write_text(text.replace("\nname =", f'\nledger = "{url}"\nname =', 1))


def test_commands_say_what_makes_the_tables(cli):
    """Nothing is exchanged before that, and the monitor's check is unknown."""
    for command in (["run"], ["status"], ["find", "sample.csv"]):
        assert "make them with `milepost migrate`" in cli.error(*command)
    assert "make them with `milepost migrate`" in cli.run("check", code=3)
    assert cli.json("migrate")["revision_before"] is None
    assert "has the tables of this release" in cli.run("migrate")
    assert "1 file(s) wait" in cli.run("status")


def test_rejected_rows_are_found_and_discarded(cli):
    """Quarantine, search and the monitor's check answer from the database."""
    cli.run("migrate")
    line = cli.sample.read_text().splitlines()[1]
    cli.edit_sample((line, line.replace("2013,1,1,", "2013,13,1,")))
    cli.run("run")
    (row,) = cli.json("find", "samp*")["exchanges"]
    assert (row["rows"]["quarantined"], row["quarantine"]) == (1, {"held": 1})
    assert "quarantined_rows=1" in cli.run("check", code=None)
    assert row["id"][:8] in cli.run("quarantine", "ls")
    cli.run("quarantine", "discard", row["id"], "--row", "1", "--why", "no such month")
    assert cli.json("find", row["id"][:8])["exchanges"][0]["quarantine"] == {"discarded": 1}


def test_a_ledger_is_moved_and_knows_what_was_delivered(cli):
    """A file that was delivered before the move is not delivered again after it."""
    cli.run("migrate")
    cli.run("run")
    delivered = cli.delivered()
    text = (cli.root / "var/archive/AA/flights/sample.csv").read_text()
    assert "all equal" in cli.run("ledger", "copy", cli.url, "sqlite:///var/ledger.db")
    set_ledger(cli, "sqlite:///var/ledger.db")
    cli.sample.with_name("again.csv").write_text(text)
    os.utime(cli.sample.with_name("again.csv"), (0, 0))
    cli.run("run")
    assert (cli.delivered(), len(cli.exchange_ids())) == (delivered, 1)


def test_a_backup_names_the_tool_of_the_database(cli, tmp_path):
    """It holds files, and would not hold the ledger."""
    assert "pg_dump" in cli.error("backup", tmp_path / "b")
