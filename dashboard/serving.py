"""Where the dashboard listens: on loopback, and nowhere else."""

from __future__ import annotations

import socket

#: Addresses it may listen on.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class NotServed(Exception):
    """The dashboard is not served there; the message says where it can be."""

    exit_code = 2


def listen(host: str, port: int) -> socket.socket:
    """Take a port. Raises NotServed where it is taken, or the address is not loopback."""
    if host not in LOOPBACK:
        raise NotServed(f"host {host!r} is not loopback; the dashboard is served on {', '.join(LOOPBACK)} only")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise NotServed(f"port {port} on {host} cannot be used: {error}; choose another with --port") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
