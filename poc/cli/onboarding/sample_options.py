"""Options that say about a sample what is not to be guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.onboarding.layout import Choices

#: The options, in the order of the help.
OPTIONS = (
    click.option(
        "--format",
        "format_name",
        type=click.Choice(["csv", "jsonl", "json", "fixed", "xlsx", "xml", "parquet"]),
        default=None,
        help="The format of the file; by default by its content.",
    ),
    click.option("--rows", type=click.IntRange(1), default=None, help="Rows to guess from; 10,000 by default."),
    click.option("--encoding", default="", help="The encoding of a text, such as cp1252."),
    click.option("--delimiter", default="", help="The characters between two cells of a CSV file."),
    click.option("--header/--no-header", default=None, help="Whether the first line, or row of a sheet, has labels."),
    click.option("--decimal", type=click.Choice([".", ","]), default=None, help="The decimal mark of numbers."),
    click.option(
        "--dates",
        type=click.Choice(["day-first", "month-first"]),
        default=None,
        help="The order in dates such as 03/04/2026.",
    ),
    click.option("--sheet", default="", help="The sheet of a workbook."),
    click.option("--records", default="", help="The path of the list in a JSON file, or the element in XML."),
)


def sample_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def choices_of(options: dict[str, Any]) -> Choices:
    """Return what a person said by the options."""
    from poc.onboarding.layout import Choices

    return Choices(
        format=options["format_name"] or "",
        encoding=options["encoding"],
        delimiter=options["delimiter"].replace("\\t", "\t"),
        header=options["header"],
        decimal=options["decimal"] or "",
        dates=options["dates"] or "",
        sheet=options["sheet"],
        records=options["records"],
    )
