"""Count receipts under kills: `python tests/bench/connect_receipts.py [--json] [--files N] [--kills N] [--seed N]`.

Partners put files into inboxes, and hand some in by HTTP, signed, again and again until there is an answer: good ones,
some with a bad row, some that are no table, some whose bytes came before under another name. `milepost serve` exchanges
them; it is killed (SIGKILL) at random moments and started again. In the end, each file must have one receipt, signed,
with the counts of the ledger: `receipts_missing`, `receipts_twice` and `receipts_wrong` count those that do not.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
from standardwebhooks import Webhook

#: Figure -> the most that it may be.
BARS = {"receipts_missing": 0, "receipts_twice": 0, "receipts_wrong": 0}

PARTNERS = ("P", "Q", "R", "S")
KEYS = [f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2)]

PARTNER = """\
schema = 1
id = "{name}"
name = "{name}"
[endpoint]
folder = "out"
[receipts]
keys = ["${{env:BENCH_KEY_1}}", "${{env:BENCH_KEY_2}}"]
[intake]
keys = ["${{env:BENCH_KEY_2}}"]
[feed.rows]
contract = "rows.schema.json"
settle_s = 0
map = [{{ to = "number", from = "number" }}, {{ to = "text", from = "text" }}]
"""

CONTRACT = {"fields": [{"name": "number", "type": "integer"}, {"name": "text", "type": "string"}]}

#: One file in so many is handed in by HTTP; seconds after which what is left counts as missing.
BY_HTTP, MOST_S = 10, 900

#: Status by kind of file, and the share of each kind.
KINDS = {"good": ("accepted", 60), "bad": ("partial", 25), "noise": ("rejected", 10), "again": ("accepted", 5)}


@dataclass(frozen=True)
class Sent:
    """A file that was sent: where, its content, and the status that its receipt must have."""

    partner: str
    name: str
    content: bytes
    status: str


def plan(files: int, chance: random.Random) -> list[Sent]:
    """Return the files to send."""
    sent: list[Sent] = []
    good: dict[str, list[bytes]] = {partner: [] for partner in PARTNERS}
    names, weights = list(KINDS), [share for _, share in KINDS.values()]
    for number in range(files):
        partner, kind = PARTNERS[number % len(PARTNERS)], chance.choices(names, weights)[0]
        kind = "good" if kind == "again" and not good[partner] else kind
        rows = "".join(f"{number}{row},text {row}\n" for row in range(1, 4))
        content = f"number,text\n{rows}".encode()
        if kind == "good":
            good[partner].append(content)
        content = {
            "good": content, "bad": content + b"x,bad\n", "noise": b"\x00\xff no table %d" % number,
            "again": chance.choice(good[partner]) if kind == "again" else b"",
        }[kind]  # fmt: skip
        sent.append(Sent(partner, f"{kind}-{number}.csv", content, KINDS[kind][0]))
    return sent


def make_workspace(root: Path) -> None:
    """Write a workspace of four partners that deliver into a folder."""
    for folder in ("partners", "contracts", "out", "parts", *(f"var/inbox/{name}/rows" for name in PARTNERS)):
        (root / folder).mkdir(parents=True)
    (root / "milepost.toml").write_text('schema = 1\nname = "receipts"\n')
    (root / "milestones.toml").write_text("schema = 1\n")
    (root / "contracts" / "rows.schema.json").write_text(json.dumps(CONTRACT))
    for name in PARTNERS:
        (root / "partners" / f"{name}.toml").write_text(PARTNER.format(name=name))


def hand_in(address: str, file: Sent, stop: threading.Event) -> None:
    """Hand a file in by HTTP, again and again until there is an answer."""
    headers = {"Content-Type": "text/csv"}
    while not stop.is_set():
        now = datetime.now(UTC)
        text = file.content.decode("latin-1")
        signature = sign(KEYS[1], file.name, int(now.timestamp()), file.content)
        headers |= {
            "webhook-id": file.name, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature,
        }  # fmt: skip
        with suppress(requests.RequestException):
            url = f"{address}/in/{file.partner}/rows?name={file.name}"
            answer = requests.post(url, text.encode("latin-1"), headers=headers, timeout=30)
            if answer.status_code == 202:
                return
            if answer.status_code < 500:
                raise RuntimeError(answer.text)
        stop.wait(0.2)


def sign(key: str, number: str, at_s: int, body: bytes) -> str:
    """Return a signature by the stock library; of bytes that are no text, by its own function."""
    from standardwebhooks.webhooks import hmac_data

    secret = base64.b64decode(key.removeprefix("whsec_"))
    return f"v1,{base64.b64encode(hmac_data(secret, f'{number}.{at_s}.'.encode() + body)).decode()}"


def put(root: Path, file: Sent) -> None:
    """Put a file into an inbox, whole at once."""
    part = root / "parts" / file.name
    part.write_bytes(file.content)
    part.rename(root / "var" / "inbox" / file.partner / "rows" / file.name)


def serve(root: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the service."""
    command = [sys.executable, "-m", "milepost", "-w", str(root), "serve", "--port", str(port)]
    environ = {**os.environ, "BENCH_KEY_1": KEYS[0], "BENCH_KEY_2": KEYS[1]}
    log = (root / "serve.log").open("ab")
    with log:
        return subprocess.Popen(command, env=environ, stdout=log, stderr=log)


def send_all(root: Path, address: str, files: list[Sent], stop: threading.Event) -> None:
    """Send the files: most into the inboxes, the others by HTTP, in turn."""
    for number, file in enumerate(files):
        if stop.is_set():
            return
        if number % BY_HTTP == BY_HTTP - 1:
            hand_in(address, file, stop)
        else:
            put(root, file)


def receipts_in(root: Path) -> list[Path]:
    """Return the receipts that were written."""
    return list((root / "var" / "receipts").glob("*/rows/*.receipt.json"))


def run(root: Path, files: list[Sent], kills: int, chance: random.Random) -> None:
    """Send the files while the service is killed, and wait until it has answered all of them."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    stop = threading.Event()
    sender = threading.Thread(target=send_all, args=(root, f"http://127.0.0.1:{port}", files, stop))
    sender.start()
    service = serve(root, port)
    until_s = time.monotonic() + MOST_S
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(2, 8))
            service.kill()
            service.wait()
            service = serve(root, port)
        while time.monotonic() < until_s and (sender.is_alive() or len(receipts_in(root)) < len(files)):
            time.sleep(1)
        time.sleep(5)  # for a receipt too many
    finally:
        stop.set()
        sender.join()
        service.kill()
        service.wait()


def check(root: Path, files: list[Sent]) -> dict[str, float]:
    """Return the figures."""
    missing, wrong, counts_in = 0, 0, 0
    with closing(sqlite3.connect(root / "var" / "ledger.db")) as ledger:
        ledger.row_factory = sqlite3.Row
        exchanges = {row["id"]: dict(row) for row in ledger.execute("SELECT * FROM exchange")}
    paths = receipts_in(root)
    by_file = {}
    for path in paths:
        data = json.loads(path.read_bytes())["data"]
        by_file.setdefault((data["partner"], data["file"]), []).append((path, data))
    counted = set()
    for file in files:
        found = by_file.get((file.partner, file.name), [])
        if not found:
            missing += 1
            continue
        path, data = found[0]
        headers = json.loads(Path(str(path).replace(".receipt.json", ".receipt.sig")).read_bytes())
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        body = path.read_text(encoding="utf-8")
        signatures = {Webhook(key).sign(headers["webhook-id"], at, body) for key in KEYS}
        row = exchanges[data["exchange"]]
        same = all(row[f"rows_{name}"] == count for name, count in data["counts"].items())
        wrong += not (
            same and data["status"] == file.status and signatures == set(headers["webhook-signature"].split())
        )
        if data["exchange"] not in counted:
            counted.add(data["exchange"])
            counts_in += data["counts"]["in"]
    wrong += abs(counts_in - sum(row["rows_in"] for row in exchanges.values()))
    return {"receipts_missing": missing, "receipts_twice": len(paths) - len(by_file), "receipts_wrong": wrong}


def main() -> None:
    """Print the figures; end with 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures and bars as JSON")
    parser.add_argument("--files", type=int, default=10_000, help="files that are sent")
    parser.add_argument("--kills", type=int, default=10, help="kills of the service")
    parser.add_argument("--seed", type=int, default=1, help="of the files and the moments of the kills")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        root = Path(folder) / "w"
        make_workspace(root)
        files = plan(arguments.files, chance)
        began_s = time.monotonic()
        run(root, files, arguments.kills, chance)
        figures = check(root, files) | {"receipts_files": len(files), "receipts_wall_s": time.monotonic() - began_s}
    if arguments.json:
        print(json.dumps({"figures": figures, "bars": BARS}))
    else:
        for name, value in figures.items():
            print(f"{name:24} {value:10.1f}")
    sys.exit(any(figures[name] > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    main()
