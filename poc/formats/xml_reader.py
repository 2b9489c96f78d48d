"""XML reader by lxml: each element of a name is a row, wherever it is in the file, and its fields are flat by paths.

The file is read as a stream: an element is taken out of the tree when it ends, and everything else as well. A document
type is refused, so that there are no entities; nothing is fetched, and libxml2 limits depth and text. XML that is not
well-formed refuses the file, as nothing after the fault can be told for certain.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import polars as pl

from poc.batch import Finding
from poc.errors import ContractBreach
from poc.formats.block_batches import block_batches
from poc.formats.compression import open_stream
from poc.formats.file_reader import UnsplitReader
from poc.formats.header import SchemaDrift, list_labels
from poc.formats.jsonl_reader import FileState, JsonLinesFormat
from poc.formats.missing_texts import blank, missing_texts
from poc.formats.parsed_block import BROKEN, ParsedBlock
from poc.formats.xml_layout import AlikeLines, XmlLayout, alike_blocks
from poc.formats.xml_parsing import SAFE, Ignored, Record, XmlLines, close, load_library, root_name
from poc.formats.xml_paths import XmlPaths
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from typing import BinaryIO

    from poc.batch import Batch
    from poc.config.formats.nested import XmlRecords
    from poc.config.partner import Feed
    from poc.formats.compression import ByteStream
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import Faults

#: Bytes that are parsed first, and at once after them, rows of a block, and the most bytes of a record.
FIRST_BYTES, CHUNK_BYTES, BLOCK_ROWS, RECORD_BYTES = 4 << 10, 256 << 10, 4_000, 16 << 20

#: The least bytes of a file of which it is tried whether its records are written alike.
MIN_BYTES = 1 << 20


class XmlReader(UnsplitReader):
    """Reader of the XML files of one feed. Raises BadInput where the library is not installed."""

    def __init__(self, feed: Feed, settings: XmlRecords, expected: ExpectedFields) -> None:
        self._library = load_library()
        self._feed = feed
        self._paths = XmlPaths(settings, expected.names)
        self._names = expected.names
        self._missing = missing_texts(feed, expected)
        self._format = JsonLinesFormat(feed.model_copy(update={"nested": None}), expected)

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Yield batches of text columns and `_row`. Raises ContractBreach, SchemaDrift."""
        state, first_row = FileState(), 1
        alike_rows, is_whole = yield from self._read_alike(source)
        if is_whole:
            return
        if alike_rows:
            state.started = True
            first_row += alike_rows
        records = islice(self._records(source), alike_rows, None)
        while block := list(islice(records, BLOCK_ROWS)):
            parsed = self.parse((record.element for record in block), state)
            yield from block_batches(parsed, XmlLines(block, first_row, self._write), parsed.notes)
            first_row += len(block)
        if first_row == 1:
            note = Finding(0, "empty-file", "", "the file is empty: it has no row")
            yield from block_batches(self.parse([], state), XmlLines((), 1, self._write), (note,))

    def _read_alike(self, source: BinaryIO) -> Generator[Batch, None, tuple[int, bool]]:
        """Yield the batches of a large file as far as its records are alike.

        Returns:
            The number of their rows, and whether they are the whole file.
        """
        if self._feed.compression == "none" and source.seek(0, 2) < MIN_BYTES:
            return 0, False
        first = next(self._records(source), None)
        layout = None if first is None else self._layout(first.element)
        if layout is None:
            return 0, False
        parser = self._library.XMLParser(target=Ignored(), **SAFE)
        rows = 0
        try:
            for data in alike_blocks(open_stream(self._feed, source), layout, parser.feed):
                frame = None if data is None else layout.columns(data)
                if data is None or frame is None:
                    return rows, False
                columns = [blank(frame.get_column(name), self._missing[name]) for name in self._names]
                parsed = ParsedBlock(pl.DataFrame(columns), None, {})
                yield from block_batches(parsed, AlikeLines(layout, data, rows + 1), ())
                rows += frame.height
            parser.close()
        except self._library.XMLSyntaxError as error:
            raise ContractBreach(BROKEN, f"not well-formed XML: {truncate(str(error))}") from error
        return rows, True

    def _layout(self, record: Any) -> XmlLayout | None:
        """Return the layout of a record with each field of the contract once, and nothing else; None for another."""
        tags = [child.tag for child in record]
        plan = self._paths.plan(tuple(tags))
        is_plain = not record.attrib and not any(len(child) or child.attrib for child in record)
        if set(plan) != set(self._names) or not is_plain or any("{" in tag for tag in (record.tag, *tags)):
            return None
        return XmlLayout(record.tag, tags, plan)

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield the number and XML of every record. Raises ContractBreach after the rows before a fault."""
        for row, record in enumerate(self._records(source), 1):
            yield row, self._write(record)

    def parse(self, elements: Iterable[Any], state: FileState) -> ParsedBlock:
        """Return the values of elements as columns; an element that is a text is the fault of its row."""
        faults: Faults = {}
        notes: list[Finding] = []
        rows: list[int] = []
        records: list[dict[str, Any]] = []
        count = 0
        for row, element in enumerate(elements):
            count = row + 1
            if isinstance(element, str):
                faults[row] = [(BROKEN, "", element)]
                continue
            record, of_record = self._paths.values(element)
            if of_record:
                faults[row] = of_record
            rows.append(row)
            records.append(record)
            self._format.check_extra_keys(row, record, faults, notes, state.noted)
        return self._format.table(records, rows, faults, notes, count, state)

    def _records(self, source: BinaryIO) -> Iterator[Record]:
        """Yield the records of a file, each taken out of the tree. Raises ContractBreach."""
        stream = open_stream(self._feed, source)
        count, open_bytes, depth = 0, 0, 0
        root: Any = None
        parser: Any = None
        try:
            pieces, root_tag = self._begin(stream)
            record = self._paths.record if self._paths.record.startswith("{") else f"{{*}}{self._paths.record}"
            parser = self._library.XMLPullParser(events=("start", "end"), tag=(root_tag, record), **SAFE)
            while pieces:
                parser.feed(pieces[0])
                size_bytes = len(pieces[0])
                pieces = pieces[1:] or [piece for piece in (stream.read(CHUNK_BYTES),) if piece]
                at_end = close(parser) if not pieces else iter(())
                for event, element in chain(parser.read_events(), at_end):
                    root = element if root is None else root
                    if self._paths.is_record(element.tag):
                        depth += 1 if event == "start" else -1
                        if event == "end" and depth == 0:  # one inside of a record is a value of it
                            count, open_bytes = count + 1, 0
                            yield self._take(element)
                open_bytes = open_bytes + size_bytes if self._prune(root) else 0
                if open_bytes > RECORD_BYTES:
                    raise ContractBreach(BROKEN, f"a record has more than {RECORD_BYTES} bytes")
        except self._library.XMLSyntaxError as error:
            log = [] if parser is None else list(parser.feed_error_log)
            reason = f"{log[0].message}, line {log[0].line}" if log else str(error)
            raise ContractBreach(BROKEN, f"not well-formed XML: {truncate(reason)}") from error
        if not count and len(root):
            names = list_labels([str(child.tag) for child in root])
            note = f"there is no element {self._paths.record!r}; the file has {names} in {root.tag}"
            raise SchemaDrift((Finding(0, "missing-label", "", note),))

    def _take(self, element: Any) -> Record:
        """Take a record out of the tree; a default namespace would get a made-up prefix there."""
        has_default = element.prefix is None and element.tag.startswith("{")
        text = self._write(Record(element)) if has_default else None
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
        return Record(element, text)

    def _begin(self, stream: ByteStream) -> tuple[list[bytes], str]:
        """Return the first pieces of a file, and the name of its root. Raises ContractBreach for a document type."""
        parser = self._library.XMLPullParser(events=("start",), **SAFE)
        pieces: list[bytes] = []
        while piece := stream.read(CHUNK_BYTES if pieces else FIRST_BYTES):
            pieces.append(piece)
            try:
                parser.feed(piece)
            except self._library.XMLSyntaxError:  # after the root, it is reported when its rows have been read
                for _, root in parser.read_events():
                    return pieces, root_name(root)
                raise
            for _, root in parser.read_events():
                return pieces, root_name(root)
            if len(pieces) * CHUNK_BYTES > RECORD_BYTES:
                raise ContractBreach(BROKEN, f"the first element does not begin in {RECORD_BYTES} bytes")
        return pieces, root_name(parser.close())

    def _prune(self, root: Any) -> bool:
        """Take everything that has ended out of the tree; return whether a record is open."""
        node = root
        while node is not None:
            if self._paths.is_record(str(node.tag)):
                return True
            if not len(node):
                return False
            del node[:-1]
            node = node[-1]
        return False

    def _write(self, record: Record) -> bytes:
        if record.text is not None:
            return record.text
        return bytes(self._library.tostring(record.element, encoding="unicode", with_tail=False).encode())
