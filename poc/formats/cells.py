"""Cells of a small file as lists of texts: for some hundred rows, splitting text costs less than starting a parser.

Only a file without anything unusual is split here: one block of well-formed rows, without a quote, under exactly the
contract's header. `TableReader.read` reads every other file, and reads these alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.record_block import RecordBlock


class BlockReader(Protocol):
    """Reader that can return a file's only block."""

    def only_block(self, source: BinaryIO) -> tuple[RecordBlock, FileHead, TextEncoding] | None:
        """Return the only block of a file, its head and its encoding; None for any other file."""


class CellReader:
    """Splits the small files of one feed into columns of texts.

    Args:
        feed: a feed of CSV files.
        names: the contract's fields.
        reader: the feed's reader.
        most_rows: the most rows of a file that is split here.
    """

    def __init__(self, feed: Feed, names: Sequence[str], reader: BlockReader, most_rows: int) -> None:
        dialect = feed.dialect
        self._reader = reader
        self._delimiter = dialect.delimiter
        self._signs = tuple(sign for sign in (dialect.quote, dialect.escape) if sign)
        self._width = len(names)
        self._header = dialect.delimiter.join(names).encode() if dialect.header else b""
        self._most_rows = most_rows

    def read(self, sources: Sequence[BinaryIO]) -> tuple[list[list[str]], list[int]] | None:
        """Return the columns of files in the contract's order, one file after the other, and the rows of each.

        Returns None where one of the files is not split here.

        Raises:
            ContractBreach: one of the files is a damaged archive.
        """
        texts = [self._text(source) for source in sources]
        whole = [text if text.endswith("\n") else f"{text}\n" for text in texts if text]
        columns = self._split("".join(whole)) if len(whole) == len(texts) else None
        return None if columns is None else (columns, [text.count("\n") for text in whole])

    def _text(self, source: BinaryIO) -> str | None:
        """Return the rows of a file of one well-formed block under exactly the contract's header."""
        only = self._reader.only_block(source)
        if only is None:
            return None
        block, head, encoding = only
        utf8 = encoding.utf8(bytes(block.well_formed())) if encoding.utf8(head.header) == self._header else None
        return None if utf8 is None else str(utf8, "utf-8")

    def _split(self, text: str) -> list[list[str]] | None:
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        if "\r" in text or any(sign in text for sign in self._signs):
            return None
        text = text.removesuffix("\n")
        rows, width, delimiter = text.count("\n") + 1, self._width, self._delimiter
        if rows > self._most_rows:
            return None
        # a line end stays at the start of the cell after it, to see that each row has its first cell where it belongs
        cells = text.replace("\n", f"{delimiter}\n").split(delimiter)
        first = "".join(cells[::width]).split("\n")
        if len(cells) != rows * width or len(first) != rows:
            return None
        return [first, *(cells[column::width] for column in range(1, width))]


def splits_cells(feed: Feed, names: Sequence[str]) -> bool:
    """Return whether small files of a feed can be split into cells."""
    dialect = feed.dialect
    if (
        feed.format != "csv"
        or feed.convert
        or feed.header
        or feed.trailer
        or len(dialect.delimiter) != 1
        or len(names) < 2
    ):
        return False
    signs = {dialect.delimiter, dialect.quote, dialect.escape} - {""}  # a name with one is written in another way
    return all(name.strip() and signs.isdisjoint(name) for name in names)
