"""`milepost metrics record`: run your own command and record it as a run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from metrics.cli.context import PATH
from metrics.terminal import print_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from metrics.cli.context import CliContext


#: Largest number of records of one file; a larger one is not a count.
MAX_RECORDS = 10**15


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--system", default="monolith", show_default=True, help="The system that runs: monolith, or service@LEVEL."
)
@click.option("--partner", required=True, help="The partner that the command exchanges with.")
@click.option("--feed", required=True, help="The feed that it exchanges.")
@click.option("--records", metavar="N", help="The number of records that are due; unknown without it.")
@click.option("--input", "file", type=PATH, help="The file that it exchanges; name, size, hash and age are recorded.")
@click.option("--exchange", "exchange_id", help="With --attempt, for a retry: an id shared by all attempts.")
@click.option(
    "--attempt", type=click.IntRange(min=1, max=1_000_000), help="With --exchange: the number of the attempt."
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def record(
    ctx: click.Context,
    system: str,
    partner: str,
    feed: str,
    records: str | None,
    file: Path | None,
    exchange_id: str | None,
    attempt: int | None,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND and record its duration, processor time, memory and exit code as a live run.

    Input, output and exit code pass through unchanged, and nothing else is printed. The exit code is 128+N if signal N
    ended COMMAND, 127 if it does not exist, and 126 if it cannot be started. A recording problem is reported on stderr,
    and COMMAND runs anyway. Write `--` before it: `record --partner P --feed F -- ./export.sh --all`

    A run is due when its --input was last changed. Without --input it is due when it started, and its delay is unknown.
    """
    from datetime import UTC

    from metrics.collector.command_recorder import RecordedCommand
    from metrics.collector.command_recorder import record as run
    from metrics.events import parse_subject
    from metrics.question import name_problem

    def warn(line: str) -> None:
        print_line(f"milepost: {line}", err=True)

    context: CliContext = ctx.obj
    try:
        name, level = parse_subject(system)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--system") from error
    for option, value in (("--partner", partner), ("--feed", feed)):
        problem = name_problem(value)
        if problem:
            raise click.BadParameter(f"{value!r} {problem}", param_hint=option)
    if (exchange_id is None) != (attempt is None) or exchange_id == "":
        raise click.UsageError(
            "--exchange and --attempt go together: the id shared by all attempts, and the number of this one"
        )
    spool: Path | None = context.folder / "var" / "spool" / "live"
    if not (context.folder / "milepost.toml").is_file():  # the rest of the workspace is not needed, and may be invalid
        warn(f"{context.folder}: not a workspace (no milepost.toml); the command runs and is not recorded")
        spool = None
    identity = RecordedCommand(
        system=name, level=level, partner=partner, feed=feed, records=_parse_records(records, warn), input=file,
        exchange_id=exchange_id, attempt=attempt or 1,
    )  # fmt: skip
    ctx.exit(run(identity, command, spool, lambda: datetime.now(UTC), warn))


def _parse_records(records: str | None, warn: Callable[[str], None]) -> int | None:
    """Parse the value of `--records`; None (unknown) with a warning if it is not a count.

    The value often comes from another command, whose failure must not stop the exchange.
    """
    if records is None:
        return None
    if records.isascii() and records.isdecimal() and int(records) <= MAX_RECORDS:
        return int(records)
    warn(
        f"--records {records!r} is not a count from 0 to {MAX_RECORDS:,}; the command runs, its records are not counted"
    )
    return None
