"""Grammar of rows: regular expressions over bytes, compiled from a feed's dialect.

Only this module decides the structure, and strictly: a record is cells between delimiters, each quoted from its first
byte to its last or without any quote, up to a line end as declared. All quantifiers are possessive, so matching takes
time in proportion to the bytes read, for any file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poc.config.dialect import Dialect

#: Regular expressions by declared line end: the end of a row, and a physical line whatever it holds.
LINE_ENDS = {"any": rb"(?:\r\n?|\n)", "lf": rb"\n", "crlf": rb"\r\n", "cr": rb"\r(?!\n)"}
LINE_PATTERNS = {
    "any": rb"([^\r\n]*+)(?:\r\n?|\n)",
    "lf": rb"([^\n]*+)\n",
    "crlf": rb"((?:[^\r\n]++|\r(?!\n))*+)\r?\n",
    "cr": rb"([^\r]*+)\r\n?",
}
BROKEN_ENDS = {"any": rb"(?:\r\n?|\n)", "lf": rb"\n", "crlf": rb"\r?\n", "cr": rb"\r\n?"}
#: Regular expressions by declared line end: a byte that ends no physical line.
LINE_BYTES = {"any": rb"[^\r\n]", "lf": rb"[^\n]", "crlf": rb"(?:[^\r\n]|\r(?!\n))", "cr": rb"[^\r]"}
LINE_END_NAMES = {b"\n": "LF", b"\r": "CR", b"\r\n": "CRLF"}

#: Below this size, rows are located one by one: starting numpy would take longer.
MIN_NUMPY_BYTES = 4 * 1024

Spans = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


@dataclass(frozen=True)
class Grammar:
    """Grammar of one format's rows, as sources of regular expressions.

    `record` is a row on one line, `multiline_record` one that may have several, `cell` one cell, `end` a line end,
    `broken_record` a row that is not well-formed, with its end. A clean file needs none of them, so each is compiled
    on first use. With `blank_is_row`, a blank line is a row of one empty cell.
    """

    record: bytes
    multiline_record: bytes
    cell: bytes
    end: bytes
    broken_record: bytes
    delimiter: bytes
    quote: bytes
    escape: bytes
    line_end: str
    blank_is_row: bool = False
    crlf: bool = False  # lines end with LF, and a CR before it belongs to the line end

    @cached_property
    def rows_pattern(self) -> re.Pattern[bytes]:
        """The longest run of well-formed rows with their line ends."""
        return re.compile(rb"(?:" + self.record + self.end + rb"|" + self.multiline_record + self.end + rb")*+")

    @cached_property
    def last_row_pattern(self) -> re.Pattern[bytes]:
        """A well-formed row without a line end."""
        return re.compile(rb"(?:" + self.record + rb"\Z|" + self.multiline_record + rb"\Z)")

    @cached_property
    def row_pattern(self) -> re.Pattern[bytes]:
        """A well-formed row (group 1) with its line end, if it has one."""
        stop = rb"(?=" + self.end + rb"|\Z)"
        either = self.record + stop + rb"|" + self.multiline_record + stop
        return re.compile(rb"(" + either + rb")(?:" + self.end + rb"|\Z)")

    @cached_property
    def broken_row_pattern(self) -> re.Pattern[bytes]:
        """A row that is not well-formed (group 1), with its line end if it has one.

        It has several lines if they lie inside a closed quote.
        """
        return re.compile(self.broken_record)

    @cached_property
    def prefix_pattern(self) -> re.Pattern[bytes]:
        """The longest run of well-formed cells."""
        return re.compile(self.multiline_record)

    @cached_property
    def cell_pattern(self) -> re.Pattern[bytes]:
        """One cell, which may span several lines."""
        return re.compile(self.cell)

    @cached_property
    def header_pattern(self) -> re.Pattern[bytes]:
        """A well-formed record of any width (group 1) on any number of lines, with its line end if it has one."""
        record = self.cell + rb"(?:" + re.escape(self.delimiter) + self.cell + rb")*+"
        return re.compile(rb"(" + record + rb")(?:" + self.end + rb"|\Z)")

    def is_plain(self, data: bytes, start: int, end: int, record_bytes: int) -> bool:
        """Return whether every line is a row: no quote, line ends as declared, and no line longer than allowed."""
        if self.has_quote_or_escape(data, start, end):
            return False
        if self.line_end == "lf" and not self.crlf and data.find(b"\r", start, end) >= 0:
            return False
        if self.line_end == "cr" and data.find(b"\n", start, end) >= 0:
            return False
        if self.line_end == "crlf":
            pairs = data.count(b"\r\n", start, end)
            if not pairs == data.count(b"\n", start, end) == data.count(b"\r", start, end):
                return False
        # a line that is too long contains at least one of these windows
        window = max(record_bytes // 2, 1)
        return all(
            data.find(b"\n", at, at + window) >= 0 or self._has_cr(data, at, at + window)
            for at in range(start, end - window + 1, window)
        )

    def plain_run_end(self, data: bytes, start: int, end: int, record_bytes: int) -> int:
        """Return where the plain lines from `start` on end: before the line of the next quote or escape."""
        for char in (self.quote, self.escape):
            if char and (at := data.find(char, start, end)) >= 0:
                end = at
        end = self.plain_end(data, start, end)
        if self.line_end == "cr" and data.startswith(b"\n", end):
            return start
        return end if end > start and self.is_plain(data, start, end, record_bytes) else start

    def has_quote_or_escape(self, data: bytes, start: int, end: int) -> bool:
        """Return whether the range contains a quote or escape character."""
        return any(char and data.find(char, start, end) >= 0 for char in (self.quote, self.escape))

    def plain_end(self, data: bytes, start: int, end: int) -> int:
        """Return where the last line of a plain range ends, or `start` if it has no line end."""
        last = data.rfind(b"\n", start, end) if self.line_end != "cr" else -1
        if self.line_end in {"any", "cr"} and data.find(b"\r", max(start, last), end) >= 0:
            last = max(last, data.rfind(b"\r", max(start, last), end))
        return max(last + 1, start)

    def spans(self, data: bytes, start: int, end: int) -> Spans:
        """Return where the rows of a well-formed range start and end, without line ends; blank lines if they are rows.

        A range that ends with a line end has no row after it.
        """
        if end - start > MIN_NUMPY_BYTES and not self.has_quote_or_escape(data, start, end):
            return self._blank_line_spans(data, start, end) if self.blank_is_row else self._line_spans(data, start, end)
        filled = 0 if self.blank_is_row else 1
        matches = self.row_pattern.finditer(data, start, end)
        spans = [(match.start(1), match.end(filled), match.end(1)) for match in matches]
        found = np.array([(at, to) for at, last, to in spans if last > at], dtype=np.int64).reshape(-1, 2)
        return found[:, 0], found[:, 1]

    def _line_spans(self, data: bytes, start: int, end: int) -> Spans:
        codes = np.frombuffer(data, dtype=np.uint8, count=end - start, offset=start)
        ends = codes == 10
        if not self.crlf:
            ends |= codes == 13
        breaks = np.flatnonzero(ends) + start
        starts = np.concatenate(([start], breaks + 1))
        stops = np.concatenate((breaks, [end]))
        if self.crlf:
            stops -= (stops > starts) & (codes[np.maximum(stops - 1 - start, 0)] == 13) & (stops < end)
        filled = stops > starts
        return starts[filled], stops[filled]

    @staticmethod
    def _blank_line_spans(data: bytes, start: int, end: int) -> Spans:
        codes = np.frombuffer(data, dtype=np.uint8, count=end - start, offset=start)
        is_cr, is_lf = codes == 13, codes == 10
        in_pair = np.zeros(len(codes), dtype=bool)  # an LF after a CR: both are one line end
        in_pair[1:] = is_lf[1:] & is_cr[:-1]
        breaks = np.flatnonzero((is_cr & ~np.append(in_pair[1:], False)) | is_lf)
        starts = np.concatenate(([0], breaks + 1)) + start
        stops = np.concatenate((breaks - in_pair[breaks], [len(codes)])) + start
        last = len(starts) - (starts[-1] == end)
        return starts[:last], stops[:last]

    def _has_cr(self, data: bytes, start: int, end: int) -> bool:
        return self.line_end in {"any", "cr"} and data.find(b"\r", start, end) >= 0

    def split_cells(self, record: bytes) -> list[bytes]:
        """Split a well-formed record into its cells, without quotes and escapes."""
        cells, at = [], 0
        while at <= len(record):
            match = self.cell_pattern.match(record, at)
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
            at = match.end() + len(self.delimiter)
        return cells

    def explain_fault(self, line: bytes, end: bytes) -> str:
        """Explain why a line is not a row; `end` is its line end."""
        prefix = self.prefix_pattern.match(line)
        at = prefix.end() if prefix else 0
        rest, before = line[at:], line[:at]
        where = f"at byte {at + 1} of the row"
        if not rest:
            declared = {"lf": "LF", "crlf": "CRLF", "cr": "CR"}.get(self.line_end, "a line end")
            return f"the line ends with {LINE_END_NAMES.get(end, 'nothing')}, not with {declared}"
        if rest[:1] in {b"\r", b"\n"}:
            return f"a stray {LINE_END_NAMES[rest[:1]]} {where}"
        if rest[:1] == self.quote and (not before or before.endswith(self.delimiter)):
            return f"badly quoted: the quote opened {where} is not closed where a cell ends"
        if rest[:1] in {self.quote, self.escape}:
            return f"badly quoted: a quote or escape inside a cell, {where}"
        return f"badly quoted: text after a closing quote, {where}"


def csv_grammar(dialect: Dialect, codec: str, *, one_column: bool = False) -> Grammar:
    """Return the grammar of delimited rows of any number of cells.

    A record of several lines counts as a row whatever its number of cells, so that no line inside its quotes is taken
    for a row. In a broken record, too, the lines inside a quote belong to it if the quote is closed: where the next one
    stands at the start of a cell and text follows, it opens a cell, and the quote before it was never closed.

    Args:
        dialect: of the feed.
        codec: the encoding of the bytes that are split.
        one_column: whether rows have one cell, so that a blank line is one.
    """
    quote, escape = (re.escape(char.encode()) for char in (dialect.quote, dialect.escape))
    sign = dialect.delimiter.encode(codec)
    first, delimiter = re.escape(sign[:1]), re.escape(sign)
    end = LINE_ENDS[dialect.line_end]
    text = rb"[^" + first + quote + escape + rb"\r\n]*+"
    if len(sign) > 1:  # its first byte alone is text
        text = rb"(?:" + text[:-2] + rb"++|" + first + rb"(?!" + re.escape(sign[1:]) + rb"))*+"
    bare = text + (rb"(?:" + escape + rb"[^\r\n]" + text + rb")*+" if escape else b"")

    def quoted(excluded: bytes, after_escape: bytes) -> bytes:
        escaped = escape + after_escape if escape else quote + quote
        inside = rb"[^" + quote + escape + excluded + rb"]*+"
        return quote + inside + rb"(?:" + escaped + inside + rb")*+" + quote

    one_line = multiline = bare
    line = broken = rb"(?:(?!" + delimiter + rb")" + LINE_BYTES[dialect.line_end] + rb")*+"
    if quote:
        one_line = rb"(?:" + quoted(rb"\r\n", rb"[^\r\n]") + rb"|" + bare + rb")"
        multiline = rb"(?:" + quoted(b"", rb"[\s\S]") + rb"|" + bare + rb")"
        closes = rb"(?:(?<!" + delimiter + quote + rb")(?<![\r\n]" + quote + rb")|(?=" + delimiter + rb"|[\r\n \t]|\Z))"
        broken = rb"(?:" + quoted(b"", rb"[\s\S]") + closes + line + rb"|" + line + rb")"
    return Grammar(
        record=one_line + rb"(?:" + delimiter + one_line + rb")*+",
        multiline_record=multiline + rb"(?:" + delimiter + multiline + rb")*+",
        cell=multiline,
        end=end,
        broken_record=rb"("
        + broken
        + rb"(?:"
        + delimiter
        + broken
        + rb")*+)(?:"
        + BROKEN_ENDS[dialect.line_end]
        + rb"|\Z)",
        delimiter=sign,
        quote=dialect.quote.encode(),
        escape=dialect.escape.encode(),
        line_end=dialect.line_end,
        blank_is_row=one_column,
    )


def line_grammar() -> Grammar:
    """Return the grammar of rows that are lines ended by LF or CRLF: JSON Lines."""
    text = rb"(?:[^\r\n]++|\r(?!\n))*+"
    return Grammar(
        record=text,
        multiline_record=text,
        cell=text,
        end=rb"\r?\n",
        broken_record=LINE_PATTERNS["crlf"],
        delimiter=b"",
        quote=b"",
        escape=b"",
        line_end="lf",
        crlf=True,
    )
