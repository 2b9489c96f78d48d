"""A workspace with one partner and an empty inbox, for tests with hostile files, full disks and unusable folders."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from milepost.cli import main
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.service.inbox_run import run_inbox

NOW = datetime(2026, 1, 5, 6, tzinfo=UTC)

#: The command line in a process whose files may have at most a number of bytes.
SMALL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
from milepost.cli import main
main(sys.argv[2:])
"""

#: The command line in a process to which permissions apply even if root runs the tests.
WITHOUT_CAPABILITIES = """
import ctypes, sys
ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())
from milepost.cli import main
main(sys.argv[1:])
"""


class ActOnce:
    """A recorder that acts once, when the first exchange starts: its file is open, and no row has been read."""

    def __init__(self, action=lambda: None):
        self._actions = [action]

    def record(self, event, *, started=False):
        """An exchange starts or has ended."""
        if started and self._actions:
            self._actions.pop()()


class OnePartnerWorkspace:
    """A workspace with one partner; `delivered` returns the numbers of the flights that the partner holds."""

    def __init__(self, root, endpoint, delivered):
        self.root = root
        self.inbox = root / "var" / "inbox" / "UA" / "flights"
        self.delivered = delivered
        create_workspace(root, "hostile", "live", {"UA": AIRLINES["UA"]}, "")
        self.settings = root / "partners" / "UA.toml"
        head, _, tail = self.settings.read_text().partition("[endpoint]\n")
        feed = tail[tail.index("[feed.flights]") :]
        self.settings.write_text(f"{head}[endpoint]\n{endpoint}\n\n{feed}")
        self.configure(settle_s=0)

    def configure(self, *lines, **replaced):
        """Add lines to the feed, and replace the values of keys that it has."""
        text = self.settings.read_text()
        for key, value in replaced.items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            assert count == 1
        self.settings.write_text(text.replace("[feed.flights]\n", "\n".join(["[feed.flights]", *lines, ""])))

    def put(self, name, data):
        """Hand in a file."""
        path = self.inbox / name
        path.write_bytes(data)
        os.utime(path, (0, 0))
        return path

    def milepost(self, *arguments):
        """Run a command in this process; that it ends without a traceback is part of every promise."""
        done = CliRunner().invoke(main, ["-w", str(self.root), *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        return done

    def in_process(self, code, *arguments, **environ):
        """Run a command in a process of its own, prepared by `code`: exit code, stdout and stderr."""
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            check=False, capture_output=True, timeout=300, env={**os.environ, **environ},
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def on_small_disk(self, size_bytes, *arguments):
        """Run a command on a disk where no file grows beyond a size."""
        return self.in_process(SMALL_DISK, size_bytes, "-w", self.root, *arguments)

    def without_capabilities(self, *arguments):
        """Run a command as a user to whom permissions apply."""
        return self.in_process(WITHOUT_CAPABILITIES, "-w", self.root, *arguments)

    def run(self, level, action=lambda: None):
        """Run the inbox and act once meanwhile: outcome or error of each exchange."""
        results = run_inbox(load_workspace(self.root), None, level, lambda: NOW, ActOnce(action), "0")
        return [result.receipt.outcome if result.receipt else result.error for result in results]


@pytest.fixture
def with_requests(tmp_path, start_partner):
    """A function that makes a workspace whose partner accepts requests, with a plan of faults and a retry table."""

    def make(plan=None, retry=""):
        partner = start_partner(plan) if plan else start_partner()
        endpoint = f'url = "{partner.url}/live/UA"\nhonours_keys = true\ntimeout_s = 60\n{retry}'
        workspace = OnePartnerWorkspace(
            tmp_path / "w", endpoint, lambda: [int(record["flight"][2:]) for record in partner.held("live")]
        )
        workspace.partner = partner
        return workspace

    return make


@pytest.fixture
def with_folder(tmp_path):
    """A function that makes a workspace whose partner accepts files in the folder `partner`."""

    def make(retry=""):
        folder = tmp_path / "partner"
        folder.mkdir()

        def delivered():
            files = sorted(folder.rglob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
            lines = [line for path in files for line in path.read_text().splitlines()]
            return [int(json.loads(line)["flight"][2:]) for line in lines]

        return OnePartnerWorkspace(tmp_path / "w", f'folder = "{folder}"\n{retry}', delivered)

    return make


@pytest.fixture
def one_partner(with_requests):
    """A workspace whose partner accepts requests with keys."""
    return with_requests()


@pytest.fixture
def csv(good_csv, tmp_path):
    """A function that returns the bytes of a file of good flights."""
    return lambda rows, first=1: good_csv(tmp_path / "made.csv", rows, first).read_bytes()
