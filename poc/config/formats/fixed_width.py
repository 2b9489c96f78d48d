"""Settings of fixed-width files: columns by their first character and width."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from poc.config.strict import Strict

#: The longest line, in characters.
MAX_LINE_CHARS = 100_000


class Span(Strict):
    """Characters of a line: `start` counts from 1."""

    start: int = Field(ge=1, le=MAX_LINE_CHARS, description="The first character, counted from 1.")
    width: int = Field(ge=1, le=MAX_LINE_CHARS, description="The number of characters.")

    @property
    def end(self) -> int:
        """The number of the last character."""
        return self.start + self.width - 1


class FixedWidth(Strict):
    """How the lines of a fixed-width file are divided; characters are those of the dialect's `encoding`."""

    columns: dict[str, Span] = Field(
        min_length=1,
        description="Where each field of the contract is, such as `{ amount = { start = 21, width = 12 } }`. Blanks "
        "around a value are left out. Columns may overlap, and characters without a column are ignored.",
    )
    detail: str = Field(
        default="",
        description="What each row begins with, such as `D`, where a line says its record type; any other line that is "
        "neither `header` nor `trailer` is quarantined.",
    )
    length: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LINE_CHARS,
        description="Characters of each row; by default up to the end of the last column. A longer row is "
        "quarantined, unless what follows is blank.",
    )
    short_rows: Literal["quarantine", "pad"] = Field(
        default="quarantine",
        description="What to do with a row that is shorter: `quarantine` it, or `pad` it with blanks, for senders who "
        "leave blanks at the end of a line out.",
    )

    @property
    def row_chars(self) -> int:
        """The number of characters of a row."""
        return self.length or max(span.end for span in self.columns.values())

    @model_validator(mode="after")
    def _columns_are_in_the_row(self) -> FixedWidth:
        for name, span in self.columns.items():
            if span.end > min(self.row_chars, MAX_LINE_CHARS):
                raise ValueError(f"column {name!r} ends at character {span.end}, and a row has {self.row_chars}")
        return self
