"""What a row looks like, to the byte: regular expressions made from a feed's dialect.

Structure is decided here and nowhere else, strictly: a record is cells between delimiters, each either in quotes from
its first byte to its last or without any, up to a line end as declared. All repeats are possessive, so a match takes
time in proportion to the bytes it looks at, whatever is in the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poc.config.partner import Dialect

#: How rows may end, and where a row ends that is not written as declared.
LINE_ENDS = {"any": rb"(?:\r\n?|\n)", "lf": rb"\n", "crlf": rb"\r\n", "cr": rb"\r(?!\n)"}
LINE_PATTERNS = {
    "any": rb"([^\r\n]*+)(?:\r\n?|\n)",
    "lf": rb"([^\n]*+)\n",
    "crlf": rb"((?:[^\r\n]++|\r(?!\n))*+)\r?\n",
    "cr": rb"([^\r]*+)\r\n?",
}
LINE_END_NAMES = {b"\n": "LF", b"\r": "CR", b"\r\n": "CRLF"}

#: Shorter stretches are cut row by row: starting numpy would take longer.
MIN_NUMPY_BYTES = 4 * 1024

Spans = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


@dataclass(frozen=True)
class Grammar:
    """The form of one format's rows, as sources of regular expressions.

    `record` is a row on one line, `full` one that may have several, `cell` one cell, `end` a line end, `text` what a
    physical line holds with its end. A clean file needs none of them, so each is compiled when first asked for.
    """

    record: bytes
    full: bytes
    one_cell: bytes
    end: bytes
    physical: bytes
    delimiter: bytes
    quote: bytes
    escape: bytes
    line_end: str
    crlf: bool = False  # rows are lines to LF, and a CR before it belongs to the end

    @cached_property
    def many(self) -> re.Pattern[bytes]:
        """As many strict rows with their line ends as there are."""
        return re.compile(rb"(?:" + self.record + self.end + rb"|" + self.full + self.end + rb")*+")

    @cached_property
    def last(self) -> re.Pattern[bytes]:
        """A strict row without a line end."""
        return re.compile(rb"(?:" + self.record + rb"\Z|" + self.full + rb"\Z)")

    @cached_property
    def row(self) -> re.Pattern[bytes]:
        """A strict row (group 1) with its line end, if it has one."""
        stop = rb"(?=" + self.end + rb"|\Z)"
        either = self.record + stop + rb"|" + self.full + stop
        return re.compile(rb"(" + either + rb")(?:" + self.end + rb"|\Z)")

    @cached_property
    def line(self) -> re.Pattern[bytes]:
        """A physical line with its end; group 1 is what it holds."""
        return re.compile(self.physical)

    @cached_property
    def prefix(self) -> re.Pattern[bytes]:
        """As many cells of one line as are strict."""
        return re.compile(self.record)

    @cached_property
    def cell(self) -> re.Pattern[bytes]:
        """One cell, on several lines perhaps."""
        return re.compile(self.one_cell)

    @cached_property
    def header(self) -> re.Pattern[bytes]:
        """A strict record of any width (group 1) on any number of lines, with its line end if it has one."""
        record = self.one_cell + rb"(?:" + re.escape(self.delimiter) + self.one_cell + rb")*+"
        return re.compile(rb"(" + record + rb")(?:" + self.end + rb"|\Z)")

    def plain(self, data: bytes, start: int, end: int, record_bytes: int) -> bool:
        """Whether every line there is a row: no quote, all line ends as declared, none missing for too long."""
        if self.signed(data, start, end):
            return False
        if self.line_end == "lf" and not self.crlf and data.find(b"\r", start, end) >= 0:
            return False
        if self.line_end == "cr" and data.find(b"\n", start, end) >= 0:
            return False
        if self.line_end == "crlf":
            pairs = data.count(b"\r\n", start, end)
            if not pairs == data.count(b"\n", start, end) == data.count(b"\r", start, end):
                return False
        # a line that is too long holds one of these windows whole
        window = max(record_bytes // 2, 1)
        return all(
            data.find(b"\n", at, at + window) >= 0 or self._cr(data, at, at + window)
            for at in range(start, end - window + 1, window)
        )

    def clear(self, data: bytes, start: int, end: int, record_bytes: int) -> int:
        """Where the plain lines from `start` on end: before the line of the next quote or escape."""
        for sign in (self.quote, self.escape):
            if sign and (at := data.find(sign, start, end)) >= 0:
                end = at
        end = self.plain_end(data, start, end)
        if self.line_end == "cr" and data.startswith(b"\n", end):
            return start
        return end if end > start and self.plain(data, start, end, record_bytes) else start

    def signed(self, data: bytes, start: int, end: int) -> bool:
        """Whether there is a quote or an escape."""
        return any(sign and data.find(sign, start, end) >= 0 for sign in (self.quote, self.escape))

    def plain_end(self, data: bytes, start: int, end: int) -> int:
        """Where the last line of a plain stretch ends; `start` where there is no line end."""
        last = data.rfind(b"\n", start, end) if self.line_end != "cr" else -1
        if self.line_end in {"any", "cr"} and data.find(b"\r", max(start, last), end) >= 0:
            last = max(last, data.rfind(b"\r", max(start, last), end))
        return max(last + 1, start)

    def spans(self, data: bytes, start: int, end: int) -> Spans:
        """Where the rows of a strict stretch start and end, line ends and blank lines left out."""
        if end - start > MIN_NUMPY_BYTES and not self.signed(data, start, end):
            return self._lines(data, start, end)
        found = [match.span(1) for match in self.row.finditer(data, start, end)]
        both = np.array([span for span in found if span[1] > span[0]], dtype=np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    def _lines(self, data: bytes, start: int, end: int) -> Spans:
        letters = np.frombuffer(data, dtype=np.uint8, count=end - start, offset=start)
        ends = letters == 10
        if not self.crlf:
            ends |= letters == 13
        breaks = np.flatnonzero(ends) + start
        starts = np.concatenate(([start], breaks + 1))
        stops = np.concatenate((breaks, [end]))
        if self.crlf:
            stops -= (stops > starts) & (letters[np.maximum(stops - 1 - start, 0)] == 13) & (stops < end)
        filled = stops > starts
        return starts[filled], stops[filled]

    def _cr(self, data: bytes, start: int, end: int) -> bool:
        return self.line_end in {"any", "cr"} and data.find(b"\r", start, end) >= 0

    def cells(self, record: bytes) -> list[bytes]:
        """The cells of a strict record, quotes and escapes taken off."""
        cells, at = [], 0
        while at <= len(record):
            match = self.cell.match(record, at)
            if match is None:
                break
            cell = match.group()
            quoted = bool(self.quote) and cell.startswith(self.quote)
            if quoted:
                cell = cell[1:-1]
            if self.escape:
                cell = re.sub(re.escape(self.escape) + rb"([\s\S])", rb"\1", cell)
            elif quoted:
                cell = cell.replace(self.quote * 2, self.quote)
            cells.append(cell)
            at = match.end() + 1
        return cells

    def fault(self, line: bytes, end: bytes) -> str:
        """Why a line is not a row, as a sentence; `end` is how it ends."""
        prefix = self.prefix.match(line)
        at = prefix.end() if prefix else 0
        rest, before = line[at:], line[:at]
        where = f"at byte {at + 1} of the row"
        if not rest:
            told = {"lf": "LF", "crlf": "CRLF", "cr": "CR"}.get(self.line_end, "a line end")
            return f"the line ends with {LINE_END_NAMES.get(end, 'nothing')}, not with {told}"
        if rest[:1] in {b"\r", b"\n"}:
            return f"a stray {LINE_END_NAMES[rest[:1]]} {where}"
        if rest[:1] == self.quote and (not before or before.endswith(self.delimiter)):
            return f"badly quoted: the quote opened {where} is not closed where a cell ends"
        if rest[:1] in {self.quote, self.escape}:
            return f"badly quoted: a quote or escape inside a cell, {where}"
        return f"badly quoted: text after a closing quote, {where}"


def csv_grammar(dialect: Dialect, width: int) -> Grammar:
    """The form of delimited rows.

    Args:
        dialect: the feed's.
        width: cells that a row must have to span several lines. One of another width is taken for badly quoted, as an
            unclosed quote would otherwise swallow the rows up to the next quote.
    """
    quote, escape, delimiter = (re.escape(sign.encode()) for sign in (dialect.quote, dialect.escape, dialect.delimiter))
    end = LINE_ENDS[dialect.line_end]
    letters = rb"[^" + delimiter + quote + escape + rb"\r\n]*+"
    bare = letters + (rb"(?:" + escape + rb"[^\r\n]" + letters + rb")*+" if escape else b"")

    def cell(inside: bytes, after_escape: bytes) -> bytes:
        if not quote:
            return bare
        twice = escape + after_escape if escape else quote + quote
        text = rb"[^" + quote + escape + inside + rb"]*+"
        return rb"(?:" + quote + text + rb"(?:" + twice + text + rb")*+" + quote + rb"|" + bare + rb")"

    one, any_lines = cell(rb"\r\n", rb"[^\r\n]"), cell(b"", rb"[\s\S]")
    record = one + rb"(?:" + delimiter + one + rb")*+"
    full = any_lines + rb"(?:" + delimiter + any_lines + rb"){" + str(max(width, 1) - 1).encode() + rb"}"
    return Grammar(
        record=record,
        full=full,
        one_cell=any_lines,
        end=end,
        physical=LINE_PATTERNS[dialect.line_end],
        delimiter=dialect.delimiter.encode(),
        quote=dialect.quote.encode(),
        escape=dialect.escape.encode(),
        line_end=dialect.line_end,
    )


def line_grammar() -> Grammar:
    """The form of rows that are lines to LF, or CRLF: JSON Lines."""
    text = rb"(?:[^\r\n]++|\r(?!\n))*+"
    return Grammar(
        record=text,
        full=text,
        one_cell=text,
        end=rb"\r?\n",
        physical=LINE_PATTERNS["crlf"],
        delimiter=b"",
        quote=b"",
        escape=b"",
        line_end="lf",
        crlf=True,
    )
