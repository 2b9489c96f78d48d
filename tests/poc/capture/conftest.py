"""A proxy for tests, before any address."""

import asyncio
import threading
from contextlib import ExitStack

import pytest

from poc.capture.connection_relay import Limits
from poc.capture.journal_reader import FIRST_POSITION, journal_end, read_requests
from poc.capture.proxy import CaptureProxy, ProxySettings
from poc.capture.proxy_lock import sole_proxy
from poc.transports.http_connection import Peer

PATIENCE_S = 60


class RunningProxy:
    """A proxy in a thread; `port` is where it listens, `warnings` what it said."""

    def __init__(self, folder, port, tls=None, host="127.0.0.1", limits=None):
        self.folder = folder
        self.warnings = []
        self._settings = ProxySettings("P", folder, Peer(host, port, tls), f"{host}:{port}", 0, limits or Limits())
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._started.wait(PATIENCE_S)

    async def _run(self):
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        with ExitStack() as stack:
            lock = stack.enter_context(sole_proxy(self.folder))
            proxy = CaptureProxy(self._settings, lock, self.warnings.append)
            await proxy.start()
            self.port = int(proxy.address.rpartition(":")[2])
            self._started.set()
            await self._ending.wait()
            await proxy.stop()

    def stop(self):
        """End the proxy, and wait for it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
            self._thread.join(PATIENCE_S)

    def kept(self):
        """Return what was kept, oldest first."""
        return read_requests(self.folder, FIRST_POSITION, journal_end(self.folder))


@pytest.fixture
def start_proxy(tmp_path):
    """A function that starts a proxy before a port; all end with the test."""
    proxies = []

    def start(port, **settings):
        proxies.append(RunningProxy(tmp_path / "capture" / f"P{len(proxies)}", port, **settings))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.stop()
