"""A file name with control characters acts on no terminal, in whichever command it is printed."""

import os
import shutil

import pytest
from click.testing import CliRunner

from milepost.cli import main

#: An escape sequence, a window title, a forged line, a direction override and a C1 control, in one file name.
NAME = "\x1b[2J\x1b]0;owned\x07\nmilepost: all is well\u202egpj\x9b.csv"
ESCAPED = r"\x1b[2J\x1b]0;owned\x07\nmilepost: all is well\u202egpj\x9b.csv"


@pytest.fixture
def root(tmp_path):
    """A workspace with a file of that name, one row of which breaks the contract; its partner takes no connection."""
    root = tmp_path / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    partner = root / "partners" / "AA.toml"
    partner.write_text(partner.read_text().replace("127.0.0.1:8766", "127.0.0.1:1"))
    sample = root / "var/inbox/AA/flights/sample.csv"
    sample.write_text(sample.read_text().replace("2013,1,1,", "2013,13,1,", 1))
    os.utime(sample, (0, 0))
    sample.rename(sample.with_name(NAME))
    return root


def printed(root, *arguments):
    """Everything that a command prints, which must be printable, line by line."""
    done = CliRunner().invoke(main, ["-w", str(root), *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    lines = done.output.split("\n")
    assert all(line.isprintable() for line in lines), done.output
    assert not [line for line in lines if line.startswith("milepost: all is well")]
    return done.output


def test_every_command_escapes_a_file_name(root):
    """`run`, `status`, the lists of quarantine and outbox, and what they print after an action."""
    shutil.copy(root / "var/inbox/AA/flights" / NAME, root / "var/inbox/AA" / NAME)
    assert ESCAPED in printed(root, "run")
    assert printed(root, "status").count(ESCAPED) == 3
    assert ESCAPED in printed(root, "quarantine", "ls")
    listed = printed(root, "outbox", "ls")
    assert ESCAPED in listed
    exchange = listed.split()[0]
    for command in (["quarantine", "show", exchange], ["outbox", "discard", exchange, "--why", "\x1b[2J"]):
        assert "\\x1b[2J" in printed(root, *command)
    assert ESCAPED in printed(root, "find", exchange)
    assert ESCAPED in printed(root, "redeliver", exchange, "--why", "\x1b[2J")
    assert "delivered again: AA/flights" in printed(root, "status")
    archived = root / "var/archive/AA/flights" / NAME
    assert ESCAPED in printed(root, "try", "AA/flights", archived, "--rows", 0)
    (root / "var/inbox/AA/flights" / NAME).write_text("wrong\n1\n")
    os.utime(root / "var/inbox/AA/flights" / NAME, (0, 0))
    printed(root, "run")
    assert ESCAPED in printed(root, "refused", "ls")


def test_an_error_escapes_what_it_names(root):
    """A problem in a configured value is one printable line, and stays one of several."""
    for name in ("AA", "BB"):
        text = (
            (root / "partners" / "AA.toml")
            .read_text()
            .replace('"csv"', '"c\\u001b[2Jsv\\n"')
            .replace('"AA"', f'"{name}"')
        )
        (root / "partners" / f"{name}.toml").write_text(text)
    lines = printed(root, "validate").splitlines()
    assert [line.startswith("milepost: ") for line in lines] == [True, True]
    assert ESCAPED.rpartition(".")[0][:4] in lines[0]
    assert "not a workspace" in printed(root / "\x1b[2J\n", "status")
