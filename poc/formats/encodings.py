"""Text encodings: decode rows to UTF-8, and restore a row's original bytes.

Rows are split and parsed in a form in which a line end, a quote and a delimiter are one byte each. Every supported
encoding has this form except UTF-16, which is converted to UTF-8 on reading and back when a row's original bytes are
requested. The conversion loses nothing: an unpaired surrogate and an odd last byte become invalid UTF-8, so that their
row is rejected as undecodable and can still be converted back.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poc.formats.compression import ByteStream

#: Marks an odd last byte of a UTF-16 file; a byte that UTF-8 text never contains.
ODD_BYTE_MARK = 0xFF


class TextEncoding:
    """Encoding of one file: reads its bytes after the byte order mark, converts rows to UTF-8 and back."""

    def __init__(self, encoding: str, stream: ByteStream) -> None:
        self.encoding = encoding
        self._stream = stream
        self._is_utf16 = encoding == "utf-16"
        self._pending = self._read_first(3)
        self.mark = b""
        if encoding == "utf-8" and self._pending.startswith(codecs.BOM_UTF8):
            self.mark = codecs.BOM_UTF8
        if self._is_utf16 and self._pending.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            self.mark = self._pending[:2]
        self._pending = self._pending[len(self.mark) :]
        self._codec = utf16_codec(self.mark) if self._is_utf16 else encoding
        self._decoder = codecs.getincrementaldecoder(self._codec)("surrogatepass") if self._is_utf16 else None
        self._odd_byte = b""

    def read(self, size: int, /) -> bytes:
        """Read about `size` bytes after the byte order mark; none at the end. UTF-16 is converted to UTF-8."""
        while True:
            piece, self._pending = self._pending or self._stream.read(size), b""
            if self._decoder is None:
                return piece
            if not piece:
                return self._read_last()
            piece = self._odd_byte + piece
            even = len(piece) & ~1
            piece, self._odd_byte = piece[:even], piece[even:]
            if text := self._decoder.decode(piece):
                return text.encode("utf-8", "surrogatepass")

    def utf8(self, rows: bytes | memoryview) -> bytes | memoryview | None:
        """Decode rows as read to UTF-8; None if some bytes are not valid in the encoding."""
        raw = bytes(rows) if isinstance(rows, memoryview) and self.encoding != "utf-8" else rows
        if isinstance(raw, bytes) and raw.isascii():
            return rows
        try:
            text = codecs.decode(raw, "utf-8" if self._is_utf16 else self.encoding)
        except UnicodeDecodeError:
            return None
        return rows if self._is_utf16 or self.encoding == "utf-8" else text.encode()

    def fault(self, row: bytes) -> str:
        """Explain why a row cannot be decoded; empty for a row that can."""
        try:
            codecs.decode(row, "utf-8" if self._is_utf16 else self.encoding)
        except UnicodeDecodeError as error:
            if self._is_utf16:
                return "not UTF-16: half a character"
            return f"not {self.encoding}: byte 0x{row[error.start]:02x} at position {error.start + 1}"
        return ""

    def original(self, row: bytes) -> bytes:
        """Convert a row as read back to the bytes of the file."""
        if not self._is_utf16:
            return row
        text, odd, nibbles = row.partition(bytes([ODD_BYTE_MARK]))
        original = text.decode("utf-8", "surrogatepass").encode(self._codec, "surrogatepass")
        return original + bytes([(nibbles[0] & 15) << 4 | nibbles[1] & 15]) if odd else original

    def _read_first(self, size: int) -> bytes:
        start = b""
        while len(start) < size and (more := self._stream.read(size - len(start))):
            start += more
        return start

    def _read_last(self) -> bytes:
        if self._decoder is None:
            return b""
        rest = self._decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
        self._decoder.reset()
        odd, self._odd_byte = self._odd_byte, b""
        # two nibbles of the byte, each as a UTF-8 continuation byte: a row is never split before one
        return rest + bytes([ODD_BYTE_MARK, 0x80 | odd[0] >> 4, 0x80 | odd[0] & 15]) if odd else rest


def utf16_codec(mark: bytes) -> str:
    """Return the UTF-16 codec of a byte order mark; little endian without one, as Windows writes it."""
    return "utf-16-be" if mark.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
