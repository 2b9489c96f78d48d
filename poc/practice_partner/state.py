"""What the practice partner knows and holds: its plan, what came, and by which keys.

Beside what it holds of a feed stands `FEED.keys`, a line a key: suffix, offset and size of the body that came with it.
A double that is started again on the same folder so knows the keys it has seen.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class PartnerState:
    """What the partner knows: its plan, which day it is, how often each slot came, what it holds, and by which keys."""

    def __init__(self, plan: Mapping[str, Any], keep: Path) -> None:
        self.keep = keep
        self.today = ""
        self.wait_s = float(plan.get("wait_s", 60))
        self._faults = plan.get("faults", {})
        self._down = plan.get("down", {})
        self._ignores_keys = frozenset(plan.get("ignores_keys", ()))
        self._came: dict[tuple[str, str, str], int] = {}
        self._keys: dict[str, dict[str, tuple[str, int, int]]] = {}  # of a place: where the body of a key is held
        self._lock = threading.Lock()

    def fault(self, path: str, file: str, slot: str, *, count: bool) -> str:
        """What happens to the request that is coming in; `count` notes that it came."""
        _, namespace, partner, feed = path.split("/")
        if self.today in self._down.get(partner, ()):
            return "unavailable"
        name = f"{partner}/{feed}/{file}"
        with self._lock:
            nth = self._came.get((namespace, name, slot), 0) + 1
            if count:
                self._came[namespace, name, slot] = nth
        return str(self._faults.get(name, {}).get(slot, {}).get(str(nth), ""))

    def take(self, path: str, body: bytes, suffix: str, key: str) -> bool:
        """Keep what was sent, once where it came with a key; False where the key stands for another body.

        No digest is taken: where a key comes again, what is held by it is read again. That keeps requests cheap.
        """
        place = f"{self.keep}{path}"
        with self._lock:
            if not key or path.split("/")[2] in self._ignores_keys:
                append(place + suffix, body)
                return True
            if path not in self._keys:
                self._keys[path] = read_keys(Path(place + ".keys"))
            known = self._keys[path].get(key)
            if known is None:
                known = self._keys[path][key] = (suffix, append(place + suffix, body), len(body))
                append(place + ".keys", f"{known[0]} {known[1]} {known[2]} {key}\n".encode())
                return True
        with Path(place + known[0]).open("rb") as held:
            held.seek(known[1])
            return known[0] == suffix and held.read(known[2]) == body


def append(path: str, data: bytes) -> int:
    """Write at a file's end; returns where that was. The system's own calls, as this is done for every request."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    try:
        fd = os.open(path, flags, 0o644)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, flags, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        return os.lseek(fd, 0, os.SEEK_CUR) - len(data)
    finally:
        os.close(fd)


def read_keys(path: Path) -> dict[str, tuple[str, int, int]]:
    """The keys that an earlier run of the double has written down for a place."""
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    parts = (line.split(" ", 3) for line in lines)
    return {key: (suffix, int(offset), int(size)) for suffix, offset, size, key in parts}
