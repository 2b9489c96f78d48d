"""`milepost partner`: start a practice partner that accepts deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port on loopback, 0 for any free one; by default as in the URLs."
)
@click.pass_context
def partner(ctx: click.Context, port: int | None) -> None:
    """Start a practice partner that accepts deliveries and stores them in var/partner, until Ctrl-C."""
    import json
    import signal
    import subprocess
    import sys
    from urllib.parse import urlsplit

    from poc.config.scaffold import PARTNER_PORT

    context: CliContext = ctx.obj
    keep = context.workspace.root / "var" / "partner"
    if port is None:
        urls = (urlsplit(settings.endpoint.url or "") for settings in context.workspace.partners.values())
        port = next((url.port for url in urls if url.hostname == "127.0.0.1" and url.port), PARTNER_PORT)
    arguments = [sys.executable, "-m", "poc.practice_partner", "--keep", str(keep), "--port", str(port)]
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, umask=0o077)  # noqa: S603 (our own)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        assert child.stdout is not None  # noqa: S101 (asked for above; tells the type checker)
        if line := child.stdout.readline():
            address = json.loads(line)["ready"]
            print_line(f"A partner listens on {address}; it stores deliveries in {keep}. Ctrl-C ends it.")
        ctx.exit(child.wait())
    except KeyboardInterrupt:
        ctx.exit(0)
    finally:
        child.terminate()
        child.wait()
