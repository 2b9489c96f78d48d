"""The records of one side, whatever they were sent or written as: frames of texts, read in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: The most records of a frame that is made of dictionaries.
FRAME_ROWS = 1 << 14


class RecordSource(Protocol):
    """The records of one side for one file; it can be read more than once."""

    @property
    def name(self) -> str:
        """What people call the side or its file: "monolith", "service", or a path."""

    @property
    def size_bytes(self) -> int:
        """About how many bytes reading yields, to choose how to compare."""

    def fields(self) -> tuple[str, ...]:
        """Return the names of all fields in their order; none where there is no record. Raises ContractBreach."""

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield text columns, null for a missing value; frames may lack fields. Raises ContractBreach."""


@dataclass(frozen=True, slots=True)
class SentRecords:
    """Records that a side sent, as dictionaries of texts; `read` begins anew at each call."""

    name: str
    read: Callable[[], Iterable[Mapping[str, str | None]]]
    size_bytes: int

    def fields(self) -> tuple[str, ...]:
        """Return the names of all fields, in the order in which they come first."""
        names: dict[str, None] = {}
        for record in self.read():
            names.update(dict.fromkeys(record))
        return tuple(names)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield frames of the records."""
        records = iter(self.read())
        while batch := list(islice(records, FRAME_ROWS)):
            names = dict.fromkeys(name for record in batch for name in record)
            yield pl.DataFrame(
                {name: [record.get(name) for record in batch] for name in names}, schema=dict.fromkeys(names, pl.String)
            )


class HeldRecords:
    """The records of a small source, read once and held."""

    def __init__(self, name: str, size_bytes: int, frames: list[pl.DataFrame], fields: tuple[str, ...]) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self._frames = frames
        self._fields = fields

    @classmethod
    def of(cls, source: RecordSource) -> HeldRecords:
        """Read a source. Raises BadInput, ContractBreach."""
        frames = list(source.frames())
        if isinstance(source, SentRecords):  # these show their fields only by all their records
            fields = tuple(dict.fromkeys(name for rows in frames for name in rows.columns))
        else:
            fields = source.fields()
        return cls(source.name, source.size_bytes, frames, fields)

    def fields(self) -> tuple[str, ...]:
        """Return the names of all fields."""
        return self._fields

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the frames that are held."""
        yield from self._frames
