"""`milepost partner`: start a practice partner that takes deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="On loopback, 0: any free; that of the partners' URLs unless given."
)
@click.pass_context
def partner(context: click.Context, port: int | None) -> None:
    """Start a practice partner that takes deliveries and keeps them in var/partner, until Ctrl-C."""
    import json
    import subprocess
    import sys
    from urllib.parse import urlsplit

    from poc.config.scaffold import PARTNER_PORT

    front: CliContext = context.obj
    keep = front.workspace.root / "var" / "partner"
    if port is None:
        urls = (urlsplit(found.endpoint.url or "") for found in front.workspace.partners.values())
        port = next((url.port for url in urls if url.hostname == "127.0.0.1" and url.port), PARTNER_PORT)
    arguments = [sys.executable, "-m", "poc.practice_partner", "--keep", str(keep), "--port", str(port)]
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 (our own program)
    try:
        assert child.stdout is not None  # noqa: S101 (asked for above; tells the type checker)
        if line := child.stdout.readline():
            address = json.loads(line)["ready"]
            click.echo(f"A partner listens on {address}; it keeps what it takes in {keep}. Ctrl-C ends it.")
        context.exit(child.wait())
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
