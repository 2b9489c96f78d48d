"""What the commands on exchanges of the ledger share: how an exchange is named, and where they work."""

import pytest
from click.testing import CliRunner

from milepost.cli import main

BY_EXCHANGE = [
    ["quarantine", "show"], ["quarantine", "export"], ["quarantine", "replay"], ["quarantine", "discard", "--why", "x"],
    ["outbox", "resend"], ["outbox", "arrived"], ["outbox", "discard", "--why", "x"],
]  # fmt: skip
LISTS = [["quarantine", "ls"], ["outbox", "ls"]]


def test_an_exchange_is_named_by_a_unique_prefix(make_cli):
    """An unknown id, an empty one, and a prefix of two ids are each an error that says where to look."""
    cli = make_cli()
    shared = cli.exchange_many()
    for command in BY_EXCHANGE:
        unknown = "begins the id of no exchange, and no file has this name; see `milepost status`"
        for name in ("nosuch", "", "%"):
            assert f"'{name}' {unknown}" in cli.error(*command, name)
        assert f"'{shared}' is more than one exchange: {shared}" in cli.error(*command, shared)


def test_an_exchange_is_named_by_its_file(with_rejected):
    """The name of the file serves as well as the id."""
    cli, _ = with_rejected
    assert [row["row"] for row in cli.json("quarantine", "show", "sample.csv")] == [1, 2]


@pytest.mark.parametrize("command", [*LISTS, *([*command, "abc"] for command in BY_EXCHANGE)])
def test_outside_of_a_workspace_every_command_says_so(tmp_path, command):
    """A folder that is no workspace is an error of one line, with the command that makes one."""
    done = CliRunner().invoke(main, ["-w", str(tmp_path), *command])
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.output
    assert f"{tmp_path}: not a workspace (no milepost.toml); make one with `milepost init" in done.stderr
    assert list(tmp_path.iterdir()) == []
