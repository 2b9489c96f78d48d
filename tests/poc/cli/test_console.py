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
        assert "'nosuch' begins the id of no exchange; see `milepost status`" in cli.error(*command, "nosuch")
        assert "'' begins the id of more than one exchange" in cli.error(*command, "")
        assert "'%' begins the id of no exchange" in cli.error(*command, "%")
        assert f"'{shared}' begins the id of more than one exchange" in cli.error(*command, shared)


@pytest.mark.parametrize("command", [*LISTS, *([*command, "abc"] for command in BY_EXCHANGE)])
def test_outside_of_a_workspace_every_command_says_so(tmp_path, command):
    """A folder that is no workspace is an error of one line, with the command that makes one."""
    done = CliRunner().invoke(main, ["-w", str(tmp_path), *command])
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.output
    assert f"{tmp_path}: not a workspace (no milepost.toml); make one with `milepost init" in done.stderr
    assert list(tmp_path.iterdir()) == []
