"""Split the lines of a CSV log into records, as strictly as the exchange reads its files.

A record is cells between delimiters. Each cell is quoted from its first character to its last, with a quote inside
written twice, or has no quote at all. A record may span several lines only inside quotes, and only if it then has as
many cells as the header: otherwise a stray quote would absorb the lines up to the next one.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

QUOTE = '"'

#: Line ends of text.
LINE_ENDS = ("\n", "\r")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text, with its line end if it has one; `text` is None if the line is longer than allowed."""

    number: int  #: from 1
    text: str | None

    @property
    def ended(self) -> bool:
        """Whether the line has a line end; the last line of a file may still be written."""
        return self.text is None or self.text.endswith(LINE_ENDS)


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """Cells of one record, or one line that is not a record, with its problem."""

    number: int  #: of the first line
    cells: tuple[str, ...] = ()
    problem: str = ""  #: empty for a record
    ended: bool = True  #: whether the record has its line end


class CsvSplitter:
    """Splitter of lines into records; a broken line harms no other line.

    A line is broken if it is no record and none begins with it. Lines inside the quotes of a record that is closed, and
    has another number of cells than the header, are refused with it, as they may be the text of a cell. Where the
    quotes are never closed properly, only the first line is refused, and the lines after it are read.
    """

    def __init__(self, lines: Iterator[Line], delimiter: str, max_chars: int) -> None:
        """Take the lines of a file, its delimiter, and the length of the longest record in characters."""
        self._lines = lines
        self._returned: deque[Line] = deque()
        self._delimiter = delimiter
        self._max_chars = max_chars
        bare = f'[^{re.escape(delimiter)}"\r\n]*+'
        self._cell = re.compile(f'"((?:[^"]++|"")*+)"|({bare})')

    def header(self) -> CsvRecord:
        """Return the first record, of any width; without cells if the file is empty."""
        line = self._next_line()
        return CsvRecord(1) if line is None else self._read_record(line, None)[0]

    def records(self, width: int) -> Iterator[CsvRecord]:
        """Yield the records below a header of `width` cells, and each line that is not a record, but no blank line."""
        while line := self._next_line():
            if line.text is None or line.text.strip("\r\n"):
                yield from self._read_record(line, width)

    def _next_line(self) -> Line | None:
        return self._returned.popleft() if self._returned else next(self._lines, None)

    def _read_record(self, line: Line, width: int | None) -> list[CsvRecord]:
        """Return the record that begins with a line; or its lines, refused."""
        number = line.number
        if line.text is None:
            return [CsvRecord(number, problem=f"longer than {self._max_chars:,} characters")]
        if QUOTE not in line.text:
            return [self._checked(number, tuple(line.text.rstrip("\r\n").split(self._delimiter)), width, line.ended)]
        read, is_closed = self._read_to_even_quotes(line)
        cells = self._split_cells("".join(part.text or "" for part in read)) if is_closed else None
        if cells is None:
            self._returned.extendleft(reversed(read[1:]))
            # the last line may still be written, if it has no line end or an open quote
            if width is not None and not (line.ended and (is_closed or len(read) > 1)):
                return [CsvRecord(number, ended=False)]
            return [CsvRecord(number, problem=self._explain(line.text))]
        if len(read) > 1 and width is not None and (len(cells) != width or not read[-1].ended):
            if not read[-1].ended:
                return [CsvRecord(part.number, ended=False) for part in read]
            problem = f"{len(cells)} cells under a header of {width}, on lines {number} to {read[-1].number}"
            inside = f"inside the quotes of the broken row that begins on line {number}"
            return [CsvRecord(part.number, problem=problem if part is line else inside) for part in read]
        return [self._checked(number, cells, width, read[-1].ended)]

    def _checked(self, number: int, cells: tuple[str, ...], width: int | None, ended: bool) -> CsvRecord:
        """Return a record of one width, or the problem of another."""
        if not ended:
            return CsvRecord(number, cells, ended=False)
        if width is not None and len(cells) != width:
            return CsvRecord(number, problem=f"{len(cells)} cells under a header of {width}")
        return CsvRecord(number, cells)

    def _read_to_even_quotes(self, line: Line) -> tuple[list[Line], bool]:
        """Read on until the quotes are even in number, as those of a record are; tell whether they became so.

        The lines up to the next odd line are read at most twice, so the time is in proportion to the file.
        """
        read, text = [line], line.text or ""
        quotes, chars = text.count(QUOTE), len(text)
        while quotes % 2:
            more = self._next_line()
            if more is None:
                return read, False
            read.append(more)
            chars += len(more.text or "")
            if more.text is None or chars > self._max_chars:
                return read, False
            quotes += more.text.count(QUOTE)
        return read, True

    def _split_cells(self, text: str) -> tuple[str, ...] | None:
        """Return the cells of a well-formed record; None for another text."""
        text = text.removesuffix("\n").removesuffix("\r")
        cells, at = [], 0
        while match := self._cell.match(text, at):
            quoted, bare = match.groups()
            cells.append(bare if quoted is None else quoted.replace(QUOTE * 2, QUOTE))
            at = match.end()
            if at == len(text):
                return tuple(cells)
            if text[at] != self._delimiter:
                return None
            at += 1
        return None

    def _explain(self, text: str) -> str:
        """Explain why a line is not a record."""
        text, at = text.rstrip("\r\n"), 0
        is_quoted = False
        while match := self._cell.match(text, at):
            is_quoted = match.group(1) is not None
            if not is_quoted and text.startswith(QUOTE, at):
                return f"badly quoted: the quote opened at character {at + 1} is not closed where a cell ends"
            at = match.end()
            if not text.startswith(self._delimiter, at):
                break
            at += 1
        what = "text after a closing quote" if is_quoted else "a quote inside a cell"
        return f"badly quoted: {what}, at character {at + 1}"
