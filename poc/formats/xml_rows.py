"""Parser of single XML records, as they stand in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poc.formats.jsonl_reader import FileState
from poc.formats.xml_parsing import SAFE, load_library
from poc.formats.xml_paths import XmlPaths
from poc.formats.xml_reader import XmlReader
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.batch import Finding
    from poc.config.formats.nested import XmlRecords
    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import ParsedBlock
    from poc.formats.record_block import RecordBlock


class XmlRowParser:
    """Parser of single records, as they stand in quarantine."""

    def __init__(self, feed: Feed, settings: XmlRecords, expected: ExpectedFields) -> None:
        self._library = load_library()
        self._reader = XmlReader(feed, settings, expected)
        self._paths = XmlPaths(settings, expected.names)

    def block_parser(
        self,
        head: FileHead,  # noqa: ARG002 - a record stands for itself
        encoding: TextEncoding,  # noqa: ARG002 - records are UTF-8
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of records; there are no notes."""
        return lambda block: self._reader.parse([self._element(line) for line in block.rows()], FileState(True)), ()

    def _element(self, line: bytes) -> Any:
        """Return a record, or why it is none."""
        try:
            element = self._library.fromstring(line, self._library.XMLParser(**SAFE, encoding="utf-8"))
        except self._library.XMLSyntaxError as error:
            return f"not well-formed XML: {truncate(str(error))}"
        if element.getroottree().docinfo.doctype:
            return "a record has no document type"
        if not self._paths.is_record(element.tag):
            return f"the element is {truncate(element.tag)!r}, not {self._paths.record!r}"
        return element
