"""What a feed must say for its format, and what it must not say."""

from __future__ import annotations

from codecs import lookup
from typing import TYPE_CHECKING, Protocol

from poc.config.dialect import Dialect
from poc.config.formats.fixed_width import Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.config.formats.control_records import ControlRecord

#: The formats that each table of a feed is for.
TABLES = {
    "fixed": {"fixed"},
    "json": {"json", "jsonl"},
    "xml": {"xml"},
    "excel": {"xlsx"},
    "header": {"csv", "fixed"},
    "trailer": {"csv", "fixed"},
}

#: The keys of a dialect that each format has; CSV has all of them.
DIALECT_KEYS = {
    "fixed": {"encoding", "preamble_lines", "nulls"},
    "json": {"nulls"},
    "xml": {"nulls"},
    "xlsx": {"nulls"},
    "parquet": {"nulls"},
}


class FormatSettings(Protocol):
    """The settings of a feed that belong to its format."""

    @property
    def format(self) -> str:
        """The format."""

    @property
    def dialect(self) -> Dialect:
        """The dialect."""

    @property
    def header(self) -> ControlRecord | None:
        """The header record."""

    @property
    def trailer(self) -> ControlRecord | None:
        """The trailer record."""

    def tables(self) -> Mapping[str, object]:
        """Return the tables by their keys; None for one that is not set."""


def check_format(feed: FormatSettings) -> None:
    """Check that a feed has the tables of its format, and no others. Raises ValueError."""
    for key, table in feed.tables().items():
        if table is not None and feed.format not in TABLES[key]:
            formats = " or ".join(sorted(TABLES[key]))
            raise ValueError(f"the table `{key}` goes with the format {formats}, not with {feed.format}")
        if table is None and key == feed.format and key in {"fixed", "xml"}:
            raise ValueError(f"the format {feed.format} needs the table `{key}`")
    allowed = DIALECT_KEYS.get(feed.format)
    if allowed is not None:
        plain = Dialect()
        other = [
            key
            for key in Dialect.model_fields
            if key not in allowed and getattr(feed.dialect, key) != getattr(plain, key)
        ]
        if other:
            raise ValueError(f"the format {feed.format} has no `{other[0]}` in its dialect; remove it")
    if feed.tables()["json"] is not None and not lookup(feed.dialect.encoding).name.startswith("utf"):
        raise ValueError(f"the table `json` goes with an encoding such as utf-8, not with {feed.dialect.encoding}")
    for key, record in (("header", feed.header), ("trailer", feed.trailer)):
        places = [] if record is None else [record.count, *record.sums.values()]
        for place in places:
            if place is not None and isinstance(place, Span) != (feed.format == "fixed"):
                such = "{ start = 4, width = 8 }" if feed.format == "fixed" else "2, the number of a cell"
                raise ValueError(f"{key}: in the format {feed.format}, a place is such as {such}")
