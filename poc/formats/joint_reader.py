"""Read several small files of one feed: each is split on its own, and the cells of all are parsed in one call."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.errors import ContractBreach
from poc.formats.block_batches import BlockLines
from poc.formats.parsed_block import ParsedBlock
from poc.formats.record_block import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    import polars as pl

    from poc.batch import Batch
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.file_reader import FileReader

LINE_ENDS = {"cr": b"\r", "crlf": b"\r\n"}


@dataclass(frozen=True, slots=True)
class _SplitFile:
    """A file of well-formed rows, split and not parsed: its place among the others, and its number of rows."""

    at: int
    block: RecordBlock
    head: FileHead
    encoding: TextEncoding
    rows: int


@dataclass(frozen=True, slots=True)
class JointRead:
    """The only batch of each file, None for one that `FileReader.read` has to look at.

    `rows` are the columns of all batches, one after the other, where every file has one; else None.
    """

    batches: list[Batch | None]
    rows: pl.DataFrame | None


def read_together(reader: FileReader, sources: Sequence[BinaryIO]) -> JointRead:
    """Read files together; one of several blocks, with notes or faults, or in some encodings, is left out."""
    batches: list[Batch | None] = [None] * len(sources)
    by_header: dict[bytes, list[_SplitFile]] = {}
    for at, source in enumerate(sources):
        with suppress(ContractBreach):
            only = reader.only_block(source)
            if only is not None:
                block, head, encoding = only
                # the bytes of some encodings depend on those before them
                if encoding.codec == "utf-8" or block.data.isascii():
                    split = _SplitFile(at, block, head, encoding, count_rows(block))
                    by_header.setdefault(head.header, []).append(split)
    rows: pl.DataFrame | None = None
    for files in by_header.values():
        parsed = _parse(reader, files)
        if parsed is None:
            continue
        start = 0
        for file in files:
            frame = parsed.frame.slice(start, file.rows)
            lines = BlockLines(file.block, 1, file.encoding)
            (batches[file.at],) = reader.batches(ParsedBlock(frame, None, {}), lines, ())
            start += file.rows
        rows = parsed.frame if len(files) == len(sources) else None
    return JointRead(batches, rows)


def count_rows(block: RecordBlock) -> int:
    """Return the number of rows of a well-formed block; more where it has blank lines, and is read on its own then."""
    grammar, text = block.grammar, bytes(block.well_formed())
    has_signs = any(sign and sign in text for sign in (grammar.quote, grammar.escape))
    if grammar.blank_is_row or has_signs or b"\r" in text:
        return len(block.spans()[0])
    return text.count(b"\n") + (not text.endswith(b"\n"))


def _parse(reader: FileReader, files: Sequence[_SplitFile]) -> ParsedBlock | None:
    """Parse files under one header as one block; None if there is anything to say of any of their rows."""
    grammar = files[0].block.grammar
    line_end = LINE_ENDS.get(grammar.line_end, b"\n")
    pieces: list[bytes | memoryview] = []
    for file in files:
        text = file.block.well_formed()
        pieces += (text,) if bytes(text[-1:]) in {b"\n", b"\r"} else (text, line_end)
    data = b"".join(pieces)
    with suppress(ContractBreach):
        parse, notes = reader.block_parser(files[0].head, files[0].encoding)
        parsed = parse(RecordBlock(data, grammar, [(0, len(data))], []))
        is_clean = parsed.valid_rows is None and not (parsed.faults or parsed.notes or notes)
        if is_clean and parsed.frame.height == sum(file.rows for file in files):
            return parsed
    return None
