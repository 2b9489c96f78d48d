"""Header and trailer records: take them out of the rows, and compare their counts and sums with the rows.

A file that ends before its trailer, or whose rows are not as many as its records say, was cut or put together from
several, so it is refused whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING

from poc.batch import Finding
from poc.config.formats.fixed_width import Span
from poc.errors import ContractBreach
from poc.formats.csv_grammar import csv_grammar
from poc.formats.encodings import splitting_codec
from poc.formats.parsed_block import BROKEN
from poc.formats.record_block import RecordBlock
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.config.formats.control_records import ControlRecord, Place
    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import ParsedBlock

#: Error codes of a file with another number of rows than a record says, and with another sum.
WRONG_COUNT, WRONG_SUM = "row-count-error", "checksum-error"

#: How numbers are added up: with all digits that an amount may have; a sum beyond every exponent is infinite.
ADDITION = Context(prec=100, traps=[InvalidOperation])


class ControlRecords:
    """The header and trailer records of one feed's files."""

    def __init__(self, feed: Feed, expected: ExpectedFields) -> None:
        self.header, self.trailer = feed.header, feed.trailer
        self.has_header = feed.header is not None
        codec = splitting_codec(feed.dialect.encoding)
        self._header_start = b"" if feed.header is None else feed.header.starts.encode(codec)
        self.trailer_start = b"" if feed.trailer is None else feed.trailer.starts.encode(codec)
        self._grammar = csv_grammar(feed.dialect, "utf-8")
        self._decimal_chars = expected.decimal_chars
        self._group_chars = expected.group_chars

    def header_fault(self, record: bytes) -> str:
        """Explain why the first line of a file is no header record; empty if it is one."""
        if record.startswith(self._header_start):
            return ""
        begins = truncate(record.decode("utf-8", "replace").rstrip("\r\n"))
        assert self.header is not None  # noqa: S101 (only called for a feed with a header record)
        return f"the first line is {begins!r}, and the header record begins with {self.header.starts!r}"

    def check_of(self, header: bytes, encoding: TextEncoding, *, strict: bool = True) -> ControlCheck:
        """Return the check of one file; one that is not `strict` only leaves the trailer out of the rows."""
        return ControlCheck(self, header, encoding, strict)

    def read_number(self, record: bytes, place: Place, encoding: TextEncoding, what: str, field_name: str) -> Decimal:
        """Return a number of a control record. Raises ContractBreach."""
        text = bytes(encoding.utf8(record) or b"")
        if isinstance(place, Span):
            value = text.decode()[place.start - 1 : place.end].strip()
        else:
            cells = self._grammar.split_cells(text)
            value = cells[place - 1].decode().strip() if place <= len(cells) else ""
        try:
            return self.number_of(field_name, value)
        except InvalidOperation as error:
            raise ContractBreach(WRONG_COUNT, f"the {what} has {truncate(value)!r} in place of a number") from error

    def number_of(self, field_name: str, text: str) -> Decimal:
        """Return a number in the notation of a field; "" for none. Raises InvalidOperation."""
        if group := self._group_chars.get(field_name):
            text = text.replace(group, "")
        return as_number(text, self._decimal_chars.get(field_name, "."))


@dataclass(slots=True)
class ControlCheck:
    """The control records of one file while it is read: counts its rows, and adds up the fields that have a sum."""

    records: ControlRecords
    header: bytes
    encoding: TextEncoding
    strict: bool
    _trailer: bytes | None = None
    _sums: dict[str, Decimal] = field(default_factory=dict)
    _unreadable: bool = False
    _unknown: int = 0  #: rows that are no record of the format, which a count may leave out
    _unknown_note: str = ""  #: of the first of them

    def without_trailer(self, blocks: Iterator[RecordBlock]) -> Iterator[RecordBlock]:
        """Yield the blocks of rows; the last row of the file is its trailer. Raises ContractBreach."""
        if self.records.trailer is None:
            yield from blocks
            return
        previous: RecordBlock | None = None
        for block in blocks:
            if not len(block.spans()[0]):
                continue  # blank lines, which may follow after the trailer
            if previous is not None:
                self._refuse_early_trailer(previous, len(previous.spans()[0]))
                yield previous
            previous = block
        if previous is not None:
            previous = self._take_trailer(previous)
            if previous.runs or previous.broken:
                yield previous
        if self._trailer is None and self.strict:
            starts = self.records.trailer.starts
            raise ContractBreach(WRONG_COUNT, f"the file was cut: its last line does not begin with {starts!r}")

    def add(self, parsed: ParsedBlock) -> None:
        """Add the values of a block to the sums."""
        names = {name for record in (self.records.header, self.records.trailer) if record for name in record.sums}
        self._unreadable |= bool(names and parsed.faults)
        for row_faults in parsed.faults.values():
            notes = [note for code, _, note in row_faults if code == BROKEN]
            self._unknown += bool(notes)
            self._unknown_note = self._unknown_note or next(iter(notes), "")
        for name in names:
            try:
                numbers = [
                    self.records.number_of(name, text) for text in parsed.frame.get_column(name) if text is not None
                ]
                with localcontext(ADDITION):
                    self._sums[name] = sum(numbers, self._sums.get(name, Decimal(0)))
            except InvalidOperation:
                self._unreadable = True

    def finish(self, rows: int) -> tuple[Finding, ...]:
        """Compare the records with the rows; return notes on sums that could not be compared. Raises ContractBreach."""
        if not self.strict:
            return ()
        notes: list[Finding] = []
        for what, record, text in (
            ("header record", self.records.header, self.header),
            ("trailer", self.records.trailer, self._trailer),
        ):
            if record is not None and text is not None:
                self._compare_count(what, record, text.rstrip(b"\r\n"), rows)
                notes += self._compare_sums(what, record, text.rstrip(b"\r\n"))
        return tuple(notes)

    def _compare_count(self, what: str, record: ControlRecord, text: bytes, rows: int) -> None:
        if record.count is None:
            return
        count = self.records.read_number(text, record.count, self.encoding, what, "")
        if count != rows + record.count_adds:
            has = f"{rows + record.count_adds:,}{' with its control records' if record.count_adds else ''}"
            cause = f"; of these, {self._unknown:,} cannot be read: {self._unknown_note}" if self._unknown else ""
            raise ContractBreach(WRONG_COUNT, f"the {what} says {count:,} rows, and the file has {has}{cause}")

    def _compare_sums(self, what: str, record: ControlRecord, text: bytes) -> Iterator[Finding]:
        for name, place in record.sums.items():
            wanted = self.records.read_number(text, place, self.encoding, what, name)
            total = self._sums.get(name, Decimal(0))
            if self._unreadable:
                note = f"the sum of {name} in the {what} was not compared: a row is unreadable"
                yield Finding(0, WRONG_SUM, name, note)
            elif wanted != total:
                raise ContractBreach(
                    WRONG_SUM, f"the {what} says {wanted} as the sum of {name}, and the rows have {total}"
                )

    def _take_trailer(self, block: RecordBlock) -> RecordBlock:
        starts, ends = block.spans()
        start = int(starts[-1])
        if not block.data.startswith(self.records.trailer_start, start):
            self._refuse_early_trailer(block, len(starts))
            return block
        self._refuse_early_trailer(block, len(starts) - 1)
        self._trailer = block.data[start : int(ends[-1])]
        runs = [(first, min(last, start)) for first, last in block.runs if first < start]
        return RecordBlock(block.data, block.grammar, runs, [row for row in block.broken if row[0] < start])

    def _refuse_early_trailer(self, block: RecordBlock, rows: int) -> None:
        """Refuse a file that goes on after a trailer: among the first `rows` rows of a block, none begins as one."""
        start = self.records.trailer_start
        if not self.strict or start not in block.data:
            return
        for begin in block.spans()[0][:rows].tolist():
            if block.data.startswith(start, begin):
                line = truncate(block.data[begin : begin + 80].decode("utf-8", "replace").splitlines()[0])
                raise ContractBreach(BROKEN, f"rows follow after the trailer {line!r}")


def as_number(text: str, decimal_mark: str = ".") -> Decimal:
    """Return a number as it is written in a file. Raises InvalidOperation."""
    number = Decimal(text.replace(decimal_mark, ".") if decimal_mark != "." else text)
    if not number.is_finite():
        raise InvalidOperation
    return number
