"""Where the dashboard listens, on loopback and nowhere else, and what is done beside it while it is served."""

from __future__ import annotations

import logging
import signal
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from dashboard.config import Config

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


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicJob:
    """Work that is done beside the dashboard, and when: first and then every so many seconds from now."""

    work: Callable[[], object]
    every_s: float
    first_s: float = 0.0


def serve_with(
    config: Config, listener: socket.socket, turns: Mapping[str, PeriodicJob], told: threading.Event
) -> int:  # fmt: skip
    """Serve the dashboard and do the work until a signal comes; what is under way is ended first.

    Args:
        config: what to show.
        listener: as `listen` has taken it.
        turns: the work by its name. The dashboard's own, to make what pages need before anybody asks, is added.
        told: set as soon as it is time to end.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM.
    """
    from apscheduler.schedulers.background import BackgroundScheduler
    from waitress.server import create_server

    from dashboard.app import create_app
    from dashboard.pages.warm_up import warm_up

    code = 130

    def on_term(*_: object) -> None:
        nonlocal code
        code = 143
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        raise SystemExit(code)

    signal.signal(signal.SIGTERM, on_term)
    app = create_app(config)
    own = {
        "warm_up": PeriodicJob(work=lambda: warm_up(app), every_s=86_400),
        "views": PeriodicJob(work=app.extensions["views"].refresh, every_s=1, first_s=1),
    }
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)  # a turn that took longer is no trouble
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    )
    for name, turn in (own | dict(turns)).items():
        start = datetime.now(UTC) + timedelta(seconds=turn.first_s)
        scheduler.add_job(turn.work, "interval", id=name, next_run_time=start, seconds=turn.every_s)
    server = create_server(app, sockets=[listener], threads=4)
    scheduler.start()
    try:
        server.run()
    finally:
        told.set()
        scheduler.shutdown(wait=True)
        server.close()
    return code
