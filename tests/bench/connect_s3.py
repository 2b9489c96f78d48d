"""Count what cut uploads and kills cost at S3: `python tests/bench/connect_s3.py [--json] [--files N] [--seed N]`.

A partner puts files into a bucket of moto's server. Each upload is first cut at a random byte, half of them within an
upload in parts that is never completed, and then done. Meanwhile the service takes the files from there, and delivers
them to another folder of the bucket; it is killed (SIGKILL) at random moments and started again. In the end:
`s3_partial`: files or deliveries with another content than a whole one; `s3_lost` and `s3_twice`: rows.
`s3_rss_growth`: peak memory of a process that reads and puts an object, at ten times its size.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Figure -> the most that it may be.
BARS = {"s3_partial": 0, "s3_lost": 0, "s3_twice": 0, "s3_rss_growth": 1.3}

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""

ACCESS = """\
endpoint_url = "{server}"
access_key_id = "${{env:BENCH_KEY}}"
secret_access_key = "${{env:BENCH_KEY}}"
"""

PARTNER = """\
schema = 1
id = "P"
name = "P"
[endpoint]
url = "s3://bucket/delivered"
{access}
[feed.rows]
contract = "rows.schema.json"
settle_s = 0
map = [{{ to = "id", from = "id" }}, {{ to = "text", from = "text" }}]
[feed.rows.pickup]
url = "s3://bucket/out"
every = "1s"
after = "move:done"
{access}
"""

CONTRACT = {"fields": [{"name": "id", "type": "integer"}, {"name": "text", "type": "string"}]}

#: Reads an object and puts it again, and prints the peak of its memory in KiB.
COPY = """
import os, sys, tempfile
from pathlib import Path
from poc.config.place import PlaceConfig
from poc.places.registry import open_place
config = PlaceConfig(url="s3://bucket/large", endpoint_url=sys.argv[1], access_key_id="${env:BENCH_KEY}",
                     secret_access_key="${env:BENCH_KEY}")
place = open_place(config, os.environ, Path())
with tempfile.TemporaryFile() as body:
    for piece in place.read(place.found(sys.argv[2])):
        body.write(piece)
    assert place.put_new(sys.argv[2] + ".copy", body) == "made"
status = Path("/proc/self/status").read_text()  # getrusage counts the parent's memory, too
print(status.split("VmHWM:")[1].split()[0])
"""


def main() -> None:
    """Print the figures; end with 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures and bars as JSON")
    parser.add_argument("--files", type=int, default=100, help="uploads that are cut, and then done")
    parser.add_argument("--seed", type=int, default=20261201, help="of the places of cuts and the moments of kills")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        found = figures(Path(folder), arguments.files, arguments.seed)
    missed = [name for name, bar in BARS.items() if found[name] > bar]
    if arguments.json:
        print(json.dumps({"figures": found, "bars": BARS, "missed": missed}, indent=2))
    else:
        for name, value in found.items():
            bar = f"  bar <= {BARS[name]:g}{'  MISSED' if name in missed else ''}" if name in BARS else ""
            print(f"{name:24} {value:10.3f}{bar}")
    sys.exit(bool(missed))


def figures(folder: Path, files: int, seed: int) -> dict[str, float]:
    """Return the figures."""
    environ = os.environ | {"BENCH_KEY": "bench"}
    with s3_server() as server:
        client = make_client(server)
        client.create_bucket(Bucket="bucket")
        root = make_workspace(folder, server)
        bodies = {f"f{number:03}.csv": body_of(number, seed) for number in range(files)}
        counts = upload_and_kill(root, client, server, bodies, seed, environ)
        return counts | {"s3_rss_growth": rss_growth(client, server, environ)}


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's server, and yield its address."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def make_client(server: str) -> Any:
    """Return a client of the partner's."""
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    session.set_credentials("bench", "bench")
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, proxies={})
    return session.create_client("s3", region_name="us-east-1", endpoint_url=server, config=config)


def make_workspace(folder: Path, server: str) -> Path:
    """Write a workspace that takes files from the server and delivers them there."""
    root = folder / "w"
    for name in ("partners", "contracts"):
        (root / name).mkdir(parents=True)
    (root / "milepost.toml").write_text('schema = 1\nname = "w"\n')
    (root / "contracts/rows.schema.json").write_text(json.dumps(CONTRACT))
    (root / "partners/P.toml").write_text(PARTNER.format(access=ACCESS.format(server=server)))
    return root


def body_of(number: int, seed: int) -> bytes:
    """Return a file of rows whose ids no other file has: every tenth one of several megabytes."""
    rows = random.Random(seed + number).randint(1, 60)
    text = "x" * (200_000 if number % 10 == 9 else 100)
    lines = [f"{number * 1000 + row},{text}" for row in range(rows)]
    return ("\n".join(["id,text", *lines]) + "\n").encode()


def upload_and_kill(
    root: Path, client: Any, server: str, bodies: dict[str, bytes], seed: int, environ: dict[str, str]
) -> dict[str, float]:
    """Cut and do each upload while the service is killed and started again, and count the rows that came out."""
    chance = random.Random(seed)
    uploads = threading.Thread(target=upload_all, args=(client, server, bodies, random.Random(seed + 1)))
    uploads.start()
    kills = 0
    while uploads.is_alive() or kills < len(bodies):
        process = start(root, environ)
        try:
            process.wait(chance.uniform(0.5, 2.5))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        if not uploads.is_alive() and "out/" not in "".join(keys(client, "out/")) and kills >= len(bodies) // 4:
            break
    uploads.join()
    for _ in range(10):  # what waits for a retry, and the tidying of the place
        start(root, environ).wait(600)
        if not keys(client, "out/"):
            break
        time.sleep(2)
    return count(client, bodies) | {"kills": kills}


def start(root: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a run of the service."""
    command = [sys.executable, "-m", "milepost", "-w", str(root), "run"]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def upload_all(client: Any, server: str, bodies: dict[str, bytes], chance: random.Random) -> None:
    """Upload each file: cut first, and then whole."""
    for number, (name, body) in enumerate(bodies.items()):
        cut = chance.randrange(len(body))
        if number % 2:
            cut_put(client, server, f"out/{name}", body, cut)
        else:
            upload = {"Bucket": "bucket", "Key": f"out/{name}"}
            upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
            client.upload_part(**upload, PartNumber=1, Body=body[:cut])
        time.sleep(chance.uniform(0, 1.5))
        client.put_object(Bucket="bucket", Key=f"out/{name}", Body=BytesIO(body))


def cut_put(client: Any, server: str, key: str, body: bytes, cut: int) -> None:
    """Send the beginning of an upload, and hang up."""
    url = client.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": key})
    parts = urlsplit(url)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    address = urlsplit(server)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + body[:cut])


def keys(client: Any, prefix: str) -> list[str]:
    """Return the keys directly below a prefix."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix, Delimiter="/")
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


def count(client: Any, bodies: dict[str, bytes]) -> dict[str, float]:
    """Compare the rows that were delivered with those of the files."""
    expected = Counter(row for body in bodies.values() for row in rows_of(body))
    arrived: Counter[tuple[int, str]] = Counter()
    partial = 0
    whole = {frozenset(rows_of(body)) for body in bodies.values()}
    for key in keys(client, "delivered/rows/"):
        data = client.get_object(Bucket="bucket", Key=key)["Body"].read()
        rows = [(row["id"], row["text"]) for row in map(json.loads, data.splitlines())]
        partial += frozenset(rows) not in whole
        arrived.update(rows)
    return {
        "s3_partial": float(partial),
        "s3_lost": float((expected - arrived).total()),
        "s3_twice": float((arrived - expected).total()),
        "rows": float(expected.total()),
        "deliveries": float(len(keys(client, "delivered/rows/"))),
    }


def rows_of(body: bytes) -> list[tuple[int, str]]:
    """Return the rows of a file."""
    lines = body.decode().splitlines()[1:]
    return [(int(number), text) for number, text in (line.split(",") for line in lines)]


def rss_growth(client: Any, server: str, environ: dict[str, str]) -> float:
    """Return by what factor the peak of memory grows from an object of 32 MB to one of 320 MB."""
    peaks = []
    for size_mb in (32, 320):
        with tempfile.TemporaryFile() as body:
            body.truncate(size_mb << 20)
            client.put_object(Bucket="bucket", Key=f"large/{size_mb}", Body=body)
        command = [sys.executable, "-c", COPY, server, str(size_mb)]
        result = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
        peaks.append(int(result.stdout))
    return peaks[1] / peaks[0]


if __name__ == "__main__":
    main()
