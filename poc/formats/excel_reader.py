"""Excel reader (.xlsx) by python-calamine: the cells of one sheet, as a plain reader of workbooks shows them.

A cell with an error, and a cell that a merged cell covers, set their row aside, as the value that belongs there is not
in the file. An empty row is no row. A workbook is in memory as a whole, so its size is checked before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from json.encoder import encode_basestring as encode_string
from typing import TYPE_CHECKING, Any, NamedTuple

from poc.config.formats.workbook import Workbook
from poc.errors import BadInput, ContractBreach
from poc.formats.cell_file import CellBlock, CellTable
from poc.formats.cell_texts import CellTexts
from poc.formats.header import list_labels
from poc.formats.parsed_block import BROKEN
from poc.formats.workbook_archive import column_letters, column_number, scan_workbook
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from poc.config.partner import Feed
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import Faults

#: Rows of a block.
BLOCK_ROWS = 20_000

#: How files of older Excel begin, and workbooks with a password.
OLD_FORMAT = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

RANGE = re.compile("([A-Z]+)([0-9]+):([A-Z]+)([0-9]*)")


class ExcelSource:
    """The workbooks of one feed. Raises BadInput where the library is not installed."""

    def __init__(self, feed: Feed, expected: ExpectedFields) -> None:
        try:
            import python_calamine
        except ImportError as error:
            raise BadInput('the format xlsx needs the extra `excel`: `pip install "milepost[excel]"`') from error
        self._library: Any = python_calamine
        self._feed = feed
        self._settings = feed.excel or Workbook()
        self._names = expected.names
        self._texts = CellTexts(expected)

    def open(self, source: IO[bytes]) -> CellTable:
        """Open a workbook. Raises ContractBreach for a damaged one, or one without the sheet."""
        source.seek(0)
        if source.read(8) == OLD_FORMAT:
            raise ContractBreach(BROKEN, "this is no .xlsx file: it has a password, or is of an older Excel (.xls)")
        errors = scan_workbook(source, self._feed)
        source.seek(0)
        try:
            workbook = self._library.CalamineWorkbook.from_filelike(source)
            name = self._sheet_name(workbook.sheet_names)
            sheet = workbook.get_sheet_by_name(name)
            merged = sheet.merged_cell_ranges or []
        except (self._library.CalamineError, OSError) as error:
            raise ContractBreach(BROKEN, f"the workbook cannot be read: {truncate(str(error))}") from error
        return self._table(sheet, Blemishes(name, errors.get(name, {}), merged))

    def _sheet_name(self, names: list[str]) -> str:
        wanted = self._settings.sheet
        if wanted and wanted not in names:
            raise ContractBreach(BROKEN, f"there is no sheet {wanted!r}; the workbook has {list_labels(names)}")
        if not wanted and len(names) != 1:
            raise ContractBreach(BROKEN, f"the workbook has the sheets {list_labels(names)}; choose one by `sheet`")
        return wanted or names[0]

    def _table(self, sheet: Any, blemishes: Blemishes) -> CellTable:
        area = Area.parse(self._settings.range)
        start = sheet.start
        left = 0 if start is None else start[1]
        rows = numbered_rows(sheet, area, left)
        labels, first = self._names, area.first_column
        header_row = self._settings.header_row
        if header_row != 0:
            for number, row in rows:
                if number + 1 == header_row or (header_row is None and any(value != "" for value in row)):
                    labels = tuple(self._texts.text("", value) or "" for value in row)
                    break
            else:
                raise ContractBreach(BROKEN, "the sheet has no header row")
            while labels and not labels[-1].strip():
                labels = labels[:-1]
        blocks = self._blocks(rows, labels, max(first, left), blemishes)
        return CellTable(labels, labels, blocks)

    def _blocks(
        self, rows: Iterator[tuple[int, list[Any]]], labels: tuple[str, ...], first: int, blemishes: Blemishes
    ) -> Iterator[CellBlock]:
        width = len(labels)
        with_error = {row for row, _ in blemishes.errors}
        while chunk := list(islice(rows, BLOCK_ROWS)):
            in_error = blemishes.rows(chunk[0][0], chunk[-1][0], first, first + width - 1)
            kept = [(number, row) for number, row in chunk if number in with_error or any(v != "" for v in row)]
            if not kept:
                continue
            numbers = [number for number, _ in kept]
            faults: Faults = {}
            for index, (number, row) in enumerate(kept):
                if len(row) > width and (extra := [at for at in range(width, len(row)) if row[at] != ""]):
                    note = f"cell {column_letters(first + extra[0])}{number + 1} is in a column without a label"
                    faults.setdefault(index, []).append(("extra-cell", "", note))
                for column, note in in_error.get(number, ()):
                    if 0 <= column - first < width:
                        faults.setdefault(index, []).append(("type-error", labels[column - first], note))
            cells = list(zip_longest(*(row for _, row in kept), fillvalue=""))[:width]
            cells += [("",) * len(kept)] * (width - len(cells))
            columns = [self._texts.column(label, values) for label, values in zip(labels, cells, strict=True)]
            yield CellBlock(columns, faults, partial(place, blemishes.sheet, numbers))


class Area(NamedTuple):
    """A range of cells, counted from 0, both ends included."""

    first_row: int = 0
    last_row: int = 1 << 30
    first_column: int = 0
    last_column: int = 1 << 30

    @classmethod
    def parse(cls, text: str) -> Area:
        """Return a range such as `B3:H200`, or `B3:H` to the last row."""
        match = RANGE.fullmatch(text)
        if match is None:
            return cls()
        left, top, right, bottom = match.groups()
        last_row = int(bottom) - 1 if bottom else 1 << 30
        return cls(int(top) - 1, last_row, column_number(left.encode()), column_number(right.encode()))


@dataclass(frozen=True, slots=True)
class Blemishes:
    """The cells of a sheet whose value is not in the file: those in error, and those that a merged cell covers."""

    sheet: str
    errors: dict[tuple[int, int], str]
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]]

    def rows(self, first: int, last: int, first_column: int, last_column: int) -> dict[int, list[tuple[int, str]]]:
        """Return the columns and notes of such cells, by row from 0, in an area. Raises ContractBreach."""
        found: dict[int, list[tuple[int, str]]] = {}
        for (row, column), text in self.errors.items():
            if first <= row <= last:
                note = f"cell {column_letters(column)}{row + 1} of sheet {self.sheet!r} is {truncate(text)}"
                found.setdefault(row, []).append((column, note))
        free_cells = (last - first + 1) * (last_column - first_column + 1)
        for (top, left), (bottom, right) in self.merged:
            rows = range(max(top, first), min(bottom, last) + 1)
            columns = range(max(left, first_column), min(right, last_column) + 1)
            free_cells -= len(rows) * len(columns)
            if free_cells < 0:
                raise ContractBreach(BROKEN, f"merged cells of sheet {self.sheet!r} overlap")
            for row in rows:
                for column in columns:
                    if (row, column) != (top, left):
                        cell = f"{column_letters(column)}{row + 1}"
                        whole = f"{column_letters(left)}{top + 1}:{column_letters(right)}{bottom + 1}"
                        note = f"cell {cell} of sheet {self.sheet!r} is a part of the merged cell {whole}"
                        found.setdefault(row, []).append((column, note))
        return found


def numbered_rows(sheet: Any, area: Area, left: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows of a range of a sheet, by their number from 0; the cells of a sheet begin at column `left`.

    Raises:
        ContractBreach: a cell has a value that cannot be read.
    """
    first, last = max(area.first_column - left, 0), area.last_column - left + 1
    is_whole = first == 0 and last >= sheet.width
    number = -1
    try:
        for number, row in enumerate(sheet.iter_rows()):
            if number > area.last_row:
                return
            if number >= area.first_row:
                yield number, row if is_whole else row[first : max(last, 0)]
    except OverflowError as error:
        note = f"row {number + 2} of the sheet has a date or a duration that is too large to be one"
        raise ContractBreach(BROKEN, note) from error


def place(sheet: str, numbers: Sequence[int], index: int) -> str:
    """Return where a row is, as members of a JSON object."""
    return f'"sheet":{encode_string(sheet)},"row":{numbers[index] + 1}'
