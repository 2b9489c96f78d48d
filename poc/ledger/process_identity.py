"""The identity of a process, and whether a process of this host has ended."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path


def process_id() -> str:
    """Return the identity of this process: host and boot, process namespace, process number and its start.

    The start tells a process from a later one that got the same number.
    """
    return "/".join((*_host(), str(os.getpid()), _start_of(os.getpid()) or ""))


def is_dead(owner: str) -> bool:
    """Return whether the owner of a lease was a process of this host that has ended. False where that is unknown."""
    if owner.count("/") != 4:
        return False
    *host, number, start = owner.split("/")
    if not number.isdecimal() or host[:1] != [socket.gethostname()]:
        return False
    if host != _host():  # the same host, booted again; or another container's processes, of which nothing is known
        return bool(host[1]) and host[1] != _host()[1]
    with suppress(PermissionError):  # it exists, and belongs to another user
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return True
    start_there = _start_of(int(number))
    return bool(start) and start_there is not None and start_there != start


def _host() -> list[str]:
    """Return host name, boot and process namespace; the last two are empty where the system has no /proc."""
    boot = namespace = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with suppress(OSError):
        namespace = Path("/proc/self/ns/pid").readlink().name
    return [socket.gethostname(), boot, namespace]


def _start_of(number: int) -> str | None:
    """Return when a process started, in clock ticks since the boot; None where the system does not tell.

    Empty for a process that has ended and whose parent has not asked for its end.
    """
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # the command before the last parenthesis may contain spaces
    return "" if state in {"Z", "X"} else fields[18]
