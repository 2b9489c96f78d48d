"""`milepost parity compare`: the differences of any two files."""

from __future__ import annotations

from pathlib import Path

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json

#: Exit code of a comparison that finds differences.
DIFFERENT = 5

VALUES = click.option("--values", is_flag=True, help="Show values as they are; by default only their shape is shown.")


@click.command("compare")
@click.argument("left", type=click.Path(path_type=Path))
@click.argument("right", type=click.Path(path_type=Path))
@click.option("--contract", type=click.Path(path_type=Path), help="Table Schema file: its primary key and types.")
@click.option(
    "--key", "keys", multiple=True, help="Field that tells records apart; repeat it, or part names by commas."
)
@click.option("--left-encoding", default="utf-8", show_default=True, help="Encoding of LEFT, if it is CSV.")
@click.option("--right-encoding", default="utf-8", show_default=True, help="Encoding of RIGHT, if it is CSV.")
@click.option("--left-delimiter", default=",", show_default=True, help="Delimiter of LEFT, if it is CSV.")
@click.option("--right-delimiter", default=",", show_default=True, help="Delimiter of RIGHT, if it is CSV.")
@click.option("--left-feed", default="", metavar="PARTNER/FEED", help="Read LEFT as a file that came for this feed.")
@click.option("--right-feed", default="", metavar="PARTNER/FEED", help="Read RIGHT as a file that came for this feed.")
@VALUES
@AS_JSON
@click.pass_context
def compare_files(
    ctx: click.Context,
    left: Path,
    right: Path,
    contract: Path | None,
    keys: tuple[str, ...],
    left_encoding: str,
    right_encoding: str,
    left_delimiter: str,
    right_delimiter: str,
    left_feed: str,
    right_feed: str,
    values: bool,
    as_json: bool,
) -> None:
    """Compare the records of two files, which may lie anywhere: CSV with a header, JSON Lines, JSON, Parquet or Excel.

    Records are told apart by --key, or by the primary key of --contract; without either, whole records are compared.
    A name that ends in .jsonl, .ndjson, .json, .parquet or .xlsx says the format, .gz or .zip the compression. Any
    other format, such as fixed width, XML or nested JSON, is that of a feed of the workspace, named by --left-feed or
    --right-feed: the file is read by its settings and its contract. Without these, no workspace is needed.

    Exit codes: 0 no difference; 5 there are differences; 2 a file or an option cannot be used.
    """
    from datetime import UTC, datetime

    from metrics.process_end import cleaning_up_on_terminate
    from poc.contract.contract import load_contract
    from poc.parity.causes.classify import FieldFacts
    from poc.parity.comparison import compare
    from poc.parity.files import check_shared_fields, open_feed_records, open_records
    from poc.parity.report import comparison_json, comparison_lines

    key = tuple(name for text in keys for name in text.split(",") if name)
    facts = {}
    if contract is not None:
        schema = load_contract(contract)
        key = key or schema.key
        facts = {
            name: FieldFacts(schema.types[name], schema.field_missing.get(name, schema.missing_values))
            for name in schema.names
        }
    with cleaning_up_on_terminate():
        first, second = (
            open_feed_records(ctx.obj.workspace, feed, path) if feed else open_records(path, encoding, delimiter)
            for path, feed, encoding, delimiter in (
                (left, left_feed, left_encoding, left_delimiter),
                (right, right_feed, right_encoding, right_delimiter),
            )
        )
        check_shared_fields(first, second)
        result = compare(first, second, key, facts)
    report = comparison_json(result, datetime.now(UTC).date(), values=values)
    if as_json:
        echo_json(report)
    else:
        for line in comparison_lines(report):
            print_line(line)
    ctx.exit(DIFFERENT if result.differences else 0)
