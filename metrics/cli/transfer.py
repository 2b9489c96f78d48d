"""`milepost metrics import`, `export` and `metadata`: import logs of other systems, and export the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.cli.context import DAY, PATH
from metrics.terminal import escape_control_characters, print_line

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from metrics.cli.context import CliContext
    from metrics.events import RunEvent
    from metrics.importing.import_log import ImportResult, SkippedRow


@click.command("import")
@click.argument("file", type=PATH)
@click.option("--dry-run", is_flag=True, help="Show the first rows as they would be imported, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_obj
def import_log(context: CliContext, file: Path, dry_run: bool, as_json: bool) -> None:
    """Import runs from a log that a system wrote itself: CSV, JSON Lines or Parquet. A second import adds nothing.

    The table [import] of milepost.toml maps the log's columns; docs/reference/import.md explains it. Rows that cannot
    be read are named on stderr with the reason, and all others are imported; then the exit code is 3. Imported runs
    have grade D; a note names each milestone that asks for a better one, which they cannot prove.
    """
    import json
    import time
    from contextlib import ExitStack, closing

    from metrics.errors import RowsSkipped, StoreMissing
    from metrics.export.data_dictionary import write_beside
    from metrics.importing.import_log import LogImport, import_log
    from metrics.importing.mapping import parse_mapping
    from metrics.progress import progress_bar
    from metrics.store.database import open_reader, open_store

    def print_skipped(row: SkippedRow) -> None:
        print_line(f"{file}: {row.place}: {row.why}", err=True)

    log = LogImport(
        file, parse_mapping(context.log_mapping, str(context.root / "milepost.toml")), time.time_ns() // 1000
    )
    store, db = context.store_of("live"), None
    with ExitStack() as stack:
        if not dry_run:
            db = stack.enter_context(closing(open_store(store, "live")))
            write_beside(store)
        else:
            try:
                db = stack.enter_context(closing(open_reader(store)))
            except StoreMissing:
                db = None
        with progress_bar(f"reading {file.name}") as progress:
            result = import_log(log, db, print_skipped, progress, dry=dry_run)
    for column in result.utc_columns:
        print_line(f"{file}: column {column!r} has times without a zone, taken as UTC; `zone` names another", err=True)
    notes = context.log_notes() if context.clock == "live" else ()
    if as_json:
        counts = {"new": result.new, "known": result.known, "left_out": result.skipped, "reasons": result.reasons}
        preview = {"first": [_preview_row(run) for run in result.first]} if dry_run else {}
        click.echo(json.dumps({**counts, "dry_run": dry_run, "notes": list(notes), **preview}))
    else:
        _print_result(result, dry_run)
        for note in notes:
            print_line(f"note: {note}")
    if result.skipped:
        verb = "would be skipped" if dry_run else "were skipped"
        raise RowsSkipped(f"{file}: {result.skipped:,} row(s) {verb}; each is named above")


def _print_result(result: ImportResult, dry_run: bool) -> None:
    if dry_run:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title="The first runs, as they would be imported", title_justify="left")
        rows = [_preview_row(run) for run in result.first]
        names = [name for name in (rows[0] if rows else ()) if any(row[name] not in {None, "", 0} for row in rows)]
        for name in names:
            table.add_column(name.replace("_", " "), overflow="fold", no_wrap=name == "started_at")
        for row in rows:
            cells = ("-" if row[name] is None else escape_control_characters(str(row[name])) for name in names)
            table.add_row(*map(Text, cells))
        if rows:
            Console().print(table)
    would = "would be imported" if dry_run else "imported"
    known = f", {result.known:,} known already" if result.known else ""
    print_line(f"{result.new:,} run(s) {would}{known}.")
    for reason, count in result.reasons.items():
        print_line(f"{count:,} skipped: {reason}")


def _preview_row(run: RunEvent) -> dict[str, Any]:
    """Return the fields of a run that a dry run shows, with units in the names; a first attempt is not shown."""
    from metrics.events import subject_name
    from metrics.importing.row_parser import format_utc

    return {
        "started_at": format_utc(run.started_at_us),
        "duration_s": (run.duration_ns or 0) / 1e9,
        "run_of": f"{subject_name(run.key.system, run.key.level)} {run.partner}/{run.feed}",
        "outcome": run.outcome,
        "records": run.records,
        "attempt": run.key.attempt if run.key.attempt > 1 else None,
        "file": run.file,
        "cpu_s": None if run.cpu_ns is None else run.cpu_ns / 1e9,
        "peak_rss_bytes": run.peak_rss_bytes,
        "bytes_in": run.bytes_in,
        "bytes_out": run.bytes_out,
        "error": run.error,
    }


@click.command()
@click.option(
    "--table", default="run", show_default=True, help="The table to export; an unknown name lists the tables."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="The file format.",
)
@click.option("--since", type=DAY, help="The first day, such as 2013-01-31; for runs, the day of their start in UTC.")
@click.option("--until", type=DAY, help="The last day, inclusive.")
@click.option("--output", type=PATH, help="The file, written whole or not at all; without it, CSV goes to stdout.")
@click.option("--json", "as_json", is_flag=True, help="With --output, print a summary as JSON.")
@click.pass_obj
def export(
    context: CliContext,
    table: str,
    kind: str,
    since: datetime | None,
    until: datetime | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Export a table of the metrics database, of any size, as CSV or Parquet; column names contain their units.

    It is for programs: every value is exact. A text that begins with `=`, `+`, `-` or `@` is not escaped, so import it
    into a spreadsheet as text; the CSV files of the dashboard can be opened as they are.
    """
    import json
    from contextlib import closing

    from metrics.errors import BadInput
    from metrics.export.tables import ExportRequest, export_file, write_table
    from metrics.file_output import binary_stdout
    from metrics.store.database import open_reader

    if output is None and (kind == "parquet" or as_json):
        raise BadInput(f"{'--json' if as_json else '--format parquet'} needs --output FILE")
    request = ExportRequest(table, since.date() if since else None, until.date() if until else None)
    with closing(open_reader(context.store)) as db:
        if output is None:
            with binary_stdout() as sink:
                write_table(db, request, "csv", sink)
            return
        rows = export_file(db, request, kind, output)
    summary = {"table": table, "rows": rows, "file": str(output), "format": kind}
    print_line(json.dumps(summary) if as_json else f"{rows:,} row(s) of {table} are in {output}.")


@click.command()
@click.option("--output", type=PATH, help="The file; without it, stdout.")
def metadata(output: Path | None) -> None:
    """Print the description of every table and column of the metrics database, as Datasette's metadata.json.

    The same file is beside the database: `datasette var/metrics-live.db --metadata var/metadata.json`
    """
    from metrics.export.data_dictionary import metadata_json, write_metadata
    from metrics.file_output import binary_stdout

    if output is None:
        with binary_stdout() as sink:
            sink.write(metadata_json().encode())
    else:
        write_metadata(output)
