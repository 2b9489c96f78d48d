"""The jobs of a running service in processes of their own: workers share the feeds, and one may be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from metrics.errors import StoreMissing
from metrics.store.database import open_reader
from poc.config.scaffold import AIRLINES, create_workspace
from poc.ledger.opening import open_ledger
from poc.ledger.queries import exchange_totals

MILEPOST = Path(sys.executable).with_name("milepost")
PROCFILE = Path(__file__).parents[2] / "docs/how-to/service/Procfile"
PARTNERS = ("AA", "B6", "DL", "UA")
FILES, ROWS = 12, 5
LIMIT_S = 120


@pytest.fixture
def workspace(tmp_path, start_partner, good_csv):
    """A workspace of four partners with some files each, and the server of all of them."""
    root, partner = tmp_path / "w", start_partner()
    create_workspace(root, "processes", "live", dict.fromkeys(PARTNERS, AIRLINES["UA"]), "")
    with (root / "milepost.toml").open("a") as settings:
        settings.write("[work]\nquantum_files = 1\n")
    for name in PARTNERS:
        path = root / "partners" / f"{name}.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        place = f'url = "{partner.url}/n/{name}"\nhonours_keys = true\ntimeout_s = 60\n'
        path.write_text(f"{head}[endpoint]\n{place}\n{tail[tail.index('[feed') :]}")
        for number in range(FILES):
            file = good_csv(root / "var/inbox" / name / "flights" / f"{number:02}.csv", ROWS, 1 + number * ROWS)
            os.utime(file, (0, 0))
    return root, partner


def start(stack, root, *arguments):
    """Start a command, which is killed at the end of the test where it has not ended."""
    command = [MILEPOST, "-w", root, *arguments, "--log-format", "json"]
    process = stack.enter_context(subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE))
    stack.callback(process.kill)
    return process


def done(root):
    """Files that are exchanged, by the ledger."""
    if not (root / "var/ledger.db").is_file():
        return 0
    with closing(open_ledger(root / "var/ledger.db")) as ledger:
        return sum(row["exchanges"] for row in exchange_totals(ledger) if row["outcome"] == "done")


def test_workers_share_the_feeds_and_a_killed_one_loses_nothing(workspace):
    """Two workers with a scheduler beside them, one killed on the way: each row arrives once, in order."""
    root, partner = workspace
    until = time.monotonic() + LIMIT_S
    with ExitStack() as stack:
        killed, other, clock = (start(stack, root, name) for name in ("work", "work", "schedule"))
        while done(root) < FILES and time.monotonic() < until:
            time.sleep(0.01)
        killed.kill()
        killed.communicate(timeout=LIMIT_S)
        while done(root) < FILES * len(PARTNERS) and time.monotonic() < until:
            time.sleep(0.05)
        for process in (other, clock):
            process.send_signal(signal.SIGTERM)
        logs = [process.communicate(timeout=LIMIT_S)[1].decode() for process in (other, clock)]
        assert [process.returncode for process in (killed, other, clock)] == [-signal.SIGKILL, 143, 143], logs
    assert "5 delivered" in logs[0]
    expected = [f"UA{1 + number}" for number in range(FILES * ROWS)]
    assert {name: [row["flight"] for row in partner.held("n", name)] for name in PARTNERS} == dict.fromkeys(
        PARTNERS, expected
    )


def test_the_procfile_starts_all_that_a_service_needs(workspace, tmp_path):
    """By the Procfile of the documentation, files are exchanged, collected and shown, and one signal ends it all."""
    root, partner = workspace
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    environ = os.environ | {"MILEPOST_WORKSPACE": str(root), "PATH": f"{MILEPOST.parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "honcho", "start", "--procfile", PROCFILE, "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as program:
        try:
            until = time.monotonic() + LIMIT_S
            while collected_runs(root) < FILES * len(PARTNERS) and time.monotonic() < until:
                time.sleep(0.2)
            assert collected_runs(root) == FILES * len(PARTNERS)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/live", timeout=LIMIT_S) as answer:
                assert answer.status == 200
            program.send_signal(signal.SIGTERM)
            output, _ = program.communicate(timeout=LIMIT_S)
        finally:
            program.kill()
    assert {name: len(partner.held("n", name)) for name in PARTNERS} == dict.fromkeys(PARTNERS, FILES * ROWS)
    assert {name for name in ("work", "watch", "schedule", "web") if f"{name}.1" in output} == {
        "work", "watch", "schedule", "web",
    }  # fmt: skip


def collected_runs(root):
    """Runs in the metrics store; none before there is one."""
    with suppress(StoreMissing), closing(open_reader(root / "var" / "metrics-live.db")) as db:
        return db["run"].count_where("outcome = 'done'")
    return 0
