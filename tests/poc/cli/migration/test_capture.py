"""`milepost capture` as a command, before a practice partner, with monoliths that are not ours."""

import http.client
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from poc.capture.journal_reader import FIRST_POSITION, capture_folder, journal_end, read_requests
from poc.capture.records import watch_http
from poc.config.scaffold import create_workspace

ROOT = Path(__file__).parents[4]
MONOLITHS = ROOT / "tests" / "monoliths"
SAMPLE = ROOT / "poc" / "config" / "sample"


@pytest.fixture
def start_capture(tmp_path):
    """A function that starts the command before the partner at a URL, and gives its process and its port."""
    root = tmp_path / "work"
    create_workspace(root, "work", "live", {"AA": "American"}, "")
    started = []

    def start(url):
        partner = root / "partners" / "AA.toml"
        lines = partner.read_text().splitlines(keepends=True)
        partner.write_text("".join(f'url = "{url}/live/AA"\n' if line.startswith("url =") else line for line in lines))
        program = [sys.executable, "-m", "milepost", "-w", str(root), "capture", "--port", "0"]
        started.append(subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        line = started[-1].stdout.readline()
        assert f"passes requests on to {url} (AA)" in line
        return started[-1], int(line.split(" ")[0].rpartition(":")[2])

    start.root = root
    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize(("script", "needs"), [("send.sh", "curl"), ("send.pl", "perl")])
def test_what_a_monolith_sends_is_what_the_partner_has(script, needs, start_capture, start_partner):
    """A program that nobody changed sends through the proxy; its records are known, a repeated body once."""
    if shutil.which(needs) is None:
        pytest.skip(f"the command {needs} is needed")
    fault = {"AA/flights/next-day.csv": {"0": {"1": "unavailable"}}}
    partner = start_partner({"faults": fault if script == "send.pl" else {}})
    process, port = start_capture(partner.url)
    endpoint = f"http://127.0.0.1:{port}/live/AA/flights"
    with watch_http(start_capture.root, "AA") as watch:
        command = [str(MONOLITHS / script), str(SAMPLE / "next-day.csv")]
        done = subprocess.run(
            command, env={"PATH": os.environ["PATH"], "ENDPOINT": endpoint, "ROWS": "2"}, timeout=60, check=False
        )
    assert done.returncode == 0
    held = partner.held("live", "AA")
    assert len(held) == 3
    shown = [{name: None if value is None else str(value) for name, value in record.items()} for record in held]
    assert list(watch.sent.records()) == shown
    assert (watch.sent.refused, watch.sent.unknown, watch.sent.repeated) == (0, 0, int(script == "send.pl"))
    process.terminate()
    assert process.wait(60) == 0


def test_a_killed_proxy_is_a_connection_error_and_loses_nothing_it_kept(start_capture, scripted):
    """The monolith is never told of a success that the partner did not give, and what was kept can be read."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    partner = scripted(["read", answer, "read", "hang"], ["read", answer])
    process, port = start_capture(partner.url.removesuffix("/p/flights"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/live/AA/flights", b"first")
    assert connection.getresponse().read() == b""
    partner._read.clear()
    connection.request("POST", "/live/AA/flights", b"second")
    partner.wait_for_request()
    process.kill()
    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        connection.getresponse()
    connection.close()
    folder = capture_folder(start_capture.root, "AA")
    with next(folder.glob("*/journal.jsonl")).open("ab") as journal:
        journal.write(b'{"id": "cut by the end of the machi')
    _, port = start_capture(partner.url.removesuffix("/p/flights"))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/live/AA/flights", b"third")
    assert connection.getresponse().status == 200
    connection.close()
    kept = read_requests(folder, FIRST_POSITION, journal_end(folder))
    assert [(each.size_bytes, each.status, each.ended) for each in kept] == [
        (5, 200, "complete"), (6, None, ""), (5, 200, "complete"),
    ]  # fmt: skip
