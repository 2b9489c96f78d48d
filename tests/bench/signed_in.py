"""Sign in to a served dashboard for a bench, and read it as many people at once."""

from __future__ import annotations

import http.client
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAME, PASSWORD = "reader", "correct horse battery"
COOKIE = "milepost"  # over http

#: Seconds for which the readers read, and between two pages of one reader.
READ_S, THINK_S = 30.0, 1.0

#: Time-out in seconds of an answer.
PATIENCE_S = 60.0


def require_sign_in(root: Path) -> None:
    """Let a workspace ask people to sign in, and make the account of a reader."""
    # not at the top: the bench that imports this module has the name of the package
    from dashboard.access.database import change_access
    from dashboard.access.users import Actor, add_user
    from dashboard.cli.console import accounts_path

    with (root / "milepost.toml").open("a") as file:
        file.write('\n[web]\nsign_in = "local"\npublic_url = "http://127.0.0.1"\n')
    with change_access(accounts_path(root)) as connection:
        add_user(connection, Actor("bench", "", time.time_ns() // 1000), NAME, "viewer", PASSWORD)


def sign_in(port: int) -> str:
    """Return the secret of a new session."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as line:
        line.request("GET", "/sign-in")
        answer = line.getresponse()
        key = re.search(r'name="form_key" value="([^"]+)"', answer.read().decode())
        visit = (answer.headers["Set-Cookie"] or "").split(";")[0]
        form = urlencode({"form_key": key[1] if key else "", "name": NAME, "password": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": visit}
        line.request("POST", "/sign-in", form, headers)
        answer = line.getresponse()
        answer.read()
        cookies = dict(re.findall(r"([\w-]+)=([^;,\s]+)", " ".join(answer.headers.get_all("Set-Cookie") or ())))
    if answer.status != 303 or COOKIE not in cookies:
        raise SystemExit(f"sign-in: {answer.status}")
    return cookies[COOKIE]


def read_at_once(port: int, paths: Sequence[str], readers: int) -> list[float]:
    """Return the milliseconds to the first byte of each page that this many signed-in people open.

    Each has a session and a connection of their own, begins at another moment, and opens the next page a second after
    the last has come.
    """
    secrets = [sign_in(port) for _ in range(readers)]
    gate = threading.Barrier(readers)

    def read(number: int) -> list[float]:
        took = []
        gate.wait(PATIENCE_S)
        time.sleep(number / readers * THINK_S)
        until = time.monotonic() + READ_S
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as line:
            while time.monotonic() < until:
                path = paths[(number + len(took)) % len(paths)]
                began = time.perf_counter()
                line.request("GET", path, headers={"Cookie": f"{COOKIE}={secrets[number]}"})
                answer = line.getresponse()
                took.append((time.perf_counter() - began) * 1000)
                answer.read()
                if answer.status != 200:
                    raise SystemExit(f"{path}: {answer.status}")
                time.sleep(THINK_S)
        return took

    with ThreadPoolExecutor(readers) as pool:
        return [took_ms for taken in pool.map(read, range(readers)) for took_ms in taken]
