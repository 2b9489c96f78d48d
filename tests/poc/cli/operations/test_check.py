"""`milepost check`: one line and an exit code for a monitoring system."""

import os
import re
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from milepost.cli import main

DOWN = {"faults": {"AA/flights/sample.csv": {"0": {"1": "unavailable"}}}}


def test_check_follows_a_partner_that_is_down_and_back(make_cli):
    """`check` is fine before anything was exchanged, critical while the partner is down, and fine again after it."""
    cli = make_cli(DOWN)
    cli.edit_partner("[feed.flights]", "[retry]\nbreaker_failures = 1\nbreaker_s = 0.001\n\n[feed.flights]")
    assert cli.run("check").startswith("MILEPOST OK - 1 feed, nothing needs you | critical=0;;;0 ")
    assert not (cli.root / "var/ledger.db").exists()
    cli.run("run", code=4)
    first, second = cli.run("check", code=2).splitlines()
    assert re.match(
        r"MILEPOST CRITICAL - 1 partner down \| critical=1;;;0 warning=0;;;0 due=1;;;0 oldest_due=\ds", first
    )
    assert second.startswith("critical: AA: partner_down: 1 failure in a row")
    state = cli.json("check", "--partner", "AA", code=2)
    assert [(alert["kind"], alert["partner"], alert["count"]) for alert in state["alerts"]] == [
        ("partner_down", "AA", 1)
    ]
    with closing(sqlite3.connect(cli.root / "var/ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE exchange SET due_at_us = 0")
    cli.run("run")
    assert cli.run("check").startswith("MILEPOST OK")


def test_a_warning_has_the_exit_code_1(make_cli):
    """A refused file is a warning, until the corrected one is accepted."""
    cli = make_cli()
    text = cli.sample.read_text()
    cli.edit_sample(("year,", "jahr,"))
    cli.run("run", code=3)
    assert cli.run("check", code=1).startswith("MILEPOST WARNING - 1 file refused | ")
    cli.sample.write_text(text)
    os.utime(cli.sample, (0, 0))
    cli.run("run")
    assert cli.run("check").startswith("MILEPOST OK")


@pytest.mark.parametrize("arguments", [("--no-such-option",), ("--partner", "nobody"), ("argument",)])
def test_misuse_is_unknown_and_never_critical(make_cli, arguments):
    """2 would wake somebody up: a wrong option, argument or name has the exit code 3."""
    assert make_cli().run("check", *arguments, code=3).startswith("MILEPOST UNKNOWN - ")


def test_what_cannot_be_read_is_unknown(make_cli, tmp_path):
    """A folder that is no workspace, a locked ledger and a damaged one have the exit code 3, and the reason."""
    done = CliRunner().invoke(main, ["-w", str(tmp_path), "check"])
    assert (done.exit_code, done.stdout[:20]) == (3, "MILEPOST UNKNOWN - /")
    cli = make_cli()
    cli.run("run")
    path = cli.root / "var/ledger.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        assert "is locked; try again later" in cli.run("check", code=3)
    path.write_bytes(b"no database" * 1000)
    assert "ledger.db: file is not a database" in cli.run("check", code=3)
    path.unlink()
    assert "the ledger is missing" in cli.run("check", code=3)


def test_check_reads_while_another_process_writes(make_cli):
    """A transaction of `serve` that is under way does not keep `check` from answering."""
    cli = make_cli()
    cli.run("run")
    with closing(sqlite3.connect(cli.root / "var/ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE exchange SET reason = 'changing'")
        assert cli.run("check").startswith("MILEPOST OK")


def test_a_workspace_may_have_any_name(make_cli):
    """Characters that mean something in an address are a part of the ledger's path."""
    cli = make_cli(name="a #1%20?b&mode=rw")
    cli.run("run")
    assert (cli.root / "var/ledger.db").stat().st_size > 0
    assert cli.run("check").startswith("MILEPOST OK")
