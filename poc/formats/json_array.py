"""JSON array reader: each element of a list is a row, wherever it begins and ends; the list may be inside of objects.

The file is read as a stream, and only its structure down to the list's elements matters here: an element that is no
JSON is rejected alone when it is parsed, as long as its brackets and quotes are in pairs. What is wrong around the
elements refuses the file: it was cut, or is no such list.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np

from poc.errors import ContractBreach
from poc.formats.jsonl_reader import JsonLinesFormat
from poc.formats.parsed_block import BROKEN
from poc.formats.record_block import RecordBlock
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.config.partner import Feed
    from poc.formats.header import ExpectedFields
    from poc.formats.record_splitter import ByteBuffer
    from poc.formats.row_spans import Spans

SPACE = re.compile(rb"[ \t\r\n]*+")
STRING = rb'"(?:[^"\\]++|\\[\s\S])*+"'
STRING_PATTERN = re.compile(STRING)

#: What changes the depth, or hides it: brackets, strings, and a quote that no other closes.
TOKEN = re.compile(rb"[\[\]{}]|" + STRING + rb'|"')

#: Containers of up to so many levels are matched in one call; deeper ones are counted through.
FAST_LEVELS = 8

#: The most rows of a block.
MAX_BLOCK_ROWS = 1 << 16


def container(levels: int) -> bytes:
    """Return the source of a pattern of a container with brackets in pairs."""
    inside = rb'[^\[\]{}"]++|' + STRING
    pattern = rb"[\[{](?:" + inside + rb")*+[\]}]"
    for _ in range(levels - 1):
        pattern = rb"[\[{](?:" + inside + rb"|" + pattern + rb")*+[\]}]"
    return pattern


#: An element of a list, with what follows it.
ELEMENT = re.compile(rb"[ \t\r\n]*+(" + container(FAST_LEVELS) + rb'|[^\[\]{}",\s]++)[ \t\r\n]*+[,\]]')
CONTAINER = re.compile(container(FAST_LEVELS))
PLAIN_VALUE = re.compile(STRING + rb'|[^\s,{}\[\]"]++')


class JsonArrayFormat(JsonLinesFormat):
    """The format of a list of JSON records, of one feed under one contract."""

    def __init__(self, feed: Feed, expected: ExpectedFields, *, whole: bool = True) -> None:
        super().__init__(feed, expected, whole=whole)
        records = "" if feed.nested is None else feed.nested.records
        self._steps = tuple(records.split(".")) if records else ()

    def blocks(self, buffer: ByteBuffer, header: bytes | None) -> Iterator[RecordBlock]:
        """Yield the blocks of a file; a row is an element of the list. Raises ContractBreach for another structure."""
        cursor = JsonCursor(buffer)
        spans = cursor.elements(self._steps)
        grammar = self.grammar(header)
        blocks = (RecordBlock.of_spans(data, grammar, places) for data, places in spans)
        return blocks if self._paths is None else self._paths.explode(blocks)


class JsonCursor:
    """Reads the structure of a JSON text from a buffer, in bounded memory."""

    def __init__(self, buffer: ByteBuffer) -> None:
        self._buffer = buffer
        self._consumed = 0  # bytes of the file before the buffer's data

    def elements(self, steps: tuple[str, ...]) -> Iterator[tuple[bytes, Spans]]:
        """Yield bytes and where elements start and end in them, of the list at a path. Raises ContractBreach."""
        for at, step in enumerate(steps):
            self._take(b"{", f"{'.'.join(steps[:at]) or 'the file'} is not an object")
            if not self._find_key(step):
                raise self._breach(f"there is no {'.'.join(steps[: at + 1])!r}")
        self._take(b"[", f"{'.'.join(steps) or 'the file'} is not a list of records")
        yield from self._elements()
        for step in reversed(steps):
            if self._peek() == b",":
                self._buffer.position += 1
                if self._find_key(step):
                    raise self._breach(f"the key {step!r} occurs twice")
            else:
                self._take(b"}", "an object is not closed")
        if self._peek():
            raise self._breach("text follows after the end")

    def _elements(self) -> Iterator[tuple[bytes, Spans]]:
        buffer, sizes = self._buffer, self._buffer.sizes
        closed = self._peek() == b"]"
        if closed:
            buffer.position += 1
        while not closed:
            starts: list[int] = []
            ends: list[int] = []
            data, at = buffer.data, buffer.position
            while not closed and len(starts) < MAX_BLOCK_ROWS:
                match = ELEMENT.match(data, at)
                span = match.span(1) if match else self._slow_element(at)
                if span is None:
                    break
                start, end = span
                if start == end:
                    buffer.position = start
                    raise self._breach("an element of the list is missing")
                starts.append(start)
                ends.append(end)
                at = match.end() if match else self._after(end)
                closed = data[at - 1] == ord("]")
            buffer.position = at
            if starts:
                yield data, (np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))
            elif buffer.ended:
                raise self._breach("the file was cut: the list is not closed")
            elif len(data) - at > sizes.record_bytes:
                raise self._breach(f"an element has more than {sizes.record_bytes} bytes")
            if not closed and (not starts or len(starts) < MAX_BLOCK_ROWS):
                self._read_more()

    def _slow_element(self, at: int) -> tuple[int, int] | None:
        """Return where the next element starts and ends, if its end has been read."""
        data = self._buffer.data
        start = end = at = space_end(data, at)
        while at < len(data):
            byte = data[at : at + 1]
            if byte in b",]":
                return start, end
            if byte in b"[{":
                after = self._container_end(at)
            elif byte == b'"':
                match = STRING_PATTERN.match(data, at)
                after = match.end() if match else -1
            else:
                after = at + 1
            if after < 0:
                return None
            if byte not in b" \t\r\n":
                end = after
            at = after
        return None

    def _after(self, end: int) -> int:
        return space_end(self._buffer.data, end) + 1

    def _container_end(self, at: int) -> int:
        """Return where a container ends; -1 if that has not been read."""
        data = self._buffer.data
        fast = CONTAINER.match(data, at)
        if fast:
            return fast.end()
        depth = 0
        for token in TOKEN.finditer(data, at):
            sign = token.group()
            if sign in (b"[", b"{"):
                depth += 1
            elif sign in (b"]", b"}"):
                depth -= 1
                if not depth:
                    return token.end()
            elif sign == b'"':
                return -1
        return -1

    def _find_key(self, wanted: str) -> bool:
        """Go to the value of a key in an object, or to the end of the object; return whether there is such a key."""
        while True:
            if self._peek() == b"}":
                self._buffer.position += 1
                return False
            if self._key() == wanted:
                return True
            self._skip_value()
            if self._peek() == b",":
                self._buffer.position += 1
            elif self._peek() != b"}":
                raise self._breach("a comma is missing between two keys")

    def _key(self) -> str:
        self._peek()
        buffer = self._buffer
        while not (match := STRING_PATTERN.match(buffer.data, buffer.position)):
            if buffer.data[buffer.position : buffer.position + 1] != b'"':
                raise self._breach("a key is missing")
            self._read_longer()
        buffer.position = match.end()
        try:
            key = json.loads(match.group())
        except ValueError as error:
            raise self._breach(f"the key {truncate(match.group().decode('utf-8', 'replace'))} is no text") from error
        self._take(b":", "a colon is missing after a key")
        return str(key)

    def _skip_value(self) -> None:
        """Skip a value of any size; only its brackets and quotes are looked at."""
        buffer, depth = self._buffer, 0
        if self._peek() not in (b"{", b"["):
            while not (match := PLAIN_VALUE.match(buffer.data, buffer.position)) or (
                match.end() == len(buffer.data) and not buffer.ended
            ):
                self._read_longer()
            buffer.position = match.end()
            return
        while True:
            at = len(buffer.data)
            for token in TOKEN.finditer(buffer.data, buffer.position):
                sign = token.group()
                if sign in (b"[", b"{"):
                    depth += 1
                elif sign in (b"]", b"}"):
                    depth -= 1
                    if not depth:
                        buffer.position = token.end()
                        return
                elif sign == b'"':
                    at = token.start()
                    break
            buffer.position = at
            self._read_longer()

    def _peek(self) -> bytes:
        """Return the next byte that is no white space; none at the end of the file."""
        buffer = self._buffer
        while True:
            buffer.position = space_end(buffer.data, buffer.position)
            if buffer.position < len(buffer.data):
                return buffer.data[buffer.position : buffer.position + 1]
            if buffer.ended:
                return b""
            self._read_more()

    def _take(self, sign: bytes, otherwise: str) -> None:
        byte = self._peek()
        if byte != sign:
            raise self._breach(otherwise if byte else "the file was cut")
        self._buffer.position += 1

    def _read_longer(self) -> None:
        """Read on for a text that has not ended. Raises ContractBreach at the end, and for one that is too long."""
        buffer = self._buffer
        if buffer.ended:
            raise self._breach("the file was cut")
        if len(buffer.data) - buffer.position > buffer.sizes.record_bytes:
            raise self._breach(f"a text has more than {buffer.sizes.record_bytes} bytes")
        self._read_more()

    def _read_more(self) -> None:
        self._consumed += self._buffer.position
        self._buffer.read_more()

    def _breach(self, reason: str) -> ContractBreach:
        place = self._consumed + self._buffer.position + 1
        return ContractBreach(BROKEN, f"not the JSON that is declared: {reason}, at byte {place}")


def space_end(data: bytes, at: int) -> int:
    """Return where white space ends."""
    match = SPACE.match(data, at)
    return match.end() if match else at
