"""Run the proxies of several partners in one process, until a signal ends them."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from poc.capture.journal_reader import capture_folder
from poc.capture.proxy import CaptureProxy, ProxySettings
from poc.capture.proxy_lock import sole_proxy
from poc.errors import BadInput
from poc.transports.http import split_url
from poc.transports.tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from poc.config.workspace import Workspace

#: Threads that write and sync files.
THREADS = 16


def select_settings(workspace: Workspace, partners: Sequence[str], port: int) -> list[ProxySettings]:
    """Return the settings of the proxies of these partners; without names, of the only one that has a `url`.

    Raises:
        BadInput: there is no such partner, it has no `url`, or a name is needed.
    """
    with_url = sorted(
        name
        for name, partner in workspace.partners.items()
        if partner.endpoint.url is not None and not partner.endpoint.is_place
    )
    names = list(dict.fromkeys(partners)) or with_url
    if not partners and len(names) != 1:
        choices = ", ".join(with_url) or "none"
        raise BadInput(f"name the partners whose monolith is to be seen; partners with a `url`: {choices}")
    settings = []
    for number, name in enumerate(names):
        if name not in workspace.partners:
            workspace.get_feed(name, "")
        endpoint = workspace.partners[name].endpoint
        if endpoint.url is None or endpoint.is_place:
            raise BadInput(f"{name}: it gets its deliveries as files; only requests to a web address can be seen")
        root = workspace.root
        files = (
            root / text if text else None for text in (endpoint.ca_file, endpoint.client_cert, endpoint.client_key)
        )
        peer, authority, _ = split_url(endpoint.url, TlsFiles(*files))
        settings.append(ProxySettings(name, capture_folder(root, name), peer, authority, port and port + number))
    return settings


async def run_proxies(
    settings: Sequence[ProxySettings], say: Callable[[str], None], warn: Callable[[str], None]
) -> None:
    """Run proxies until SIGINT or SIGTERM.

    Args:
        settings: one for each partner.
        say: is told where each proxy listens, once all do.
        warn: is told what a person should know.

    Raises:
        BadInput: a port is taken, or a file cannot be used.
        TryLater: a proxy of a partner runs already.
    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="keep"))
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    with ExitStack() as stack:
        proxies: list[CaptureProxy] = []
        try:
            for each in settings:
                try:
                    lock = stack.enter_context(sole_proxy(each.folder))
                except OSError as error:
                    raise BadInput(f"{each.folder}: cannot be written: {error.strerror}") from error
                proxy = CaptureProxy(each, lock, warn)
                await proxy.start()
                proxies.append(proxy)
            for each, proxy in zip(settings, proxies, strict=True):
                target = f"http{'s' if each.peer.tls else ''}://{each.authority}"
                say(f"{proxy.address} passes requests on to {target} ({each.partner}) and keeps them in {each.folder}")
            await ending.wait()
        finally:
            await asyncio.gather(*(proxy.stop() for proxy in proxies))
