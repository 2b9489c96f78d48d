"""What the readers of XML share: lxml with safe settings, and records with their XML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from poc.errors import BadInput, ContractBreach
from poc.formats.parsed_block import BROKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: What a parser may do: no entities, no document types from elsewhere, no network, no unlimited size.
SAFE = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


class Record(NamedTuple):
    """An element, and its XML where that must be written before the element is taken out of the tree."""

    element: Any
    text: bytes | None = None


@dataclass(frozen=True, slots=True)
class XmlLines:
    """The records of a block as XML, by their numbers in the file."""

    records: Sequence[Record]
    first_row: int
    write: Callable[[Record], bytes]

    def original(self, row: int) -> bytes:
        """Return a record as XML, with the namespaces that it inherits. Raises KeyError for a row of another block."""
        index = row - self.first_row
        if not 0 <= index < len(self.records):
            raise KeyError(row)
        return self.write(self.records[index])

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return records as XML."""
        return [self.original(row) for row in rows]


class Ignored:
    """Target of a parser that only checks."""

    def close(self) -> None:
        """Do nothing."""


def close(parser: Any) -> Iterator[tuple[str, Any]]:
    """Close a parser, and yield its last events."""
    parser.close()
    yield from parser.read_events()


def root_name(root: Any) -> str:
    """Return the name of the root of a file. Raises ContractBreach for a file with a document type."""
    docinfo = root.getroottree().docinfo
    if docinfo.doctype or docinfo.internalDTD is not None:
        raise ContractBreach(BROKEN, "the file has a document type (DTD), which is never read; send it without")
    return str(root.tag)


def load_library() -> Any:
    """Return lxml. Raises BadInput where it is not installed."""
    try:
        from lxml import etree
    except ImportError as error:
        raise BadInput('the format xml needs the extra `xml`: `pip install "milepost[xml]"`') from error
    return etree
