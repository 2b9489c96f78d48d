"""A workspace with a running practice partner, and the `milepost` command on it."""

import json
import os
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from milepost.cli import main


@pytest.fixture
def make_cli(tmp_path, start_partner):
    """A function that makes a workspace whose partner follows a plan of faults, with the sample in its inbox."""

    def make(plan=None, *, keys=True, name="w"):
        partner = start_partner(plan)
        root = tmp_path / name
        assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
        path = root / "partners" / "AA.toml"
        text = path.read_text().replace("settle_s = 2.0 ", "settle_s = 0 ")
        text = text.replace("http://127.0.0.1:8766", partner.url).replace("timeout_s = 2.0", "timeout_s = 60")
        path.write_text(text if keys else text.replace("honours_keys = true", "honours_keys = false"))
        return WorkspaceCli(root, partner)

    return make


class WorkspaceCli:
    """The `milepost` command in a workspace."""

    def __init__(self, root, partner):
        self.root, self.partner = root, partner
        self.sample = root / "var/inbox/AA/flights/sample.csv"

    def edit_sample(self, *pairs):
        """Replace texts in the sample, each once."""
        text = self.sample.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new, 1)
        self.sample.write_text(text)
        os.utime(self.sample, (0, 0))

    def hand_in_copies(self, count):
        """Hand the sample in again under other names, later, each with flights of another day."""
        text = self.sample.read_text()
        os.utime(self.sample, (0, 0))
        for number in range(1, count + 1):
            file = self.sample.with_name(f"t{number}.csv")
            file.write_text(text.replace("2013,1,1,", f"2013,1,{number + 1},"))
            os.utime(file, (number, number))

    def edit_partner(self, old, new):
        """Replace a text in the partner's file."""
        path = self.root / "partners" / "AA.toml"
        path.write_text(path.read_text().replace(old, new))

    def run(self, *arguments, code=0):
        """Return the standard output of a command that ends with an exit code; None stands for any."""
        done = CliRunner().invoke(main, ["-w", str(self.root), *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        assert code in {None, done.exit_code}, done.output
        return done.stdout

    def error(self, *arguments):
        """Return the one line of a command that ends with exit code 2."""
        done = CliRunner().invoke(main, ["-w", str(self.root), *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.output
        assert done.stderr.startswith("milepost: ")
        return done.stderr

    def json(self, *arguments, code=0):
        """Return the JSON output of a command."""
        return json.loads(self.run(*arguments, "--json", code=code))

    def delivered(self):
        """Return the flights that the partner has."""
        return [record["flight"] for record in self.partner.held("live", "AA")]

    def exchange_ids(self):
        """Return the ids of all exchanges in the ledger."""
        with closing(sqlite3.connect(self.root / "var/ledger.db")) as ledger:
            return [key for (key,) in ledger.execute("SELECT id FROM exchange")]

    def exchange_many(self):
        """Exchange 17 files, more than there are hexadecimal digits; return a first digit that two ids share."""
        text = self.sample.read_text()
        for number in range(17):
            file = self.sample.with_name(f"{number}.csv")
            file.write_text(text.replace("2013,1,1,", f"2013,1,{number + 2},"))
            os.utime(file, (0, 0))
        self.run("run")
        ids = self.exchange_ids()
        return next(key[0] for key in ids if sum(other.startswith(key[0]) for other in ids) > 1)


@pytest.fixture
def with_rejected(make_cli):
    """A workspace after a run in which two rows were rejected: row 1 for its month 13, row 2 for the airline ZZ.

    Also the lines of the sample as they were.
    """
    cli = make_cli()
    lines = cli.sample.read_text().splitlines()
    month, airline = lines[1].replace("2013,1,1,", "2013,13,1,"), lines[2].replace("AA,", "ZZ,", 1)
    cli.edit_sample((lines[1], month), (lines[2], airline))
    cli.run("run")
    return cli, lines
