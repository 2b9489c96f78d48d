"""Checks of a workbook before a library opens it: an .xlsx file is a zip archive of XML, and may be a bomb.

The library unpacks whole parts into memory, and makes a grid up to the last cell, so the size of the parts and the
place of the last cell are checked first, in one pass over the archive in bounded memory. The same pass finds the cells
whose formula is in error, which the library shows as empty ones.
"""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.formats.compression import CHUNK_BYTES, INVALID_OFFSET, compression_error
from poc.text import truncate

if TYPE_CHECKING:
    from typing import IO

    from poc.config.partner import Feed

#: The most bytes of all parts of a workbook, as they are read into memory.
MAX_PARTS_BYTES = 2 << 30

#: Cells that a sheet may span, whatever it holds, and the most that it may span for each cell or row that it holds.
FREE_CELLS, FREE_ROWS, MAX_SPAN = 20_000_000, 400_000, 8

#: The least bytes of a cell in XML.
CELL_BYTES = 20

#: Cells in columns from BA on, cells in rows from 100,000 on, and the number of a row.
NEAR_COLUMNS = 52
FAR_COLUMN = re.compile(rb"""r=["']([A-Z]{3}|[B-Z][A-Z])[0-9]""")
FAR_CELL = re.compile(rb"""r=["'](?:([A-Z]{3}|[B-Z][A-Z])([0-9]{1,7})|[A-Z]{1,2}([0-9]{6,7}))["']""")
ROW_NUMBER = re.compile(rb"""\br=["']([0-9]{1,7})["']""")

#: From so many rows on, cells are not looked at for the number of their row, as the rows say it.
MANY_ROWS = 50_000

#: The most cells in error of one sheet: a sheet with more is refused, as each takes memory.
MAX_ERRORS = 100_000

#: A cell whose value is an error, and its place.
ERROR_TYPES = (b't="e"', b"t='e'")
CELL_PLACE = re.compile(rb"""\br=["']([A-Z]+)([0-9]+)["']""")
VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")

#: The most bytes of the part that lists the sheets.
MAX_LIST_BYTES = 4 << 20

SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")


@dataclass(slots=True)
class Part:
    """What is in one part of a workbook: rows, bytes, its last cell, and (row, column) from 0 -> error."""

    rows: int = 0
    size_bytes: int = 0
    last_row: int = 0
    last_column: int = 0
    errors: dict[tuple[int, int], str] = field(default_factory=dict)
    _rest: bytes = b""

    def scan(self, piece: bytes) -> None:
        """Look at the next piece of XML; a cell that goes on in the next one waits for it."""
        data = self._rest + piece
        end = data.rfind(b"</c>") + 4
        end = end if end >= 4 else max(data.rfind(b"<"), 0)
        self._rest = data[end:][-CHUNK_BYTES:]
        self._scan_whole(data[:end])

    def finish(self) -> None:
        """Look at what is left."""
        self._scan_whole(self._rest)

    def _scan_whole(self, data: bytes) -> None:
        self.rows += data.count(b"<row")
        self.size_bytes += len(data)
        number = ROW_NUMBER.search(data, max(data.rfind(b"<row "), 0))
        self.last_row = max(self.last_row, int(number[1]) if number else 0)
        if self.rows < MANY_ROWS:
            for match in FAR_CELL.finditer(data):
                self.last_row = max(self.last_row, int(match[2] or match[3]))
                self.last_column = max(self.last_column, column_number(match[1] or b"A") + 1)
        else:
            for match in FAR_COLUMN.finditer(data):
                self.last_column = max(self.last_column, column_number(match[1]) + 1)
        for error_type in ERROR_TYPES:
            self._find_errors(data, error_type)

    def _find_errors(self, data: bytes, error_type: bytes) -> None:
        at = data.find(error_type)
        while at >= 0:
            start, end = data.rfind(b"<", 0, at), data.find(b">", at)
            if place := CELL_PLACE.search(data, start, end):
                value = VALUE.search(data, end, end + 2000)
                text = value[1].decode("utf-8", "replace") if value else "#ERROR"
                self.errors[int(place[2]) - 1, column_number(place[1])] = text
                if len(self.errors) > MAX_ERRORS:
                    raise compression_error(f"more than {MAX_ERRORS:,} cells of one sheet are in error")
            at = data.find(error_type, at + 1)

    def spans_too_many(self) -> bool:
        """Return whether the grid up to the last cell is far larger than what it holds."""
        span = max(self.last_row, self.rows) * self.last_column
        is_wide = self.last_column > NEAR_COLUMNS and span > max(FREE_CELLS, MAX_SPAN * self.size_bytes // CELL_BYTES)
        return is_wide or self.last_row > FREE_ROWS + MAX_SPAN * self.rows


def scan_workbook(source: IO[bytes], feed: Feed) -> dict[str, dict[tuple[int, int], str]]:
    """Check a workbook; return the cells of each sheet that are in error, by row and column from 0.

    Raises:
        ContractBreach: the archive is damaged, or its parts or a sheet are too large.
    """
    size_bytes = source.seek(0, 2)
    source.seek(0)
    try:
        with zipfile.ZipFile(source) as archive:
            parts = scan_parts(archive, feed, size_bytes)
            return {sheet: parts.get(part, Part()).errors for sheet, part in sheet_parts(archive).items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise compression_error(f"not a whole workbook: {truncate(str(error)) or 'it was cut off'}") from error
    except OSError as error:
        if error.errno not in INVALID_OFFSET:
            raise
        raise compression_error("not a whole workbook: its metadata is inconsistent") from error


def scan_parts(archive: zipfile.ZipFile, feed: Feed, size_bytes: int) -> dict[str, Part]:
    """Return what is in each part of a workbook of a size. Raises ContractBreach for one that is too large."""
    total, limit = 0, min(feed.max_size_bytes, MAX_PARTS_BYTES)
    parts: dict[str, Part] = {}
    for info in archive.infolist():
        part = parts[info.filename.lower()] = Part()  # programs differ in it
        with archive.open(info) as member:
            while piece := member.read(CHUNK_BYTES * 16):
                total += len(piece)
                if total > limit:
                    raise compression_error(f"the workbook unpacks to more than {limit} bytes")
                if total > feed.max_ratio * size_bytes:
                    raise compression_error(
                        f"the workbook unpacks to more than max_ratio = {feed.max_ratio:g} times its {size_bytes} bytes"
                    )
                part.scan(piece)
        part.finish()
        if part.spans_too_many():
            raise compression_error(
                f"the workbook's {truncate(info.filename)} has {part.rows:,} rows, and goes to "
                f"row {part.last_row:,}, column {column_letters(max(part.last_column, 1) - 1)}"
            )
    return parts


def sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the name of the part that holds each sheet."""
    relations = RELATION.findall(read_part(archive, "xl/_rels/workbook.xml.rels"))
    targets = {attribute(tag, "Id"): attribute(tag, "Target") for tag in relations}
    parts = {}
    for tag in SHEET.findall(read_part(archive, "xl/workbook.xml")):
        target = targets.get(attribute(tag, r"\w+:id"), "")
        parts[attribute(tag, "name")] = (target[1:] if target.startswith("/") else f"xl/{target}").lower()
    return parts


def read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the beginning of a part; empty if there is none."""
    try:
        with archive.open(name) as member:
            return member.read(MAX_LIST_BYTES)
    except KeyError:
        return b""


def attribute(tag: bytes, name: str) -> str:
    """Return the value of an attribute of a tag; `name` is a regular expression."""
    match = re.search(rf"""\s{name}=("([^"]*)"|'([^']*)')""", tag.decode("utf-8", "replace"))
    return html.unescape(match[1][1:-1]) if match else ""


def column_number(letters: bytes) -> int:
    """Return the number of a column, from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def column_letters(number: int) -> str:
    """Return the letters of a column, counted from 0."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
