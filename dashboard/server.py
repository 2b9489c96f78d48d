"""Serve the dashboard, without a sign-in on loopback alone, and run periodic jobs beside it."""

from __future__ import annotations

import gc
import signal
import socket
from typing import TYPE_CHECKING

from metrics.periodic_jobs import PeriodicJob, running_jobs
from metrics.process_end import end_process_after

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from dashboard.config import Config
    from dashboard.tls import TlsFront

#: The only hosts that the server listens on without a sign-in.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class CannotServe(Exception):
    """The dashboard cannot be served on this host and port; the message names the choices."""

    exit_code = 2


def listen(host: str, port: int, *, has_accounts: bool = False) -> socket.socket:
    """Open a listening socket.

    Raises:
        CannotServe: the port is taken, or the host is not loopback and nobody would have to sign in.
    """
    if host not in LOOPBACK and not has_accounts:
        raise CannotServe(
            f"host {host!r} is not loopback; without a sign-in the dashboard is served on {', '.join(LOOPBACK)} only. "
            'Set `sign_in = "local"` and `public_url` below `[web]` in milepost.toml'
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise CannotServe(f"port {port} on {host} cannot be used: {error}; choose another with --port") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def shorten_gc_pauses(threshold: int) -> None:
    """Exempt all objects there are from garbage collection, and collect new ones after `threshold` more.

    A full collection visits every object of the process, imported modules included, and stops all threads meanwhile.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold, *gc.get_threshold()[1:])


def run_server(
    config: Config,
    listener: socket.socket,
    jobs: Mapping[str, PeriodicJob],
    stopping: threading.Event,
    stop_s: float,
    *,
    gc_threshold: int | None = None,
    tls: TlsFront | None = None,
) -> int:
    """Serve the dashboard and run the jobs until a signal comes; running jobs may finish first.

    Args:
        config: what to show.
        listener: a socket of `listen`.
        jobs: periodic jobs by name; those of the dashboard itself are added.
        stopping: set as soon as the server stops, so that jobs can end early.
        gc_threshold: the argument of `shorten_gc_pauses` after the warm-up; None: garbage collection stays as it is.
        tls: ends TLS in front of `listener`; None: plain HTTP is spoken there.
        stop_s: seconds in which jobs may finish; after them the process ends as if it were killed.

    Returns:
        130 after Ctrl-C, 143 after SIGTERM.
    """
    from dashboard.access.guard import MAX_UPLOAD_BYTES
    from dashboard.admission import make_admission
    from dashboard.app import close_app, create_app
    from dashboard.connections import make_server
    from dashboard.pages.warm_up import warm_up

    code = 130

    def on_term(*_: object) -> None:
        nonlocal code
        code = 143
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        raise SystemExit(code)

    def prepare() -> None:
        warm_up(app)
        if gc_threshold is not None:
            shorten_gc_pauses(gc_threshold)

    signal.signal(signal.SIGTERM, on_term)
    app = create_app(config)
    own = {
        "warm_up": PeriodicJob(work=prepare, every_s=86_400),
        "views": PeriodicJob(work=app.extensions["views"].refresh, every_s=1, first_s=1),
    }
    access = config.access
    most_bytes, proxies = (None, 0) if access is None else (MAX_UPLOAD_BYTES, access.proxies)
    admit = None if config.intake is None else make_admission(config.intake, access)
    peers = tls.peers if tls else None
    server = make_server(app, tls.inner if tls else listener, most_bytes, proxies, peers, admit)
    if tls is not None:
        tls.start()
    try:
        with running_jobs(own | dict(jobs)):
            try:
                server.run()
            finally:
                end_process_after(stop_s, code)
                stopping.set()
    finally:
        if tls is not None:
            tls.close()
        server.close()
        close_app(app)
    return code
