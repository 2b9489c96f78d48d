"""Connections to the dashboard: bounded for each client, and closed when a request does not arrive in time."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.server import create_server

from dashboard.security import client_network, hide_secrets
from dashboard.uploads import UploadParser

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from dashboard.uploads import Admission

#: Seconds in which a request must arrive whole, from its first byte, or for the first one from its connection.
REQUEST_S = 10.0

#: Seconds after which an answer of which the client takes no byte is given up.
STALLED_S = 60.0

#: The most connections of one client, by its address (of IPv6 its /64), and of all.
MAX_PER_CLIENT = 48
MAX_CONNECTIONS = 192

#: Settings of the server. It must accept each connection, so that the channel can make room for it.
SETTINGS: dict[str, Any] = {
    "threads": 4,
    "connection_limit": 2 * MAX_CONNECTIONS,
    "asyncore_use_poll": True,  # select() takes no file number above 1,023
    "max_request_body_size": 1 << 16,  # of a form
}


def make_server(
    app: Callable[..., Any],
    listener: socket.socket,
    max_body_bytes: int | None = None,
    proxies: int = 0,
    peers: Mapping[int, tuple[str, int]] | None = None,
    admit: Admission | None = None,
) -> Any:
    """Return a server of a WSGI application on a listening socket, with bounded connections and bodies.

    Behind reverse proxies the application sees `X-Forwarded-For`; otherwise the server takes such headers away.
    `peers` are the clients behind `dashboard.tls`, by the port of their connection; any other one is closed then.
    `admit` decides on uploads, whose bodies may be larger; without it there are none.
    """
    limit: dict[str, Any] = {} if max_body_bytes is None else {"max_request_body_size": max_body_bytes}
    limit |= {} if peers is None else {"url_scheme": "https"}
    server = create_server(app, sockets=[listener], clear_untrusted_proxy_headers=not proxies, **(SETTINGS | limit))
    server.peers, server.admit = peers, admit
    server.channel_class = BoundedChannel
    server.logger.addFilter(hide_secrets)  # an answer that fails on the way is logged with its path
    return server


class BoundedChannel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    """A connection that takes the place of the one that has been idle longest, where its client has too many."""

    def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002 (of waitress)
        client = addr if server.peers is None else server.peers.get(addr[1])
        addr = client or addr
        others = list(server.active_channels.values())
        super().__init__(server, sock, addr, adj, map=map)
        #: When the request that is arriving began; None between two requests.
        self.arriving_since: float | None = time.monotonic()
        #: Since when bytes of an answer wait for the client, by the clock of `last_activity`; None if none wait.
        self.waiting_since: float | None = None
        if server.admit is not None:
            self.parser_class = partial(UploadParser, admit=server.admit, count=self._count_uploads)
        self.network = client_network(str(addr[0]))
        own = [channel for channel in others if channel.network == self.network]
        crowd = own if len(own) >= MAX_PER_CLIENT else others if len(others) >= MAX_CONNECTIONS else []
        if client is None:  # not from where TLS ends: another program of this machine
            self.handle_close()
        elif crowd:
            idle = [channel for channel in crowd if channel.is_idle()]
            min(idle, key=lambda channel: channel.last_activity, default=self).handle_close()

    def is_idle(self) -> bool:
        """Return whether no request of this connection is being answered."""
        return not self.requests and not self.total_outbufs_len

    def _count_uploads(self) -> int:
        """Return how many uploads arrive or wait on all connections."""
        channels = list(self.server.active_channels.values())
        requests = [request for channel in channels for request in (channel.request, *channel.requests)]
        return sum(getattr(request, "is_upload", False) for request in requests)

    def received(self, data: bytes) -> bool:
        """Receive bytes, and note when the request that they belong to began."""
        if self.arriving_since is None:
            self.arriving_since = time.monotonic()
        result = bool(super().received(data))
        if self.request is None:
            self.arriving_since = None
        return result

    def readable(self) -> bool:
        """Return whether to read from the connection; close it first if its client is too slow.

        The server's loop calls this for each connection, at least once a second.
        """
        most_s = REQUEST_S + (self.request.may_take_s() if isinstance(self.request, UploadParser) else 0.0)
        late = self.arriving_since is not None and time.monotonic() - self.arriving_since > most_s
        if not self.total_outbufs_len:
            self.waiting_since = None
        elif self.waiting_since is None:  # not `last_activity`: the request may have queued for long
            self.waiting_since = time.time()
        stalled = self.waiting_since and time.time() - max(self.waiting_since, self.last_activity) > STALLED_S
        if self.connected and ((late and self.is_idle()) or stalled):
            self.handle_close()
        return bool(self.connected and super().readable())
