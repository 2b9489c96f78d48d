"""The state of the practice partner: its plan of faults, the stored deliveries, and their idempotency keys.

Beside the deliveries of a feed is `FEED.keys`, one line per key: suffix, offset and size of the body that came with it.
A partner that is restarted on the same folder so knows the keys it has seen.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class PartnerState:
    """The plan, the current day, how often each slot was sent, the stored deliveries and their keys."""

    def __init__(self, plan: Mapping[str, Any], keep: Path) -> None:
        self.keep = keep
        self.today = ""
        self.wait_s = float(plan.get("wait_s", 60))
        self._faults = plan.get("faults", {})
        self._down = plan.get("down", {})
        self._ignores_keys = frozenset(plan.get("ignores_keys", ()))
        self._times_sent: dict[tuple[str, str, str], int] = {}
        self._keys: dict[str, dict[str, tuple[str, int, int]]] = {}  # by path and key: suffix, offset, size of a body
        self._lock = threading.Lock()

    def fault(self, path: str, slots: Sequence[tuple[str, str]], *, count: bool) -> str:
        """Return the fault of the current request, empty for none; `count` counts the request.

        Args:
            path: the path of the request.
            slots: the file and slot of each part of the body. The first one that meets a planned fault decides.
            count: count a send of each slot.
        """
        _, namespace, partner, feed = path.split("/")
        if self.today in self._down.get(partner, ()):
            return "unavailable"
        faults = []
        with self._lock:
            for file, slot in slots:
                name = f"{partner}/{feed}/{file}"
                nth = self._times_sent.get((namespace, name, slot), 0) + 1
                if count:
                    self._times_sent[namespace, name, slot] = nth
                faults.append(str(self._faults.get(name, {}).get(slot, {}).get(str(nth), "")))
        return next(filter(None, faults), "")

    def take(self, path: str, body: bytes, suffix: str, key: str) -> Literal["stored", "repeated", "conflict"]:
        """Store a body, once if it has a key; return whether the key was used before, with this or another body.

        A repeated key is compared by reading the stored body again, so that no request needs a digest.
        """
        target = f"{self.keep}{path}"
        with self._lock:
            if not key or path.split("/")[2] in self._ignores_keys:
                append(target + suffix, body)
                return "stored"
            if path not in self._keys:
                self._keys[path] = read_keys(Path(target + ".keys"))
            stored = self._keys[path].get(key)
            if stored is None:
                offset = append(target + suffix, body)
                self._keys[path][key] = (suffix, offset, len(body))
                append(target + ".keys", f"{suffix} {offset} {len(body)} {key}\n".encode())
                return "stored"
        stored_suffix, offset, size_bytes = stored
        with Path(target + stored_suffix).open("rb") as file:
            file.seek(offset)
            return "repeated" if stored_suffix == suffix and file.read(size_bytes) == body else "conflict"


def append(path: str, data: bytes) -> int:
    """Append to a file, and return the offset. Uses system calls directly, as every request does this."""
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
    """Return the keys that an earlier run of the partner has stored for a feed."""
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    columns = (line.split(" ", 3) for line in lines)
    return {key: (suffix, int(offset), int(size)) for suffix, offset, size, key in columns}
