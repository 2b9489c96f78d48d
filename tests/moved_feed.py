"""A feed that is being moved from a monolith, for tests: a workspace, a shell script, and what either side sent."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from metrics.events import SpoolRecorder
from milepost.cli import main
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.route.route_store import RouteChange, add_change, read_changes
from poc.route.stages import Position
from poc.service.inbox_run import run_inbox

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
CRASHING = Path(__file__).parent / "crashing.py"

#: A monolith: it appends the name of each file and its rows to what it sent, and fails or hangs where it is told to.
SEND_SH = """\
#!/bin/sh
set -e
name=$(basename "$1")
if [ -e "fail-$name" ]; then exit 3; fi
if [ -e "die-$name" ]; then kill -9 $$; fi
if [ -e "hang-$name" ]; then sleep 60; fi
mkdir -p out
tail -n +2 "$1" > "out/$name"
echo "$name" >> sent.txt
"""


def change_to(stage):
    """Return a change of the route to a stage; canary has a share of a half."""
    share = {"canary": 0.5, "service": 1.0, "retired": 1.0}.get(stage, 0.0)
    return RouteChange(
        partner="UA", feed="flights", at_us=int(NOW.timestamp() * 1_000_000), action="advance",
        stage_before="monolith", position=Position(stage, share), who="test", why="",
    )  # fmt: skip


class Moved:
    """A workspace with one feed that is being moved, and what its partner got from either side."""

    def __init__(self, root, good_csv):
        self.root, self._good_csv = root, good_csv
        self.inbox = root / "var" / "inbox" / "UA" / "flights"

    @property
    def partner_file(self):
        """The partner's file."""
        return self.root / "partners" / "UA.toml"

    def configure(self, old, new):
        """Replace a text of the partner's file."""
        text = self.partner_file.read_text()
        assert old in text
        self.partner_file.write_text(text.replace(old, new))

    def add(self, name, number, text=""):
        """Put a file of three rows of its own, or with a text, into the inbox."""
        file = self._good_csv(self.inbox / name, 3, 1 + 3 * number)
        if text:
            file.write_text(text)
        os.utime(file, (0, 0))
        return file

    def run(self, now=NOW):
        """Run the service over the inbox; return its results by file."""
        with closing(SpoolRecorder(self.root / "var" / "spool" / "live")) as recorder:
            results = list(run_inbox(load_workspace(self.root), None, 5, lambda: now, recorder, "0"))
        return {result.path.name: result for result in results}

    def command(self, *arguments):
        """Run `milepost` on the workspace."""
        return CliRunner().invoke(main, ["-w", str(self.root), *arguments], catch_exceptions=False)

    def at(self, *stages):
        """Bring the feed through stages, as a person would against its gates."""
        with closing(open_ledger(self.root / "var" / "ledger.db")) as ledger:
            for stage in stages:
                add_change(ledger, change_to(stage))
                ledger.commit()

    def die(self, at, by="SIGKILL"):
        """Run the service until it dies at a step, and check that it died there."""
        environment = {**os.environ, "MILEPOST_DIE_AT": at, "MILEPOST_DIE_BY": by}
        child = subprocess.run(
            [sys.executable, str(CRASHING), str(self.root), NOW.isoformat(), "5"],
            check=False, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert child.returncode == -9, child.stdout + child.stderr

    def state(self):
        """The state of each file at the monolith."""
        with closing(open_ledger(self.root / "var" / "ledger.db")) as ledger:
            rows = ledger.connection.exec_driver_sql("SELECT file, side, state FROM file_sender ORDER BY file").all()
        return {file: state if side == "monolith" else side for file, side, state in rows}

    def changes(self):
        """The changes of the route, newest first."""
        with closing(open_ledger(self.root / "var" / "ledger.db")) as ledger:
            return read_changes(ledger, "UA", "flights")

    @property
    def monolith(self):
        """The names of the files that the monolith sent, each time."""
        path = self.root / "sent.txt"
        return sorted(path.read_text().split()) if path.exists() else []

    @property
    def service(self):
        """The names of the files that the service sent."""
        return sorted(path.name.split(".")[0] + ".csv" for path in (self.root / "partner" / "flights").glob("*"))


@pytest.fixture
def moved(tmp_path, good_csv):
    """A feed into a folder whose monolith is a shell script."""
    root = tmp_path / "w"
    create_workspace(root, "route", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    head, _, tail = path.read_text().partition("[endpoint]\n")
    path.write_text(
        f'{head}[endpoint]\nfolder = "partner"\n{tail[tail.index("[feed") :]}\n'
        '[feed.flights.monolith]\ncommand = ["./send.sh", "{file}"]\noutput = { folder = "out/*.csv" }\ntimeout_s = 5\n'
        "[feed.flights.route]\nfiles = 3\nshares = [0.5]\n"
    )
    (root / "partner").mkdir()
    (root / "send.sh").write_text(SEND_SH)
    (root / "send.sh").chmod(0o755)
    return Moved(root, good_csv)


@pytest.fixture
def same_sides(moved):
    """Let the monolith write what the service sends: a script that is not ours, whose requests go into a file."""
    (moved.root / "bin").mkdir()
    curl = moved.root / "bin" / "curl"
    curl.write_text('#!/bin/sh\nfor word; do case "$word" in @*) cat "${word#@}" >> "$OUT";; esac; done\n')
    curl.chmod(0o755)
    script = Path(__file__).parent / "monoliths" / "send.sh"
    (moved.root / "send.sh").write_text(
        '#!/bin/sh\nset -e\nname=$(basename "$1")\nmkdir -p out\n: > "out/$name"\n'
        f'PATH="$PWD/bin:$PATH" OUT="$PWD/out/$name" ENDPOINT=x "{script}" "$1"\necho "$name" >> sent.txt\n'
    )
    moved.configure('output = { folder = "out/*.csv" }', 'output = { folder = "out/*.csv", format = "jsonl" }')
