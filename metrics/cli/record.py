"""`milepost metrics record`: run a command of your own and record it as a run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from metrics.cli.context import PATH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from metrics.cli.context import CliContext


#: More records than this are no count of one file.
MAX_RECORDS = 10**15


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--system", default="monolith", show_default=True, help="Whose run it is: monolith, or service@LEVEL.")
@click.option("--partner", required=True, help="The partner it exchanges with.")
@click.option("--feed", required=True, help="What it exchanges.")
@click.option("--records", metavar="N", help="How many records are due; without a number nobody counted.")
@click.option("--input", "file", type=PATH, help="The file it exchanges: its name, size, hash and age are kept.")
@click.option("--exchange", "exchange_id", help="With --attempt, for a retry: what all attempts have in common.")
@click.option("--attempt", type=click.IntRange(min=1, max=1_000_000), help="With --exchange: which attempt it is.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def record(
    context: click.Context,
    system: str,
    partner: str,
    feed: str,
    records: str | None,
    file: Path | None,
    exchange_id: str | None,
    attempt: int | None,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND and keep its time, processor time, memory and exit code as a live run.

    Its input, output and exit code pass through untouched, and nothing is printed beside them: 128+N where signal N
    ended it, 127 where there is no such command, 126 where it cannot be started. What cannot be recorded is said on
    stderr, and COMMAND runs all the same. Write `--` before it: `record --partner P --feed F -- ./export.sh --all`

    A run is due when its --input was last changed; without --input it counts as due when it started, and nothing is
    known of how long the file had waited.
    """
    from datetime import UTC

    from metrics.collector.command_recorder import RecordedCommand
    from metrics.collector.command_recorder import record as run
    from metrics.events import parse_subject
    from metrics.question import name_problem

    def say(line: str) -> None:
        click.echo(f"milepost: {line}", err=True)

    front: CliContext = context.obj
    try:
        name, level = parse_subject(system)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--system") from error
    for option, value in (("--partner", partner), ("--feed", feed)):
        trouble = name_problem(value)
        if trouble:
            raise click.BadParameter(f"{value!r} {trouble}", param_hint=option)
    if (exchange_id is None) != (attempt is None) or exchange_id == "":
        raise click.UsageError("--exchange and --attempt go together: what attempts have in common, and which it is")
    spool: Path | None = front.folder / "var" / "spool" / "live"
    if not (front.folder / "milepost.toml").is_file():  # more of the workspace is not needed, and may be broken
        say(f"{front.folder}: not a workspace (no milepost.toml); the command runs and is not recorded")
        spool = None
    told = RecordedCommand(
        system=name, level=level, partner=partner, feed=feed, records=_parse_records(records, say), input=file,
        exchange_id=exchange_id, attempt=attempt or 1,
    )  # fmt: skip
    context.exit(run(told, command, spool, lambda: datetime.now(UTC), say))


def _parse_records(records: str | None, say: Callable[[str], None]) -> int | None:
    """The number that `--records` gives. Often a command counts them, whose failure stops no exchange."""
    if records is None:
        return None
    if records.isascii() and records.isdecimal() and int(records) <= MAX_RECORDS:
        return int(records)
    most = f"{MAX_RECORDS:,}"
    say(f"--records {records!r} is no count from 0 to {most}; the command runs, and its records are not counted")
    return None
