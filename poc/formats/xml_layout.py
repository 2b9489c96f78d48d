"""XML records that are written alike: the same elements in the same order, one after the other, without attributes.

Programs write their records so. The bytes are checked by the XML parser, which builds no tree of them, and one regular
expression, made of the first record, takes the values out of many records at once. Where anything is unusual, such as a
comment, an entity or another order of elements, it stops, and the file is read as a tree from there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from poc.formats.xml_paths import SPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from poc.formats.compression import ByteStream

#: Bytes that are read at once, and the most bytes before the first record.
PIECE_BYTES, HEAD_BYTES = 2 << 20, 1 << 20

#: What follows the last record.
END = re.compile(rb"(?:\s*+</[\w.-]++\s*+>)*+\s*+")

#: The declaration of a file in UTF-8.
DECLARATION = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:<\?xml\s(?:(?!encoding)[^?>])*+(?:encoding=["'](?i:utf-8|us-ascii)["'][^?>]*)?\?>)?"""
)


class XmlLayout:
    """The layout of a record: the names of its element and of the elements in it, and their fields."""

    def __init__(self, record: str, tags: Sequence[str], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.start = f"<{record}>".encode()
        self.like_start = re.compile(rf"<(?:[\w.-]+:)?{re.escape(record)}[\s/>]".encode())
        cells = [rf"<{re.escape(tag)}>([^<&\r]*+)</{re.escape(tag)}>" for tag in tags]
        source = rf"<{re.escape(record)}>\s*+" + r"\s*+".join(cells) + rf"\s*+</{re.escape(record)}>\s*+"
        self._values = re.compile(source)
        plain = source.replace("(", "(?:").replace("(?:?:", "(?:").encode()
        self.record = re.compile(plain)
        self.records = re.compile(rb"(?:" + plain + rb")*+")

    def columns(self, data: bytes) -> pl.DataFrame | None:
        """Return the values of records; None where they are no UTF-8."""
        try:
            found = self._values.findall(data.decode())
        except UnicodeDecodeError:
            return None
        by_field = [found] if len(self.names) == 1 else list(zip(*found, strict=True))
        frame = pl.DataFrame(dict(zip(self.names, by_field, strict=True)), dict.fromkeys(self.names, pl.String))
        return frame.select(pl.all().str.strip_chars(SPACE))


@dataclass(slots=True)
class AlikeLines:
    """The records of a block as they are in the file."""

    layout: XmlLayout
    data: bytes
    first_row: int
    _rows: list[bytes] = field(default_factory=list)

    def original(self, row: int) -> bytes:
        """Return the bytes of a record. Raises KeyError for a row of another block."""
        if not self._rows:
            self._rows = [match[0].rstrip() for match in self.layout.record.finditer(self.data)]
        if not 0 <= row - self.first_row < len(self._rows):
            raise KeyError(row)
        return self._rows[row - self.first_row]

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return the bytes of records."""
        return [self.original(row) for row in rows]


def alike_blocks(stream: ByteStream, layout: XmlLayout, check: Callable[[bytes], Any]) -> Iterator[bytes | None]:
    """Yield the bytes of records that are alike, in blocks; None in the end, if the rest of the file is different.

    Args:
        stream: the file, from its start.
        layout: of its records.
        check: checks the next bytes of the file.
    """
    data = b""
    while len(data) < HEAD_BYTES and (piece := stream.read(HEAD_BYTES)):
        data += piece
    head = data.find(layout.start)
    declared = DECLARATION.match(data)
    before = data[declared.end() if declared else 0 : max(head, 0)]
    first = layout.like_start.search(data)
    if head < 0 or first is None or first.start() != head or any(sign in before for sign in (b"<!", b"<?", b"xmlns")):
        yield None
        return
    check(data)
    at = head
    while True:
        match = layout.records.match(data, at)
        end = match.end() if match else at
        if end > at:
            yield data[at:end]
        rest = data[end:]
        if len(rest) > HEAD_BYTES + PIECE_BYTES:
            yield None
            return
        piece = stream.read(PIECE_BYTES)
        if not piece:
            if not END.fullmatch(rest):
                yield None
            return
        check(piece)
        data, at = rest + piece, 0
