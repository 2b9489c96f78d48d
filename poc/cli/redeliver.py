"""`milepost redeliver`: deliver an archived file again, under the current map and with new keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, EXCHANGE, echo_json

if TYPE_CHECKING:
    from poc.cli.console import CliContext


@click.command()
@EXCHANGE
@click.option("--why", required=True, help="The reason, kept with your user name and shown with the exchange.")
@AS_JSON
@click.pass_context
def redeliver(ctx: click.Context, exchange: str, why: str, as_json: bool) -> None:
    """Deliver the archived file of an exchange again: under the current map and contract, with new keys.

    The partner gets all rows once more and cannot tell them from new ones, so ask the partner first. EXCHANGE is the
    beginning of an exchange's id, or the file's name. It must be settled: done, or given up. Nothing is ever delivered
    again by itself. Rows that are still in quarantine are checked again with the others; rows that were corrected there
    are in the file as they came.

    Exit codes: those of `milepost run`.
    """
    from poc.cli.acts import redeliver_exchange
    from poc.cli.run import EXIT_CODES, result_json, result_lines

    context: CliContext = ctx.obj
    entry, redelivery, result = redeliver_exchange(context, exchange, why)
    assert result.receipt is not None  # noqa: S101 (what prevented the exchange is raised; tells the type checker)
    if as_json:
        counts = {"discarded_rows": redelivery.discarded_rows, "corrected_rows": redelivery.corrected_rows}
        echo_json(
            {"redelivered": entry.exchange_id, "why": why.strip(), **counts, **result_json(result, result.receipt)}
        )
    else:
        print_line(f"{entry.file} is delivered again, as exchange {redelivery.exchange_id[:12]}: {why.strip()}")
        for line in result_lines(result, result.receipt):
            print_line(line)
        if redelivery.corrected_rows:
            print_line(
                f"{redelivery.corrected_rows:,} row(s) were corrected in quarantine before; the file has them as they "
                "came: look at its quarantine."
            )
    ctx.exit(next((code for outcome, code in EXIT_CODES if outcome == result.receipt.outcome), 0))
