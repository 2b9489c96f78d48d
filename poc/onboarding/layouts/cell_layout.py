"""The layout of files with cells: Excel workbooks and Parquet."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from poc.errors import BadInput, ContractBreach
from poc.formats.workbook_archive import column_letters
from poc.onboarding.layout import Guess, Layout
from poc.text import truncate

if TYPE_CHECKING:
    from pathlib import Path

    from poc.onboarding.layout import Choices
    from poc.onboarding.sample_file import SampleFile

#: Rows of a sheet that are looked at.
SAMPLED_ROWS = 10_000


def excel_layout(sample: SampleFile, choices: Choices) -> Layout:
    """Return the layout of a workbook. Raises BadInput where it cannot be read, or the library is missing."""
    from poc.config.partner import Feed
    from poc.formats.excel_reader import ExcelSource
    from poc.formats.header import HeaderFields
    from poc.formats.workbook_archive import scan_workbook

    feed = Feed.model_validate({"contract": "-", "format": "xlsx", "map": [{"to": "x", "value": 1}]})
    ExcelSource(feed, HeaderFields(("x",)))  # says what to install
    import python_calamine

    try:
        with sample.path.open("rb") as file:
            scan_workbook(file, feed)
            file.seek(0)
            workbook = python_calamine.CalamineWorkbook.from_filelike(file)
            sheets = {name: sheet_rows(workbook, name) for name in workbook.sheet_names}
    except (python_calamine.CalamineError, ContractBreach) as error:
        raise BadInput(f"{sample.path}: the workbook cannot be read: {truncate(str(error))}") from error
    except OSError as error:
        raise BadInput(f"{sample.path}: {error.strerror}") from error
    if choices.sheet and choices.sheet not in sheets:
        raise BadInput(f"{sample.path}: there is no sheet {choices.sheet!r}; the workbook has {', '.join(sheets)}")
    sheet = choices.sheet or max(sheets, key=lambda name: len(sheets[name][1]))
    first_column, rows = sheets[sheet]
    excel: dict[str, Any] = {}
    guesses = []
    if len(sheets) > 1:
        excel["sheet"] = sheet
        doubts = () if choices.sheet else (f"the one with most rows of {', '.join(sheets)}",)
        guesses.append(Guess("sheet", sheet, len(rows), doubts))
    filled = [(number, row) for number, row in enumerate(rows) if any(cell != "" for cell in row)]
    if not filled:
        raise BadInput(f"{sample.path}: the sheet {sheet!r} is empty; choose another by --sheet")
    width = max(last_cell(row) for _, row in filled)
    place = next((at for at, (_, row) in enumerate(filled) if is_header(row, width)), None)
    if place is None or choices.header is False:
        first = filled[0][0] + 1
        excel |= {"header_row": 0}
        names = tuple(f"column_{number}" for number in range(1, width + 1))
        doubt = "the columns have made-up names; if there is a line of labels, name it by `header_row` or `range`"
        guesses.append(Guess("header", "none", len(filled), (doubt,)))
        body = [row for _, row in filled]
        if first > 1 and first_column == 0:
            excel["range"] = f"A{first}:{column_letters(width - 1)}"
    else:
        number, labels = filled[place]
        names = tuple(str(cell) for cell in labels[:width])
        if place:
            excel["header_row"] = number + 1
        guesses.append(Guess("header", f"row {number + 1} of the sheet", len(filled)))
        body = [row for _, row in filled[place + 1 :]]
    texts = frozenset(
        name for index, name in enumerate(names) if all(isinstance(row[index], str) for row in body if index < len(row))
    )
    return Layout("xlsx", {"excel": excel} if excel else {}, names, tuple(guesses), texts=texts)


def sheet_rows(workbook: Any, name: str) -> tuple[int, list[list[Any]]]:
    """Return the first column of a sheet and its rows, from the first one of the sheet."""
    sheet = workbook.get_sheet_by_name(name)
    return (sheet.start[1] if sheet.start else 0), list(islice(sheet.iter_rows(), SAMPLED_ROWS))


def last_cell(row: list[Any]) -> int:
    """Return the number of cells of a row up to the last one that is not empty."""
    return max((at for at, cell in enumerate(row, 1) if cell != ""), default=0)


def is_header(row: list[Any], width: int) -> bool:
    """Return whether a row has a label in each column, all different."""
    labels = row[:width]
    return len(labels) == width and all(isinstance(c, str) and c.strip() for c in labels) and len(set(labels)) == width


def parquet_layout(path: Path) -> Layout:
    """Return the layout of a Parquet file, by its own schema. Raises BadInput for one that cannot be read."""
    import pyarrow as pa
    from pyarrow import parquet

    from poc.formats.parquet_reader import is_text

    try:
        with parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{path}: the Parquet file cannot be read: {truncate(str(error).splitlines()[0])}") from error
    nested = [column.name for column in schema if pa.types.is_nested(column.type)]
    names = tuple(name for name in schema.names if name not in nested)
    if not names:
        raise BadInput(f"{path}: no column of the Parquet file has single values")
    texts = frozenset(
        column.name
        for column in schema
        if is_text(column.type.value_type if pa.types.is_dictionary(column.type) else column.type)
    )
    guesses = [Guess("columns", "those of the file's own schema", rows)]
    if nested:
        doubt = "lists, maps and structures are no single values"
        guesses.append(Guess("left out", ", ".join(nested), rows, (doubt,)))
    return Layout("parquet", {}, names, tuple(guesses), "subset" if nested else "exact", texts)
