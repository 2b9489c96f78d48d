"""Records of a body as text: JSON Lines, a JSON array or object, or CSV with a header.

Numbers keep the digits in which they were written. A file is read as a stream, so that its size does not matter.
"""

from __future__ import annotations

import base64
import codecs
import csv
import gzip
import json
import re
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO, RawIOBase, TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from poc.errors import BadInput
from poc.formats.json_values import NumberText, object_with_distinct_keys, reject_constant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO, TextIO


#: A record: each field's text, None for null. Arrays and objects are JSON without spaces.
Record: TypeAlias = dict[str, str | None]

BodyFormat: TypeAlias = Literal["auto", "jsonl", "json", "csv"]

#: Bytes that decide the format, and characters that are read at once.
SNIFFED_BYTES = 4096
PIECE_CHARACTERS = 1 << 16

#: The boundary of the parts of a form, in quotes or not; and how a gzip file begins.
BOUNDARY = re.compile(r"^multipart/form-data\s*;.*?\bboundary=(?:\"([^\"]+)\"|([^\s;]+))", re.IGNORECASE | re.DOTALL)
GZIP_MAGIC = b"\x1f\x8b"

#: Characters that JSON allows between values.
JSON_SPACE = " \t\r\n"

DECODER = json.JSONDecoder(
    parse_int=NumberText,
    parse_float=NumberText,
    parse_constant=reject_constant,
    object_pairs_hook=object_with_distinct_keys,
)


@dataclass(frozen=True, slots=True)
class SentBody:
    """Records that the monolith sent: a file, or the line of a journal at `offset`, in a Content-Encoding if any."""

    path: Path
    format: BodyFormat = "auto"
    coding: str = ""
    offset: int | None = None
    size_bytes: int = 0
    media_type: str = ""

    @contextmanager
    def open(self) -> Iterator[BufferedReader]:
        """Open the content, without its coding. Raises OSError, BadInput; reading EOFError and zlib.error as well."""
        with self.path.open("rb") as file:
            source: BinaryIO = file
            if self.offset is not None:
                file.seek(self.offset)
                source = BytesIO(base64.b64decode(json.loads(file.readline())["content"]))
            yield BufferedReader(cast("RawIOBase", open_coding(source, self.coding, self.path)))


def read_bodies(
    bodies: Iterable[SentBody], contents: Callable[[SentBody], Iterator[BufferedReader]] | None = None
) -> Iterator[Record]:
    """Yield the records of bodies; later CSV bodies may have the header again, or none.

    `contents` opens what is read of a body, all of it by default. Raises BadInput.
    """
    header: list[str] | None = None
    for body in bodies:
        try:
            for binary in (contents or open_contents)(body):
                body_format = body.format if body.format != "auto" else sniff_format(binary.peek(SNIFFED_BYTES))
                text = TextIOWrapper(binary, "utf-8-sig", newline="")
                if body_format == "csv":
                    header = yield from read_csv(text, header)
                else:
                    yield from read_json(text)
        except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, ValueError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise BadInput(f"{body.path}: its records cannot be read: {reason}") from error


def open_contents(body: SentBody) -> Iterator[BufferedReader]:
    """Yield the content of a body, or of each file in a form; one that is a gzip file is unpacked.

    Raises OSError, BadInput, EOFError; ValueError for a form without a file.
    """
    with body.open() as binary:
        boundary = BOUNDARY.search(body.media_type)
        if boundary is None:
            yield unpacked(binary)
            return
        files = 0
        for part in form_files(binary, (boundary[1] or boundary[2]).encode("latin-1")):
            files += 1
            yield unpacked(BufferedReader(cast("RawIOBase", part)))
        if not files:
            raise ValueError("the form has no file")


def unpacked(binary: BufferedReader) -> BufferedReader:
    """Return what is in a gzip file, or the same content."""
    if not binary.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
        return binary
    return BufferedReader(cast("RawIOBase", gzip.GzipFile(mode="rb", fileobj=binary)))


def form_files(binary: BufferedReader, boundary: bytes) -> Iterator[BinaryIO]:
    """Yield each file of a form (RFC 7578), in memory if it is small. Raises EOFError for a form that is cut."""
    delimiter, last = b"--" + boundary, b"--" + boundary + b"--"
    part: BinaryIO | None = None
    held, begins_line = b"", True
    with ExitStack() as files:
        while line := binary.readline(PIECE_CHARACTERS):
            text = line.rstrip(b" \t\r\n")
            if begins_line and text in {delimiter, last}:
                if part is not None:
                    part.seek(0)
                    yield part
                    part.close()
                if text == last:
                    return
                head = b"".join(iter(lambda: binary.readline(PIECE_CHARACTERS).rstrip(b"\r\n"), b""))
                has_file = b"filename" in head
                part = (
                    cast("BinaryIO", files.enter_context(SpooledTemporaryFile(PIECE_CHARACTERS))) if has_file else None
                )
                held = b""
            elif part is not None:
                end = line[len(line.rstrip(b"\r\n")) :]
                part.write(held + line.removesuffix(end))
                held = end
            begins_line = line.endswith(b"\n")
        raise EOFError("the form has no end")


def open_coding(file: BinaryIO, coding: str, path: Path) -> BinaryIO | gzip.GzipFile | InflatedReader:
    """Return a reader of the content behind a Content-Encoding. Raises BadInput for one that cannot be read."""
    name = coding.strip().lower()
    if name in {"", "identity"}:
        return file
    if name in {"gzip", "x-gzip"}:
        return gzip.GzipFile(mode="rb", fileobj=file)
    if name == "deflate":
        return InflatedReader(file)
    raise BadInput(f"{path}: cannot be read: its Content-Encoding is {coding!r}; gzip and deflate can be read")


class InflatedReader(RawIOBase):
    """The content of a zlib stream."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._inflater = zlib.decompressobj()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer; return how many. Raises EOFError, zlib.error."""
        data = b""
        while not data and not self._inflater.eof:
            piece = self._inflater.unconsumed_tail or self._file.read(PIECE_CHARACTERS)
            if not piece:
                raise EOFError("the compressed content ends too early")
            data = self._inflater.decompress(piece, len(buffer))
        buffer[: len(data)] = data
        return len(data)


def sniff_format(beginning: bytes) -> str:
    """Return `json` or `csv` for the beginning of a body; `json` stands for JSON Lines as well."""
    text = beginning.removeprefix(codecs.BOM_UTF8).lstrip()
    return "json" if text[:1] in {b"{", b"["} else "csv"


def read_csv(text: TextIO, known: list[str] | None) -> Generator[Record, None, list[str] | None]:
    """Yield the records of a CSV body, and return its header; `known` is that of the body before."""
    rows = csv.reader(text, strict=True)
    first = next(rows, None)
    if first is None:
        return known
    header = first if known is None or sorted(first) == sorted(known) else known
    if first is not header:
        yield row_record(header, first)
    for row in rows:
        if row:
            yield row_record(header, row)
    return header


def row_record(header: list[str], row: list[str]) -> Record:
    """Return a row as a record. Raises ValueError where it has another number of cells than the header."""
    if len(row) != len(header):
        raise ValueError(f"a row has {len(row)} cells, the header {len(header)}")
    return dict(zip(header, row, strict=True))


def read_json(text: TextIO) -> Iterator[Record]:
    """Yield the records of JSON values that follow one another, or that stand in one array. Raises ValueError."""
    source = JsonSource(text)
    if source.next_character() != "[":
        while source.next_character():
            yield record_of(source.take_value())
        return
    source.skip_character()
    if source.next_character() != "]":
        yield record_of(source.take_value())
        while source.next_character() == ",":
            source.skip_character()
            yield record_of(source.take_value())
    if source.next_character() != "]":
        raise ValueError("the array has no end, or no comma between two records")
    source.skip_character()
    if source.next_character():
        raise ValueError("something follows the array")


class JsonSource:
    """JSON values in a stream of text, of which only the beginning is in memory."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0

    def next_character(self) -> str:
        """Return the next character that is no space, without taking it; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if self._buffer[self._at] not in JSON_SPACE:
                    return self._buffer[self._at]
                self._at += 1
            if not self._read_more(PIECE_CHARACTERS):
                return ""

    def skip_character(self) -> None:
        """Take one character."""
        self._at += 1

    def take_value(self) -> Any:
        """Take the next value. Raises ValueError."""
        self.next_character()
        while True:
            try:
                value, self._at = DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError:
                if not self._read_more(max(PIECE_CHARACTERS, len(self._buffer) - self._at)):
                    raise
            else:
                return value

    def _read_more(self, characters: int) -> bool:
        more = self._text.read(characters)
        self._buffer, self._at = self._buffer[self._at :] + more, 0
        return bool(more)


def record_of(value: Any) -> Record:
    """Return a JSON object as a record. Raises ValueError for another value."""
    if not isinstance(value, dict):
        raise ValueError("a record is no JSON object")
    return {name: value_text(item) for name, item in value.items()}


def value_text(value: Any) -> str | None:
    """Return a JSON value as text; None for null."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return compact_json(value)


def compact_json(value: Any) -> str:
    """Return an array or object as JSON without spaces, with its numbers as they were written."""
    if isinstance(value, NumberText):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{compact_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
