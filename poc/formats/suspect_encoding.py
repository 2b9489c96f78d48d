"""Rows that look like UTF-8 in a feed of another encoding: decoded as the feed says, `Jürgen` would become `JÃ¼rgen`.

In an encoding of one byte a character, almost all bytes can be decoded, whatever they mean. A row is suspect if its
bytes are valid UTF-8 and one of its characters tells the two apart: it belongs to the feed's encoding as well, as `ü`
does in `cp1252`, or its bytes are control characters there. So a real `É®`, whose bytes happen to be valid UTF-8 for a
rare letter, is not suspect.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.batch import Finding
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.parsed_block import Faults, ParsedBlock
    from poc.formats.record_block import RecordBlock

#: Two bytes with which a character of several bytes begins in UTF-8.
MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")

#: A word with a character beyond ASCII.
WORD = re.compile(r"\w*[^\x00-\x7f]\w*")

#: Characters whose bytes in UTF-8 no other text has: a byte order mark, and the mark of a character that was lost.
ALWAYS_UTF8 = "\ufeff\ufffd"

#: Error code of a suspect row, and of a note on a file that has one.
SUSPECT, NOTE = "encoding-error", "encoding-note"


def look_for_suspects(feed: Feed, encoding: TextEncoding) -> SuspectRows | None:
    """Return what looks for suspect rows of a file; None where they are accepted, or nothing could tell them."""
    if feed.on_suspect_encoding == "accept" or not encoding.is_single_byte:
        return None
    return SuspectRows(encoding.codec, quarantine=feed.on_suspect_encoding == "quarantine")


def may_have_suspects(feed: Feed, encoding: TextEncoding, block: RecordBlock) -> bool:
    """Return whether a block has to be looked at; almost no text of its encoding has."""
    return look_for_suspects(feed, encoding) is not None and may_be_utf8(block.data)


def may_be_utf8(data: bytes) -> bool:
    """Return whether any two bytes could begin a character of UTF-8 beyond ASCII."""
    return not data.isascii() and MULTIBYTE.search(data) is not None


class SuspectRows:
    """Looks for suspect rows in the blocks of one file.

    Args:
        codec: of the file, one byte a character.
        quarantine: whether suspect rows are rejected; otherwise the first one of the file is noted.
    """

    def __init__(self, codec: str, *, quarantine: bool) -> None:
        self._codec = codec
        self._quarantine = quarantine
        self._noted = False

    def check(self, block: RecordBlock, parsed: ParsedBlock, first_row: int) -> ParsedBlock:
        """Return a parsed block without its suspect rows, or with a note on the first one of the file."""
        if self._noted or not may_be_utf8(block.data):
            return parsed
        suspect = suspect_rows(block, self._codec, parsed.faults)
        if self._quarantine:
            faults = {row: [(SUSPECT, "", note)] for row, note in suspect}
            return without_rows(parsed, faults) if faults else parsed
        for row, note in suspect:
            self._noted = True
            advice = 'correct the feed\'s `encoding`, or set `on_suspect_encoding` to "quarantine" or "accept"'
            found = Finding(0, NOTE, "", f"row {first_row + row}: {note}; {advice}")
            return replace(parsed, notes=(*parsed.notes, found))
        return parsed


def suspect_rows(block: RecordBlock, codec: str, faults: Faults) -> Iterator[tuple[int, str]]:
    """Yield the index of each suspect row without another fault, and a sentence about it."""
    data = np.frombuffer(block.data, np.uint8)
    leads = (data[:-1] >= 0xC2) & (data[:-1] <= 0xF4) & ((data[1:] & 0xC0) == 0x80)
    row_of = np.searchsorted(block.spans()[0], np.flatnonzero(leads), side="right") - 1
    rows = [row for row in np.unique(row_of).tolist() if row >= 0 and row not in faults]
    for row, line in zip(rows, block.some_rows(rows), strict=True):
        if word := utf8_word(line, codec):
            meant, as_read = (truncate(text) for text in (word, word.encode().decode(codec, "replace")))
            yield row, f"the bytes look like utf-8, the feed says {codec}: {meant!r} would be read as {as_read!r}"


def utf8_word(line: bytes, codec: str) -> str:
    """Return the first word of a line that was probably meant as UTF-8; empty if there is none."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    words = (match[0] for match in WORD.finditer(text))
    return next((word for word in words if any(tells_apart(char, codec) for char in word)), "")


@lru_cache(maxsize=4096)
def tells_apart(char: str, codec: str) -> bool:
    """Return whether a character beyond ASCII, read from UTF-8, is more probable than what the codec makes of it."""
    if char in ALWAYS_UTF8:
        return True
    if char.isascii():
        return False
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return any(unicodedata.category(read) == "Cc" for read in char.encode().decode(codec, "replace"))
    return True


def without_rows(parsed: ParsedBlock, faults: Faults) -> ParsedBlock:
    """Return a parsed block in which valid rows have become faulty."""
    rows: NDArray[np.int64] = np.arange(parsed.frame.height) if parsed.valid_rows is None else parsed.valid_rows
    valid = ~np.isin(rows, list(faults))
    return replace(
        parsed, frame=parsed.frame.filter(pl.Series(valid)), valid_rows=rows[valid], faults={**parsed.faults, **faults}
    )
