"""Grammar of rows: regular expressions over bytes, compiled from a feed's dialect.

Only this module decides the structure, and strictly: a record is cells between delimiters, each quoted from its first
byte to its last or without any quote, up to a line end as declared. All quantifiers are possessive, so matching takes
time in proportion to the bytes read, for any file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from poc.formats.quote_notes import stray_quote_note, text_after_quote_note, unclosed_quote_note

LINE_PATTERNS = {
    "any": rb"([^\r\n]*+)(?:\r\n?|\n)",
    "lf": rb"([^\n]*+)\n",
    "crlf": rb"((?:[^\r\n]++|\r(?!\n))*+)\r?\n",
    "cr": rb"([^\r]*+)\r\n?",
}


LINE_END_NAMES = {b"\n": "LF", b"\r": "CR", b"\r\n": "CRLF"}


def blanks(*signs: bytes) -> bytes:
    """Return a class of the blanks that are no signs of a dialect, as source of a regular expression."""
    four = (b" ", b"\t", b"\f", b"\v")  # a dialect has three signs at most, so one is left
    return rb"[" + b"".join(blank for blank in four if blank not in signs) + rb"]"


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
    def line_pattern(self) -> re.Pattern[bytes]:
        """A line (group 1) with its end, whether it is a row or not."""
        return re.compile(LINE_PATTERNS["crlf" if self.crlf else self.line_end])

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

        It has several lines if they lie inside a closed quote. Any other group is a quote that is not closed in the
        bytes searched, but may be after them.
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

    @cached_property
    def stray_quote_pattern(self) -> re.Pattern[bytes] | None:
        """A line (group 1) whose cells begin without blanks and a quote, with its end; None for unusual dialects."""
        if self.escape or not self.quote or len(self.delimiter) != 1 or self.line_end == "cr":
            return None
        sign = re.escape(self.delimiter)
        cell = (
            rb"(?!" + blanks(self.delimiter, self.quote) + rb"*+" + re.escape(self.quote) + rb")[^" + sign + rb"\r\n]*+"
        )
        return re.compile(rb"(" + cell + rb"(?:" + sign + cell + rb")*+)" + self.end)

    def is_plain(self, data: bytes, start: int, end: int, record_bytes: int) -> bool:
        """Return whether every line is a row: no quote, line ends as declared, and no line longer than allowed."""
        return not self.has_quote_or_escape(data, start, end) and self.has_plain_lines(data, start, end, record_bytes)

    def has_plain_lines(self, data: bytes, start: int, end: int, record_bytes: int) -> bool:
        """Return whether all line ends are as declared, and no line is longer than allowed."""
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
        if self.line_end == "any" and end - start <= record_bytes // 2:
            return end
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

    def explain_fault(self, line: bytes, end: bytes, at: int = -1) -> str:
        """Explain why a line is not a row; `end` is its line end, `at` where its first cells end, if that is known."""
        if at < 0:
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
            return unclosed_quote_note(at)
        if rest[:1] in {self.quote, self.escape}:
            return stray_quote_note(at)
        return text_after_quote_note(at)


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
