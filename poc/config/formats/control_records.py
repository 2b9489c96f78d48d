"""Settings of header and trailer records: lines that are no rows, and say how many rows there are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from poc.config.formats.fixed_width import Span
from poc.config.strict import Strict

#: Where a number is in a control record: the number of its cell, or its characters.
Place = Annotated[int, Field(ge=1, le=10_000)] | Span


class ControlRecord(Strict):
    """A header record, the first line of a file after its preamble, or a trailer record, its last line."""

    starts: str = Field(
        min_length=1,
        max_length=100,
        description="What the record begins with, and no row does, such as `TRL`.",
    )
    count: Place | None = Field(
        default=None,
        description="Where the record says the number of rows: its cell, counted from 1, or in a fixed-width file its "
        "characters, such as `{ start = 4, width = 8 }`. Another number of rows refuses the file.",
    )
    count_adds: int = Field(
        default=0,
        ge=0,
        le=2,
        description="How many records beside the rows the number includes: 1 where the sender counts the trailer, 2 "
        "where it counts header and trailer.",
    )
    sums: dict[str, Place] = Field(
        default={},
        description="Where the record says the sum of a field, such as `{ amount = 3 }`, in the notation of the field. "
        "Another sum refuses the file. Where a row is unreadable, sums are not compared, and the receipt says so.",
    )
