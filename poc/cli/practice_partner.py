"""The practice partner as a child process of `milepost partner`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.terminal import print_line

if TYPE_CHECKING:
    from poc.cli.console import CliContext


def serve_practice_partner(context: CliContext, port: int | None) -> int:
    """Start a practice partner that stores deliveries in var/partner; return its exit code when it has ended."""
    import json
    import signal
    import subprocess
    import sys
    from urllib.parse import urlsplit

    from poc.config.scaffold import PARTNER_PORT

    keep = context.workspace.root / "var" / "partner"
    if port is None:
        urls = [urlsplit(settings.endpoint.url or "") for settings in context.workspace.partners.values()]
        ports = (url.port for url in urls if url.scheme == "http" and url.hostname == "127.0.0.1" and url.port)
        port = next(ports, PARTNER_PORT)
    arguments = [sys.executable, "-m", "poc.practice_partner", "--keep", str(keep), "--port", str(port)]
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, umask=0o077)  # noqa: S603 (our own)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        assert child.stdout is not None  # noqa: S101 (asked for above; tells the type checker)
        if line := child.stdout.readline():
            address = json.loads(line)["ready"]
            print_line(f"A partner listens on {address}; it stores deliveries in {keep}. Ctrl-C ends it.")
        return child.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        child.terminate()
        child.wait()
