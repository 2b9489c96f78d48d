"""Secrets go to the partner and nowhere else: no output, log, traceback or file of the workspace has them."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from milepost.cli import main
from poc.config.scaffold import AIRLINES, create_workspace

TOKEN, KEY = "tok-7f3a9c51d2e8b604", "key-d41e0b7795aa2c36"

#: The command line with everything logged that any library has to say.
LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from milepost.cli import main
main()
"""

#: The same, command after command: their arguments are parted by a plus sign.
EVERY = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from milepost.cli import main
head, commands = sys.argv[1:3], " ".join(sys.argv[3:]).split(" + ")
for command in commands:
    try:
        main([*head, *command.split()])
    except SystemExit as end:
        print(command, "ended with", end.code, flush=True)
"""

#: The same, with a fault of the program's own: in the middle of a request, or once its answer is there.
BREAKS_INSIDE = """
from poc.transports.http_connection import Connection
def broken(*_, **__):
    raise RuntimeError("forced")
Connection.send = broken
""" + LOUD  # fmt: skip
BREAKS_AFTER = """
import sys, traceback
import poc.transports.http
def broken(*_, **__):
    raise RuntimeError("forced")
poc.transports.http.answer_failure = broken
""" + LOUD  # fmt: skip

#: How each airline's partner answers, or where its address leads.
ANSWERS = {
    "AA": "200", "AS": "503", "B6": "410", "DL": "reset", "EV": "hang", "F9": "400", "HA": "429", "US": "301",
}  # fmt: skip
NOWHERE = {"MQ": "http://127.0.0.1:9"}
BAD_SECRETS = {"VX": f"{KEY}\n{KEY}", "YV": ""}

ENDPOINT = """\
[endpoint]
url = "{url}"
timeout_s = {timeout_s}
honours_keys = true
secret_headers = {{ Authorization = "Bearer ${{env:AA_TOKEN}}", X-Api-Key = "${{file:secrets/{file}}}" }}

"""


class Door(BaseHTTPRequestHandler):
    """A partner that answers as the path says, and remembers the headers it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Take a request."""
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.path.split("/")[1]
        self.server.seen.append((answer, self.headers["Authorization"], self.headers["X-Api-Key"]))
        if answer in {"reset", "hang"}:
            if answer == "hang":
                self.connection.recv(1)
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        self.send_response(int(answer))
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def door():
    """The partner's server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads, server.seen = True, []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def workspace(tmp_path, door, good_csv):
    """A workspace of partners that each answer differently, a file with a bad row for each."""
    root = tmp_path / "w"
    places = {name: f"http://127.0.0.1:{door.server_port}/{answer}" for name, answer in ANSWERS.items()}
    places |= NOWHERE | dict.fromkeys(BAD_SECRETS, places["AA"])
    create_workspace(root, "secrets", "live", {name: AIRLINES[name] for name in places}, "")
    (root / "secrets").mkdir()
    for name, text in {"key": f"{KEY}\n", **BAD_SECRETS}.items():
        (root / "secrets" / name).write_text(text)
    for name, url in places.items():
        path = root / "partners" / f"{name}.toml"
        head, _, tail = path.read_text().partition("[endpoint]\n")
        feed = tail[tail.index("[feed.flights]") :].replace("settle_s = 2.0 ", "settle_s = 0 ")
        file = name if name in BAD_SECRETS else "key"
        path.write_text(head + ENDPOINT.format(url=url, file=file, timeout_s=2 if url.endswith("/hang") else 60) + feed)
        data = good_csv(tmp_path / "made.csv", 4).read_bytes()
        for number in (1, 2):
            file = root / "var/inbox" / name / "flights" / f"{number}.csv"
            file.write_bytes(data.replace(b"UA,1,", b"ZZ,1,", 1).replace(b"UA,2,", f"UA,{number}77,".encode()))
            os.utime(file, (0, 0))
    return root


def milepost(root, *arguments, code=LOUD):
    """A command in a process of its own: its exit code, and all it said."""
    done = subprocess.run(
        [sys.executable, "-c", code, "-w", str(root), *arguments],
        check=False, capture_output=True, timeout=300, env={**os.environ, "AA_TOKEN": TOKEN},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def places_of(secret, root, said):
    """The commands and files that have a secret; files of the workspace's own `secrets` folder left out."""
    files = {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and "secrets" not in path.parts}
    return [name for name, data in {**said, **files}.items() if secret.encode() in data]


def test_secrets_reach_the_partner_and_nothing_else(workspace, door):
    """For any end of a delivery, and in all outputs, logs and errors, only the partner receives the secrets."""
    said = {}

    def ask(*arguments, code=LOUD):
        returned, out, err = milepost(workspace, *arguments, code=code)
        number = len(said) // 2
        said[f"out of {number}"], said[f"err of {number}"] = out, err
        return returned, out, err

    assert ask("run", "AA", code=BREAKS_INSIDE)[0] == 1
    returned, _, err = ask("run", "AA", code=BREAKS_AFTER)
    assert returned == 1
    assert b"unexpected RuntimeError in " in err
    assert b": forced; this is a bug in Milepost" in err
    returned, out, err = ask("run", "--json")
    outcomes = {(line["partner"], line["outcome"], line["error_type"]) for line in map(json.loads, out.splitlines())}
    assert returned == 2
    assert outcomes >= {
        ("AA", "done", ""), ("AS", "due", "http-503"), ("B6", "failed", "http-410"), ("DL", "due", "connection"),
        ("EV", "due", "time-out"), ("F9", "failed", "http-400"), ("HA", "due", "http-429"), ("MQ", "due", "connection"),
        ("US", "due", "http-301"),
    }  # fmt: skip
    assert b"DEBUG:poc.transports.http:POST /200/flights" in err
    assert b"VX/flights: the secret ${file:secrets/VX} has characters" in err
    assert b"YV/flights: the secret ${file:secrets/YV} is empty" in err
    key = next(line["exchange_id"] for line in map(json.loads, out.splitlines()) if line["partner"] == "AA")
    every = f"""
        run + status + status --json + validate + outbox ls + outbox ls --json + quarantine ls --json
        + quarantine show {key} + quarantine show {key} --json + quarantine export {key}
        + quarantine replay {key} --json + quarantine discard {key} --why over + metrics collect
    """
    _, out, _ = ask(*every.split(), code=EVERY)
    assert out.count(b" ended with ") == 13
    assert b"answered 503" in out
    assert b"Traceback" not in said["err of 3"]
    assert places_of("answered 503", workspace, {}) != []
    assert [places_of(secret, workspace, said) for secret in (TOKEN, KEY)] == [[], []]
    assert {answer for answer, _, _ in door.seen} == set(ANSWERS.values())
    assert {(token, key) for _, token, key in door.seen} == {(f"Bearer {TOKEN}", KEY)}


@pytest.mark.parametrize(
    "written",
    [
        f'url = "http://h/x"\nsecret_headers = {{ Authorization = "Bearer {TOKEN}" }}',
        f'url = "http://h/x"\nsecret_headers = {{ Authorization = "Bearer {TOKEN} ${{env:AA_TOKEN}}" }}',
        f'url = "http://h/x"\nsecret_headers = {{ Authorization = ["{TOKEN}"] }}',
        f'url = "http://h/x"\nsecret_headers = "Bearer {TOKEN}"',
        f'url = "http://h/x"\nsecret_headers = {{ Authorization = Bearer {TOKEN} }}',
        f'url = "http://h/x"\nheaders = {{ Authorization = "Bearer {TOKEN}" }}',
        f'url = "http://h/x"\npassword = "{TOKEN}"',
        f'url = "http://user:{TOKEN}@h/x"',
        f'url = "http://user:a/{TOKEN}@h/x"',
        f'url = "http://user:1/{TOKEN}@h/x"',
        f'url = "http://{TOKEN}@h/x"',
        f'url = "https://h/x?token={TOKEN}"',
        f'url = ["http://user:{TOKEN}@h/x"]',
        f'url = "ftp://user:{TOKEN}@h/x"',
    ],
)
@pytest.mark.parametrize("command", ["validate", "run", "status"])
def test_a_literal_secret_is_an_error_that_does_not_show_it(tmp_path, written, command):
    """A secret, or an address with a password or token in it, is refused in one line that does not show it."""
    root = tmp_path / "w"
    create_workspace(root, "secrets", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    head, _, tail = path.read_text().partition("[endpoint]\n")
    path.write_text(f"{head}[endpoint]\n{written}\n\n{tail[tail.index('[feed.flights]') :]}")
    done = CliRunner().invoke(main, ["-w", str(root), command])
    assert done.exit_code == 2
    told = [line for line in done.stderr.splitlines() if "milestones.toml" not in line]
    assert len(told) == 1
    assert f"{path}: " in told[0]
    assert TOKEN not in done.output


def test_an_endpoint_that_is_only_an_address_does_not_show_it(tmp_path):
    """An endpoint that is an address instead of a table is refused without showing the password in it."""
    root = tmp_path / "w"
    create_workspace(root, "secrets", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    head, _, tail = path.read_text().partition("[endpoint]\n")
    path.write_text(f'{head}endpoint = "http://user:{TOKEN}@h/x"\n{tail[tail.index("[feed.flights]") :]}')
    done = CliRunner().invoke(main, ["-w", str(root), "run"])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "`endpoint`: " in done.stderr
    assert TOKEN not in done.output


def test_other_mistakes_still_show_their_value(tmp_path):
    """A value that cannot be a secret is shown, because a person searches the file for it."""
    root = tmp_path / "w"
    create_workspace(root, "secrets", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    path.write_text(path.read_text().replace("timeout_s = 2.0", "timeout_s = -7"))
    done = CliRunner().invoke(main, ["-w", str(root), "run"])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert "`endpoint.timeout_s` (is -7): " in done.stderr
