"""Text encodings: decode rows to UTF-8, and restore a row's original bytes.

Rows are split and parsed in a form in which a line end, a quote and a delimiter are the bytes of ASCII and nothing else
has these bytes. UTF-8 and encodings of one byte a character that extend ASCII have this form. All others are converted
to UTF-8 on reading, and back when a row's original bytes are requested. The conversion loses nothing: bytes that are
not valid, and characters that would be encoded to other bytes than those they came from, become marks that no UTF-8
text contains.
"""

from __future__ import annotations

import codecs
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poc.config.formats.dialect import Dialect
    from poc.formats.compression import ByteStream

#: Marks of a conversion: before bytes that are not valid in the encoding, and before a character's unusual bytes, which
#: `SEPARATOR` parts from the character. Each byte follows as two UTF-8 continuation bytes, so that no mark is split.
INVALID, UNUSUAL, SEPARATOR = b"\xff", b"\xfe", b"\xbf"
MARKED = re.compile(rb"\xff([\x80-\x8f]+)|\xfe([\x80-\x8f]*)\xbf([\x80-\x8f]*)")

#: A byte that is not valid, as `surrogateescape` decodes it.
ESCAPED = re.compile("[\udc80-\udcff]")

#: Encodings in which sequences of ASCII characters shift the meaning of what follows.
SHIFTING = ("iso2022", "hz", "utf-7")

#: Encodings whose byte order a mark at the start of the file says.
MARKED_ORDER = {"utf-16": ("utf-16-le", "utf-16-be"), "utf-32": ("utf-32-le", "utf-32-be")}


class TextEncoding:
    """Encoding of one file: reads its bytes after the byte order mark, converts rows to UTF-8 and back.

    `is_single_byte`: each byte is a character, and those of ASCII mean the same. `order_note` says which byte order was
    taken for want of a mark; empty for a file that says it, or has none.
    """

    def __init__(self, dialect: Dialect, stream: ByteStream) -> None:
        self.encoding = dialect.encoding
        self._stream = stream
        self._pending = self._read_first(4)
        self.codec = file_codec(self.encoding, self._pending)
        self.mark = byte_order_mark(self.codec, self._pending)
        self._pending = self._pending[len(self.mark) :]
        is_assumed = codec_name(self.encoding) in MARKED_ORDER and not self.mark and self._pending
        self.order_note = f"{self.encoding} without a byte order mark, read as {self.codec}" if is_assumed else ""
        as_is = splitting_codec(self.encoding) == self.codec
        self.is_single_byte = as_is and self.codec not in {"utf-8", "ascii"}
        self._converter = (
            None if as_is else Converter(self.codec, "\r\n" + dialect.delimiter + dialect.quote + dialect.escape)
        )

    def read(self, size: int, /) -> bytes:
        """Read about `size` bytes after the byte order mark; none at the end. Most encodings are converted to UTF-8."""
        while True:
            piece, self._pending = self._pending or self._stream.read(size), b""
            if self._converter is None:
                return piece
            if converted := self._converter.convert(piece, last=not piece):
                return converted
            if not piece:
                return b""

    def utf8(self, rows: bytes | memoryview) -> bytes | memoryview | None:
        """Decode rows as read to UTF-8; None if some bytes are not valid in the encoding."""
        raw = bytes(rows) if isinstance(rows, memoryview) and self.codec != "utf-8" else rows
        if isinstance(raw, bytes) and raw.isascii():
            return rows
        if self._converter is not None:
            return self._converter.utf8(bytes(raw))
        try:
            text = codecs.decode(raw, self.codec)
        except UnicodeDecodeError:
            return None
        return rows if self.codec == "utf-8" else text.encode()

    def fault(self, row: bytes) -> str:
        """Explain why a row cannot be decoded; empty for a row that can."""
        if self._converter is not None:
            valid, mark, _ = row.partition(INVALID)
            at, row = len(self.original(valid)) if mark else -1, self.original(row)
        else:
            at = invalid_at(row, self.codec)
        return f"not {self.encoding}: byte 0x{row[at]:02x} at position {at + 1}" if at >= 0 else ""

    def original(self, row: bytes) -> bytes:
        """Convert a row as read back to the bytes of the file."""
        return row if self._converter is None else self._converter.original(row)

    def originals(self, rows: list[bytes]) -> list[bytes]:
        """Convert rows as read back to the bytes of the file."""
        return rows if self._converter is None else [self._converter.original(row) for row in rows]

    def _read_first(self, size: int) -> bytes:
        start = b""
        while len(start) < size and (more := self._stream.read(size - len(start))):
            start += more
        return start


class Converter:
    """Conversion of a file to UTF-8 with marks, piece by piece, and back.

    Args:
        codec: of the file.
        structural: characters of the structure, which stand for it only as the encoding's own bytes.
    """

    def __init__(self, codec: str, structural: str) -> None:
        self._structural = structural
        self._own_codec = "ascii" if codec.startswith(SHIFTING) else codec  # a shift depends on what is around it
        self._decoder = codecs.getincrementaldecoder(codec)()

    def convert(self, piece: bytes, *, last: bool) -> bytes:
        """Return the next piece in UTF-8; incomplete characters at its end wait for the next one."""
        if (fast := self._convert_fast(piece, last=last)) is not None:
            return fast
        converted = bytearray()
        for line in piece.splitlines(keepends=True) or [b""]:
            fast = self._convert_fast(line, last=last)
            converted += self._convert_bytes(line, last=last) if fast is None else fast
        return bytes(converted)

    def utf8(self, rows: bytes) -> bytes | None:
        """Return rows as UTF-8 without marks; None if some bytes are not valid."""
        if INVALID in rows:
            return None
        return MARKED.sub(lambda mark: from_nibbles(mark[3]), rows) if UNUSUAL in rows else rows

    def original(self, row: bytes) -> bytes:
        """Return the bytes of a row in the file."""
        original, at = bytearray(), 0
        for mark in MARKED.finditer(row):
            original += row[at : mark.start()].decode().encode(self._own_codec)
            original += from_nibbles(mark[2] if mark[1] is None else mark[1])
            at = mark.end()
        return bytes(original + row[at:].decode().encode(self._own_codec))

    def _convert_fast(self, piece: bytes, *, last: bool) -> bytes | None:
        """Return a piece in UTF-8, or None if it has to be converted byte by byte."""
        before = self._decoder.getstate()
        try:
            text = self._decoder.decode(piece, last)
            whole = before[0] + piece
            if text.encode(self._own_codec) == whole[: len(whole) - len(self._decoder.getstate()[0])]:
                return text.encode()
        except UnicodeError:
            pass
        self._decoder.setstate(before)
        return None

    def _convert_bytes(self, piece: bytes, *, last: bool) -> bytes:
        """Convert byte by byte, with marks where the way back would give other bytes."""
        before = self._decoder.getstate()
        converted, consumed = self._mark_bytes(piece, last=last, everything=False)
        if self.original(converted) != consumed:  # characters that have other bytes together than alone
            self._decoder.setstate(before)
            converted, _ = self._mark_bytes(piece, last=last, everything=True)
        return converted

    def _mark_bytes(self, piece: bytes, *, last: bool, everything: bool) -> tuple[bytes, bytes]:
        """Return a piece in UTF-8 with marks, and the bytes it stands for."""
        waiting, flags = self._decoder.getstate()
        self._decoder.setstate((b"", flags))
        converted, raw, consumed = bytearray(), b"", bytearray()
        unread = bytearray(waiting + piece)[::-1]
        while unread or (last and raw):
            at_end = not unread
            byte = b"" if at_end else bytes([unread.pop()])
            raw += byte
            try:
                text = self._decoder.decode(byte, at_end)
            except UnicodeError as error:  # or it holds so many bytes that no character has
                after = error.object[error.end :] if isinstance(error, UnicodeDecodeError) else b""
                part = raw[: len(raw) - len(after)]
                converted += INVALID + to_nibbles(part)
                unread += after[::-1]
                raw = b""
                self._decoder.setstate((b"", self._decoder.getstate()[1]))
            else:
                held = b"" if at_end else self._decoder.getstate()[0]
                part, raw = raw[: len(raw) - len(held)], held
                converted += self._mark(part, text, everything=everything) if part else b""
            consumed += part
        return bytes(converted), bytes(consumed)

    def _mark(self, raw: bytes, text: str, *, everything: bool) -> bytes:
        """Return a character in UTF-8, with a mark if its bytes are not those that the encoding gives."""
        after = b""  # characters of ASCII as they are, after a shift or a character that ends with it
        while text[-1:].isascii() and (own := text[-1:].encode(self._own_codec)) and raw.endswith(own):
            raw, text, after = raw[: len(raw) - len(own)], text[:-1], text[-1:].encode() + after
        try:
            utf8 = text.encode()
        except UnicodeEncodeError:  # half a character
            return INVALID + to_nibbles(raw) + after
        if raw == text.encode(self._own_codec, "ignore") and not everything:
            return utf8 + after
        if any(char in self._structural for char in text):
            return INVALID + to_nibbles(raw) + after
        return UNUSUAL + to_nibbles(raw) + SEPARATOR + to_nibbles(utf8) + after


def to_nibbles(raw: bytes) -> bytes:
    """Return bytes as pairs of UTF-8 continuation bytes."""
    return bytes(0x80 | half for byte in raw for half in (byte >> 4, byte & 15))


def from_nibbles(pairs: bytes) -> bytes:
    """Return the bytes that `to_nibbles` was given."""
    return bytes((pairs[at] & 15) << 4 | pairs[at + 1] & 15 for at in range(0, len(pairs) - 1, 2))


def invalid_at(row: bytes, codec: str) -> int:
    """Return the position of the first byte that is not valid in an encoding, or -1."""
    if codec == "utf-8":  # without an exception, in half the time
        text = row.decode(codec, "surrogateescape")
        escaped = ESCAPED.search(text)
        return len(text[: escaped.start()].encode()) if escaped else -1
    try:
        row.decode(codec)
    except UnicodeDecodeError as error:
        return error.start
    return -1


@cache
def codec_name(encoding: str) -> str:
    """Return one name for all names of an encoding; `utf-8-sig` is `utf-8`, as a mark is always left out."""
    return codecs.lookup(encoding).name.removesuffix("-sig")


def file_codec(encoding: str, head: bytes) -> str:
    """Return the codec of a file by its first bytes; little-endian for UTF-16 and UTF-32 without a mark."""
    little, big = MARKED_ORDER.get(codec_name(encoding), (codec_name(encoding),) * 2)
    return big if byte_order_mark(big, head) else little


def byte_order_mark(codec: str, head: bytes) -> bytes:
    """Return the byte order mark at the start of a head; empty if there is none."""
    try:
        mark = "\ufeff".encode(codec)
    except UnicodeEncodeError:
        return b""
    return mark if head.startswith(mark) else b""


@cache
def splitting_codec(encoding: str) -> str:
    """Return the encoding in which the rows of a file are split: its own, or UTF-8 if it is converted."""
    codec = codec_name(encoding)
    ascii_bytes, others = bytes(range(128)), bytes(range(128, 256))
    if codec == "utf-8" or codec.startswith(SHIFTING):
        return "utf-8"
    try:
        characters = [bytes([byte]).decode(codec, "replace") for byte in others]
        extends_ascii = ascii_bytes.decode(codec) == ascii_bytes.decode("ascii")
        of_one_byte = others.decode(codec, "replace") == "".join(characters)
        alone = not any(character.isascii() for character in characters)
    except UnicodeError:
        return "utf-8"
    return codec if extends_ascii and of_one_byte and alone else "utf-8"
