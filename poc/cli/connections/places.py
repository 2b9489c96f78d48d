"""`milepost places`: check the places of a partner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.group()
def places() -> None:
    """Check the places that files are taken from and delivered to: folders, SFTP servers, S3, web addresses."""


@places.command("check")
@click.argument("partner", metavar="PARTNER")
@AS_JSON
@click.pass_context
def check(ctx: click.Context, partner: str, as_json: bool) -> None:
    """Sign in at each place of PARTNER, list its files, write a probe, read it back and remove it.

    A probe is written where files are delivered, moved or deleted. It is named `milepost-check-....tmp`. What is wrong
    is said with what would be right. Exit code 2: something must be corrected; 75: a place cannot be reached now.
    """
    import os
    from datetime import UTC, datetime

    from poc.errors import BadInput, TryLater
    from poc.validation.check_places import check_places

    context: CliContext = ctx.obj
    checked = check_places(context.workspace, partner, os.environ, datetime.now(UTC))
    if as_json:
        echo_json(
            [
                {
                    "partner": partner,
                    "feed": place.feed,
                    "direction": place.direction,
                    "place": place.settings.url,
                    "steps": list(finding.steps),
                    "code": finding.code,
                    "text": finding.text,
                    "note": finding.note,
                }
                for place, finding in checked
            ]
        )
    else:
        for place, finding in checked:
            steps = ", ".join(finding.steps)
            result = f"{steps}{'; then: ' if steps else ''}{finding.text}" if finding.code else f"{steps}: fine"
            print_line(f"{partner}/{place.feed}: {place.direction} at {place.settings.url}: {result}")
            if finding.note:
                print_line(f"  {finding.note}")
    if any(finding.is_final for _, finding in checked):
        ctx.exit(BadInput.exit_code)
    if any(finding.code for _, finding in checked):
        ctx.exit(TryLater.exit_code)
