"""Measure SFTP: `python tests/bench/connect_places.py [--json] [--files N] [--turns N] [--seed N]`.

`sftp_vs_copy`: seconds in which the verbs of a place fetch and put a file of 31 MB / those of the bare library's copy
of it both ways, over a connection that each side has open, alternating; the median of the turns.

Then a partner puts files into a folder of OpenSSH's server. Each upload is first cut at a random byte, and then done.
Meanwhile the service takes the files from there, and delivers them to another folder, where the partner takes each one
as soon as it has its name. Every second rename is lost, or its answer is, and the service is killed (SIGKILL) at random
moments and started again, until as many renames were lost as there are files. In the end: `sftp_partial`: deliveries
with other rows than those of a whole file; `sftp_lost` and `sftp_twice`: rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import asyncssh

from poc.config.place import PlaceConfig
from poc.places.registry import open_place

sys.path.append(str(Path(__file__).parents[1]))
from sftp_server import SftpServer, running_sftp_server

#: Figure -> the most that it may be.
BARS = {"sftp_vs_copy": 1.3, "sftp_partial": 0, "sftp_lost": 0, "sftp_twice": 0}

#: Bytes of the file that is fetched and put, about those of a year's flights.
COPY_BYTES = 31_000_000

ACCESS = """\
user = "{user}"
key = "{key}"
known_hosts = "{known_hosts}"
timeout_s = 60
"""

PARTNER = """\
schema = 1
id = "P"
name = "P"
[endpoint]
url = "{delivered}"
{access}
[retry]
scale = 0.0001
breaker_failures = 1000
[feed.announced]
contract = "rows.schema.json"
settle_s = 0
map = [{{ to = "id", from = "id" }}, {{ to = "text", from = "text" }}]
[feed.announced.pickup]
url = "{out}/announced"
done_file = "{{name}}.done"
after = "move:done"
{access}
[feed.settled]
contract = "rows.schema.json"
settle_s = 0
map = [{{ to = "id", from = "id" }}, {{ to = "text", from = "text" }}]
[feed.settled.pickup]
url = "{out}/settled"
settled = "{settled_s}s"
after = "delete"
{access}
"""

CONTRACT = {"fields": [{"name": "id", "type": "integer"}, {"name": "text", "type": "string"}]}

#: Seconds for which a file must not have changed; a cut upload goes on long before.
SETTLED_S = 8


def main() -> None:
    """Print the figures; end with 1 where one misses its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures and bars as JSON")
    parser.add_argument("--files", type=int, default=100, help="uploads that are cut, and renames that are lost")
    parser.add_argument("--turns", type=int, default=7, help="copies by each side, of which the median counts")
    parser.add_argument("--seed", type=int, default=20261201, help="of the places of cuts and the moments of kills")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        figures = copy_figures(Path(folder), arguments.turns) | cut_and_kill(
            Path(folder), arguments.files, arguments.seed
        )
    missed = [name for name, bar in BARS.items() if figures[name] > bar]
    if arguments.json:
        print(json.dumps({"figures": figures, "bars": BARS, "missed": missed}, indent=2))
    else:
        for name, value in figures.items():
            bar = f"  bar <= {BARS[name]:g}{'  MISSED' if name in missed else ''}" if name in BARS else ""
            print(f"{name:24} {value:10.3f}{bar}")
    sys.exit(bool(missed))


def copy_figures(folder: Path, turns: int) -> dict[str, float]:
    """Return how long the verbs of a place take for a file, fetched and put, and how long the bare library does."""
    (folder / "copy").mkdir()
    with running_sftp_server(folder / "copy", has_faults=False) as server:
        (server.files / "a.csv").write_bytes(random.Random(1).randbytes(COPY_BYTES))
        by_verbs, by_library = [], []
        with open_place(PlaceConfig(url=server.url, **server.access), {}, Path("/")) as place, asyncio.Runner() as loop:
            bare = loop.run(connect(server))
            for turn in range(turns + 1):  # the first warms both up
                local = folder / "copy" / "fetched"
                began_s = time.perf_counter()
                seen = place.found("a.csv")
                with local.open("wb") as file:
                    for piece in place.read(seen):
                        file.write(piece)
                with local.open("rb") as file:
                    assert place.put_new(f"verbs-{turn}", file) == "made"
                by_verbs.append(time.perf_counter() - began_s)
                began_s = time.perf_counter()
                loop.run(copy_both_ways(bare, server.files, local, f"library-{turn}"))
                by_library.append(time.perf_counter() - began_s)
                for name in ("verbs", "library"):
                    (server.files / f"{name}-{turn}").unlink()
            loop.run(close(bare))
    verbs_s, library_s = statistics.median(by_verbs[1:]), statistics.median(by_library[1:])
    return {"sftp_vs_copy": verbs_s / library_s, "sftp_verbs_s": verbs_s, "sftp_library_s": library_s}


async def connect(server: SftpServer) -> asyncssh.SFTPClient:
    """Return a client of the bare library, with its own defaults."""
    connection = await asyncssh.connect(
        "127.0.0.1", server.port, username=server.user, known_hosts=str(server.folder / "known_hosts"),
        client_keys=[str(server.folder / "user_key")], config=None, agent_path=None,
    )  # fmt: skip
    client = await connection.start_sftp_client()
    client.bench_connection = connection  # type: ignore[attr-defined]
    return client


async def copy_both_ways(client: asyncssh.SFTPClient, files: Path, local: Path, name: str) -> None:
    """Fetch the file, and put it under a name."""
    await client.get(f"{files}/a.csv", str(local))
    await client.put(str(local), f"{files}/{name}")


async def close(client: asyncssh.SFTPClient) -> None:
    """Close the connection of a client."""
    client.exit()
    client.bench_connection.close()  # type: ignore[attr-defined]
    await client.bench_connection.wait_closed()  # type: ignore[attr-defined]


def cut_and_kill(folder: Path, files: int, seed: int) -> dict[str, float]:
    """Cut and do each upload while renames are lost and the service is killed; count the rows that came out."""
    chance = random.Random(seed)
    (folder / "kill").mkdir()
    with running_sftp_server(folder / "kill") as server:
        root = make_workspace(folder, server)
        bodies = {f"f{number:03}.csv": body_of(number, seed) for number in range(files)}
        faults = [chance.choice(("before-rename", "after-rename")) for _ in range(files)]
        server.cut(*faults)
        taken = folder / "taken"
        taken.mkdir()
        ended = threading.Event()
        uploads = threading.Thread(target=upload_all, args=(server.files / "out", bodies, random.Random(seed + 1)))
        taking = threading.Thread(target=take_deliveries, args=(server.files / "delivered", taken, ended))
        uploads.start()
        taking.start()
        kills = 0
        limit_s = time.monotonic() + 60 + files * 20
        while time.monotonic() < limit_s:
            process = start(root)
            try:
                # as many kills as files, then it may end what it began
                process.wait(chance.uniform(1.0, 8.0) if kills < files else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
            if not uploads.is_alive() and not waiting(server.files / "out"):
                break
        uploads.join()
        for _ in range(5):  # what waits for a retry
            start(root).wait(600)
            time.sleep(0.5)
        lost = files - len((server.folder / "faults").read_text().splitlines())
        ended.set()
        taking.join()
        return count(taken, bodies) | {"kills": float(kills), "renames_lost": float(lost)}


def make_workspace(folder: Path, server: SftpServer) -> Path:
    """Write a workspace that takes files from the server and delivers them there."""
    root = folder / "w"
    for path in (root / "partners", root / "contracts"):
        path.mkdir(parents=True)
    for name in ("out/announced", "out/settled", "delivered"):
        (server.files / name).mkdir(parents=True)
    (root / "milepost.toml").write_text('schema = 1\nname = "w"\n')
    (root / "contracts/rows.schema.json").write_text(json.dumps(CONTRACT))
    text = PARTNER.format(
        delivered=f"{server.url}/delivered", out=f"{server.url}/out", settled_s=SETTLED_S,
        access=ACCESS.format(**server.access),
    )  # fmt: skip
    (root / "partners/P.toml").write_text(text)
    return root


def body_of(number: int, seed: int) -> bytes:
    """Return a file of rows whose ids no other file has: every tenth one of several megabytes."""
    rows = random.Random(seed + number).randint(2, 60)
    text = "x" * (200_000 if number % 10 == 9 else 100)
    lines = [f"{number * 1000 + row},{text}" for row in range(rows)]
    return ("\n".join(["id,text", *lines]) + "\n").encode()


def upload_all(out: Path, bodies: dict[str, bytes], chance: random.Random) -> None:
    """Upload each file under its own name, as clumsy partners do: cut first, and then whole; announce every second."""
    for number, (name, body) in enumerate(bodies.items()):
        path = out / ("announced" if number % 2 else "settled") / name
        path.write_bytes(body[: chance.randrange(len(body))])
        time.sleep(chance.uniform(0, SETTLED_S / 4))
        path.write_bytes(body)
        if number % 2:
            path.with_name(f"{name}.done").touch()


def take_deliveries(delivered: Path, taken: Path, ended: threading.Event) -> None:
    """Take each delivery away as soon as it has its name."""
    while True:
        last = ended.is_set()
        for path in delivered.glob("*/*.jsonl"):
            path.rename(taken / f"{len(list(taken.iterdir()))}.jsonl")
        if last:
            return
        time.sleep(0.005)


def waiting(out: Path) -> list[Path]:
    """Return the files that the partner has put out and that are still there."""
    return [path for path in out.glob("*/*") if path.is_file()]


def start(root: Path) -> subprocess.Popen[bytes]:
    """Start a run of the service."""
    command = [sys.executable, "-m", "milepost", "-w", str(root), "run"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count(taken: Path, bodies: dict[str, bytes]) -> dict[str, float]:
    """Compare the rows that were delivered with those of the files."""
    expected = Counter(row for body in bodies.values() for row in rows_of(body))
    whole = {frozenset(rows_of(body)) for body in bodies.values()}
    arrived: Counter[tuple[int, str]] = Counter()
    partial = 0
    for path in taken.iterdir():
        rows = [(row["id"], row["text"]) for row in map(json.loads, path.read_text().splitlines())]
        partial += frozenset(rows) not in whole
        arrived.update(rows)
    return {
        "sftp_partial": float(partial),
        "sftp_lost": float((expected - arrived).total()),
        "sftp_twice": float((arrived - expected).total()),
        "rows": float(expected.total()),
        "deliveries": float(len(list(taken.iterdir()))),
    }


def rows_of(body: bytes) -> list[tuple[int, str]]:
    """Return the rows of a file."""
    lines = body.decode().splitlines()[1:]
    return [(int(number), text) for number, text in (line.split(",") for line in lines)]


if __name__ == "__main__":
    main()
