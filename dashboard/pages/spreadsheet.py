"""CSV for people, who open it in a spreadsheet: no cell that came from a partner is run as a formula."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

#: First characters by which a spreadsheet takes a text for a formula, or skips to one; also the full-width forms.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_formula(cell: Any) -> Any:
    """Return a cell that no spreadsheet runs: a text that begins like a formula gets a `'` before it.

    Numbers stay numbers, also negative ones.
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


#: Characters for which a cell is quoted.
QUOTED = re.compile('[,"\r\n]')


def format_cell(cell: Any) -> str:
    """Return a cell as text of a CSV file. Python's `csv` module, before 3.13, leaves a carriage return unquoted."""
    text = "" if cell is None else str(escape_formula(cell))
    if not QUOTED.search(text):
        return text
    quoted = text.replace('"', '""')
    return f'"{quoted}"'


class SpreadsheetWriter:
    """Writes rows as CSV with escaped formulas; an empty cell is a missing value."""

    def __init__(self, out: TextIO, columns: Sequence[str] = ()) -> None:
        """Write the names of the columns, if there are any."""
        self._out = out
        self._columns = columns
        if columns:
            self.write_row(columns)

    def write_row(self, cells: Iterable[Any]) -> None:
        """Write one row."""
        self._out.write((",".join(map(format_cell, cells)) or '""') + "\n")

    def write_records(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Write one row for each record, in the order of the columns."""
        for record in records:
            self.write_row(record[name] for name in self._columns)
