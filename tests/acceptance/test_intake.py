"""A partner hands in files by HTTP to a running service, and gets a signed receipt of each."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import requests
from standardwebhooks import Webhook

from poc.config.scaffold import AIRLINES, create_workspace

KEY = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
ENVIRON = {**os.environ, "AA_KEY": KEY}
INTAKE = '\n[receipts]\nkeys = ["${env:AA_KEY}"]\n\n[intake]\nkeys = ["${env:AA_KEY}"]\nmax_bytes = 5_000_000\n'
WEB = '\n[web]\nsign_in = "local"\npublic_url = "http://127.0.0.1"\n'


def milepost(root, *arguments):
    """Run a command in the workspace, and return what it prints."""
    command = [sys.executable, "-m", "milepost", "-w", str(root), *arguments]
    return subprocess.run(command, env=ENVIRON, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The address of a running service with accounts whose partners AA and UA deliver into folders, and its root."""
    root = tmp_path_factory.mktemp("intake") / "w"
    create_workspace(root, "test", "live", {name: AIRLINES[name] for name in ("AA", "UA")}, "")
    with (root / "milepost.toml").open("a") as file:
        file.write(WEB)
    for path in (root / "partners").glob("*.toml"):
        text = re.sub(r"(?m)^(url|timeout_s|honours_keys) .*\n", "", path.read_text())
        text = text.replace("[endpoint]\n", '[endpoint]\nfolder = "out"\n') + INTAKE
        path.write_text(text)
    (root / "out").mkdir()
    for sample in (root / "var" / "inbox").glob("*/*/*"):
        sample.unlink()
    command = [sys.executable, "-m", "milepost", "-w", str(root), "serve", "--port", "0"]
    with subprocess.Popen(command, env=ENVIRON, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "Dashboard:" in line)
            port = re.search(r":(\d+)/", line)
            assert port is not None
            yield f"http://127.0.0.1:{port[1]}", root
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.fixture(scope="module")
def token(service):
    """A token for files of AA."""
    made = milepost(service[1], "token", "add", "AA", "--kind", "intake", "--scope", "partner:AA", "--json")
    return {"Authorization": f"Bearer {json.loads(made)['token']}"}


def receipt_of(address, answer, headers):
    """Wait for the receipt of a file, and return the answer with it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        got = requests.get(address + answer.headers["Location"], headers=headers, timeout=60)
        if got.status_code == 200:
            return got
        assert got.status_code == 202
        time.sleep(0.2)
    raise TimeoutError("no receipt within 60 seconds")


def test_a_file_gets_a_signed_receipt(service, token, good_csv, tmp_path):
    """A file of 2 MB with a token: 202, then its receipt; the same request again gets the same answer."""
    address, root = service
    content = good_csv(tmp_path / "a.csv", 30_000).read_bytes()
    headers = {**token, "Content-Type": "text/csv", "Idempotency-Key": "day-1"}
    first = requests.post(f"{address}/in/AA/flights?name=day1.csv", content, headers=headers, timeout=60)
    assert (first.status_code, len(content) > 1 << 21) == (202, True), first.text
    again = requests.post(f"{address}/in/AA/flights?name=day1.csv", content, headers=headers, timeout=60)
    assert again.json() == first.json()
    got = receipt_of(address, first, token)
    data = Webhook(KEY).verify(got.content, dict(got.headers))["data"]
    assert (data["status"], data["counts"]["delivered"], data["file"]) == ("accepted", 30_000, "day1.csv")
    (delivered,) = data["delivered"]
    assert (
        delivered["sha256"] == hashlib.sha256((root / "out" / "flights" / delivered["file"]).read_bytes()).hexdigest()
    )
    until = time.monotonic() + 60
    path = root / "var" / "receipts" / "AA" / "flights" / "day1.csv.receipt.json"
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.2)
    assert path.read_bytes() == got.content


def test_a_signature_stands_for_a_token(service, good_csv, tmp_path):
    """The request and the question for the receipt are signed by the partner's key; without it, 401."""
    address, _ = service
    content = good_csv(tmp_path / "a.csv", 2).read_text()

    def signed(number, body):
        now = datetime.now(UTC)
        signature = Webhook(KEY).sign(number, now, body)
        return {"webhook-id": number, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}

    url = f"{address}/in/UA/flights"
    headers = {**signed("msg_1", content), "Content-Type": "text/csv"}
    sent = requests.post(url, content, headers=headers, timeout=60)
    assert sent.status_code == 202, sent.text
    number = sent.json()["id"]
    assert requests.post(url, f"{content}x", headers=headers, timeout=60).status_code == 401
    got = receipt_of(address, sent, signed(number, ""))
    assert got.json()["data"]["counts"]["in"] == 2
    assert requests.get(got.url, headers=signed("other", ""), timeout=60).status_code == 401


@pytest.mark.parametrize(
    ("path", "kind", "size_bytes", "status"),
    [("AA/flights", "text/csv", 5_000_001, 413), ("UA/flights", "text/csv", 100_000, 403),
     ("AA/none", "text/csv", 1, 404), ("AA/flights", "application/x-www-form-urlencoded", 1, 415)],
)  # fmt: skip
def test_a_refusal_is_a_problem(service, token, path, kind, size_bytes, status):
    """Too large, another partner's, no such feed, a form: as JSON that says what is wrong."""
    answer = requests.post(
        f"{service[0]}/in/{path}", bytes(size_bytes), headers={**token, "Content-Type": kind}, timeout=60
    )
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_nobody_without_a_token_sends_a_byte(service):
    """The body of a request without credentials is refused by its headers, whatever its size."""
    answer = requests.post(f"{service[0]}/in/AA/flights", headers={"Content-Length": "4000000"}, timeout=60)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_that_is_unknown_reads_no_receipt(service):
    """It is refused like everywhere else."""
    url = f"{service[0]}/in/AA/flights/receipts/rcpt_1"
    answer = requests.get(url, headers={"Authorization": "Bearer milepost_no"}, timeout=60)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
