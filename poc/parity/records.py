"""The records of one side, whatever they were sent or written as: frames of texts, read in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

#: Column with the text of a row that could not be read as a record; null for all others.
UNREADABLE = "\0unreadable"

#: The most records of a frame that is made of dictionaries.
FRAME_ROWS = 1 << 14

#: Sources up to this size are read once and held; larger ones are read twice.
HELD_BYTES = 8 << 20


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


def shared_frames(source: RecordSource, shared: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the shared fields of a side's records, and `UNREADABLE`; a field that a frame lacks is null.

    Raises BadInput, ContractBreach.
    """
    for rows in source.frames():
        columns = {column.name: column for column in rows.iter_columns()}
        blank = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
        yield pl.DataFrame([columns[name] if name in columns else blank.alias(name) for name in (*shared, UNREADABLE)])


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
    """The records of a small source: read once, when they are first asked for, and held."""

    def __init__(self, source: RecordSource) -> None:
        self.name = source.name
        self.size_bytes = source.size_bytes
        self._source = source
        self._frames: list[pl.DataFrame] | None = None

    def fields(self) -> tuple[str, ...]:
        """Return the names of all fields. Raises BadInput, ContractBreach."""
        if isinstance(self._source, SentRecords):  # these show their fields only by all their records
            return tuple(dict.fromkeys(name for rows in self.frames() for name in rows.columns))
        return self._source.fields()

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the frames that are held. Raises BadInput, ContractBreach."""
        if self._frames is None:
            self._frames = list(self._source.frames())
        yield from self._frames
