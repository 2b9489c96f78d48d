"""`milepost capture`: a recording reverse proxy between a monolith and its partners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line

if TYPE_CHECKING:
    from poc.cli.console import CliContext

#: The port of the first proxy.
CAPTURE_PORT = 8780


@click.command()
@click.argument("partners", metavar="[PARTNER]...", nargs=-1)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=CAPTURE_PORT,
    show_default=True,
    help="Where the first partner's proxy listens, on loopback; each further one has the next port. 0: free ones.",
)
@click.pass_context
def capture(ctx: click.Context, partners: tuple[str, ...], port: int) -> None:
    """Pass on what a monolith sends to PARTNER, unchanged, and keep it to compare it with what the service would send.

    Replace scheme, host and port of the partner's address in the monolith's settings by what this command prints; the
    path stays. Bodies, status and time are kept below var/capture, for their owner only, and removed after
    `[keep] capture`. Headers are not kept, but for the content's type and coding and the Idempotency-Key.

    Without PARTNER: the only one that has a `url`. Ctrl-C ends it, after the requests that are under way.
    """
    import asyncio

    from poc.capture.run_proxies import run_proxies, select_settings
    from poc.service.private_files import make_private

    def warn(line: str) -> None:
        print_line(f"milepost capture: {line}", err=True)

    context: CliContext = ctx.obj
    settings = select_settings(context.workspace, partners, port)
    if note := make_private(context.workspace.root / "var"):
        warn(note)

    asyncio.run(run_proxies(settings, print_line, warn))
