"""Encodings: which bytes are letters, and how a row's bytes in the file are got back.

Rows are cut and read in memory in which a line end, a quote and a delimiter are one byte each. That holds for every
declared encoding as it comes, but for UTF-16, which becomes UTF-8 on the way in and UTF-16 again when a row's original
bytes are asked for. Nothing is lost on the way: a half surrogate and an odd last byte become bytes that are no UTF-8,
so that the row they stand in is set aside as undecodable, and can be turned back.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poc.formats.compression import ByteStream

#: What stands before an odd last byte of a UTF-16 file; no byte of UTF-8 text.
ODD_BYTE_MARK = 0xFF


class TextEncoding:
    """One file's encoding: its byte order mark, and the way to UTF-8 and back."""

    def __init__(self, encoding: str, stream: ByteStream) -> None:
        self.encoding = encoding
        self._stream = stream
        self._wide = encoding == "utf-16"
        self._start = self._first(3)
        self.mark = b""
        if encoding == "utf-8" and self._start.startswith(codecs.BOM_UTF8):
            self.mark = codecs.BOM_UTF8
        if self._wide and self._start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self.mark = self._start[:2]
        self._start = self._start[len(self.mark) :]
        self._codec = utf16_codec(self.mark) if self._wide else encoding
        self._wider = codecs.getincrementaldecoder(self._codec)("surrogatepass") if self._wide else None
        self._odd = b""

    def read(self, size: int, /) -> bytes:
        """Some bytes after the byte order mark, about `size`; none at the end. UTF-16 comes as UTF-8."""
        while True:
            piece, self._start = self._start or self._stream.read(size), b""
            if self._wider is None:
                return piece
            if not piece:
                return self._last()
            piece = self._odd + piece
            even = len(piece) & ~1
            piece, self._odd = piece[:even], piece[even:]
            if text := self._wider.decode(piece):
                return text.encode("utf-8", "surrogatepass")

    def utf8(self, rows: bytes | memoryview) -> bytes | memoryview | None:
        """Rows as read, in UTF-8; None where some of their bytes are no letters."""
        narrow = bytes(rows) if isinstance(rows, memoryview) and self.encoding != "utf-8" else rows
        if isinstance(narrow, bytes) and narrow.isascii():
            return rows
        try:
            text = codecs.decode(narrow, "utf-8" if self._wide else self.encoding)
        except UnicodeDecodeError:
            return None
        return rows if self._wide or self.encoding == "utf-8" else text.encode()

    def fault(self, row: bytes) -> str:
        """What keeps a row from being read as letters, as a sentence; none for a row that reads."""
        try:
            codecs.decode(row, "utf-8" if self._wide else self.encoding)
        except UnicodeDecodeError as error:
            if self._wide:
                return "not UTF-16: half a letter"
            return f"not {self.encoding}: byte 0x{row[error.start]:02x} at position {error.start + 1}"
        return ""

    def original(self, row: bytes) -> bytes:
        """A row as read, in the bytes that the file has."""
        if not self._wide:
            return row
        text, odd, halves = row.partition(bytes([ODD_BYTE_MARK]))
        original = text.decode("utf-8", "surrogatepass").encode(self._codec, "surrogatepass")
        return original + bytes([(halves[0] & 15) << 4 | halves[1] & 15]) if odd else original

    def _first(self, size: int) -> bytes:
        start = b""
        while len(start) < size and (more := self._stream.read(size - len(start))):
            start += more
        return start

    def _last(self) -> bytes:
        if self._wider is None:
            return b""
        rest = self._wider.decode(b"", final=True).encode("utf-8", "surrogatepass")
        self._wider.reset()
        odd, self._odd = self._odd, b""
        # two halves of a byte, each written as a byte that starts no letter: a row is never cut before such a one
        return rest + bytes([ODD_BYTE_MARK, 0x80 | odd[0] >> 4, 0x80 | odd[0] & 15]) if odd else rest


def utf16_codec(mark: bytes) -> str:
    """Which UTF-16 a byte order mark tells; without one, the little end comes first, as Windows writes it."""
    return "utf-16-be" if mark.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
