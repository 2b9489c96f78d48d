"""What a sample says about its file: the format, where the columns are, and on what each guess rests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from poc.batch import ROW
from poc.config.partner import Feed
from poc.errors import BadInput, ContractBreach
from poc.formats.header import HeaderFields
from poc.formats.registry import make_reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Formats whose values have types, so that a text in them is meant as a text.
TYPED = {"jsonl", "json", "xlsx", "parquet"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person says about a sample, so that it is not guessed; None and "" mean that nothing was said."""

    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    header: bool | None = None
    decimal: Literal["", ".", ","] = ""
    dates: Literal["", "day-first", "month-first"] = ""
    sheet: str = ""
    records: str = ""


@dataclass(frozen=True, slots=True)
class Guess:
    """One guess: what it is about, what was taken, on how many rows it rests, and what speaks against it."""

    about: str
    text: str
    rows: int
    doubts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the guess for JSON."""
        return {"about": self.about, "guess": self.text, "rows": self.rows, "doubts": list(self.doubts)}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a file the columns are.

    Args:
        format: of the feed.
        settings: further keys of the feed, such as `dialect`, as in the partner's file.
        names: the columns.
        guesses: how the layout was found.
        fields_match: of the contract; `subset` where something of the file is left out.
        texts: columns that hold texts only, in a format whose values have types.
    """

    format: str
    settings: Mapping[str, Any]
    names: tuple[str, ...]
    guesses: tuple[Guess, ...]
    fields_match: str = "exact"
    texts: frozenset[str] = field(default=frozenset())

    def feed(self) -> Feed:
        """Return a feed that reads files of this layout. Raises BadInput for names that no field can have."""
        if ROW in self.names:
            raise BadInput(f"a column is named {ROW!r}, which no field can be; rename it")
        return Feed.model_validate({
            "contract": "sample.schema.json", "files": "*", "format": self.format, **self.settings,
            "on_drift": "refuse", "map": [{"to": "x", "from": self.names[0]}],
        })  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleRows:
    """The first rows of a file as texts, or as JSON values; null is a missing one. `unreadable` could not be read."""

    frame: pl.DataFrame
    unreadable: int
    first_fault: str
    is_whole: bool


def read_rows(layout: Layout, path: Path, rows: int) -> SampleRows:
    """Read at most so many rows of a file, as the service reads it.

    Raises:
        BadInput: the file cannot be read with this layout, or has no row that can.
    """
    kind = "any" if layout.format in {"json", "jsonl"} else "string"
    expected = HeaderFields(layout.names, types=dict.fromkeys(layout.names, kind), fields_match=layout.fields_match)
    frames, height, unreadable, fault, is_whole = [], 0, 0, "", True
    try:
        with path.open("rb") as file:
            for batch in make_reader(layout.feed(), expected).read(file):
                frames.append(batch.rows)
                height += batch.rows.height
                unreadable += len(batch.rejected)
                if batch.rejected and not fault:
                    fault = f"row {batch.rejected[0].row}: {batch.rejected[0].findings[0].text()}"
                if height >= rows:
                    is_whole = False
                    break
    except ContractBreach as error:
        raise BadInput(f"{path}: cannot be read as {layout.format}: {error}") from error
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error
    if not height:
        more = f"; {fault}" if fault else ""
        raise BadInput(f"{path}: there is no row in the sample from which anything could be guessed{more}")
    return SampleRows(pl.concat(frames).head(rows), unreadable, fault, is_whole)
