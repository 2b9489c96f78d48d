"""The settings of a feed that belong to one format: the tables that say where in a file the fields are."""

from __future__ import annotations

from codecs import lookup

from pydantic import Field

from poc.config.formats.control_records import ControlRecord
from poc.config.formats.dialect import Dialect
from poc.config.formats.fixed_width import FixedWidth, Span
from poc.config.formats.nested import JsonPaths, XmlRecords
from poc.config.formats.workbook import Workbook
from poc.config.formats.written import OutColumn, check_template
from poc.config.strict import Strict

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


def _is_none(value: object) -> bool:
    return value is None


def _is_empty(value: tuple[str, ...] | str) -> bool:
    return not value


class FormatTables(Strict):
    """The tables of single formats, each left out of a dump where it is not set."""

    fixed: FixedWidth | None = Field(
        default=None, exclude_if=_is_none, description="The columns of a fixed-width file."
    )
    nested: JsonPaths | None = Field(
        default=None,
        alias="json",
        exclude_if=_is_none,
        description="Where the fields are in nested JSON, for the formats `json` and `jsonl`.",
    )
    xml: XmlRecords | None = Field(
        default=None, exclude_if=_is_none, description="Where the records and fields are in an XML file."
    )
    excel: Workbook | None = Field(
        default=None, exclude_if=_is_none, description="Which cells of a workbook are read; by default all."
    )
    header: ControlRecord | None = Field(
        default=None,
        exclude_if=_is_none,
        description="The header record of a CSV or fixed-width file: the line before all rows, and before the names "
        "of columns. A file without it is refused.",
    )
    trailer: ControlRecord | None = Field(
        default=None,
        exclude_if=_is_none,
        description='The trailer record of a CSV or fixed-width file, its last line, such as `{ starts = "TRL", '
        "count = 2 }`. A file without it was cut, and is refused, as is one with another number of rows.",
    )
    convert: tuple[str, ...] = Field(
        default=(),
        exclude_if=_is_empty,
        description='A command that writes a file as one of these formats on its output, such as `["pdf-to-csv", '
        '"{file}"]`, for formats that Milepost does not read. Where it fails, the file is refused.',
    )
    convert_timeout_s: float = Field(
        default=300.0,
        gt=0,
        exclude=True,
        description="Seconds after which the command of `convert` is ended, and the file refused.",
    )

    out_columns: dict[str, OutColumn] | None = Field(
        default=None,
        exclude_if=_is_none,
        description='With `out = "fixed"`: the column of each field of `map`, such as '
        '`{ amount = { width = 12, align = "right", fill = "0" } }`.',
    )
    out_header: str = Field(
        default="",
        exclude_if=_is_empty,
        pattern=r"^[^\r\n]*$",
        description="A line before all others in each file that is written into a folder as CSV or fixed width.",
    )
    out_trailer: str = Field(
        default="",
        exclude_if=_is_empty,
        description="A line after the rows of such a file, such as `TRL,{rows},{sum.amount}` or `T{rows:06}`: with the "
        "number of rows, or the sum of a field.",
    )

    def check_written(self, out: str, names: list[str]) -> None:
        """Check the settings of what is written. Raises ValueError."""
        if (out == "fixed") != (self.out_columns is not None):
            raise ValueError('`out = "fixed"` and the table `out_columns` go together')
        columns = names if self.out_columns is None else list(self.out_columns)
        if sorted(columns) != sorted(names):
            raise ValueError(f"out_columns has {', '.join(columns)}; the map writes {', '.join(names)}")
        if (self.out_header or self.out_trailer) and out not in {"csv", "fixed"}:
            raise ValueError('`out_header` and `out_trailer` go with `out = "csv"` or `"fixed"`')
        check_template(self.out_trailer, names)

    def tables(self) -> dict[str, object]:
        """Return the tables of single formats by their keys; None for one that is not set."""
        return {
            "fixed": self.fixed,
            "json": self.nested,
            "xml": self.xml,
            "excel": self.excel,
            "header": self.header,
            "trailer": self.trailer,
        }

    def check_format(self, format_name: str, dialect: Dialect) -> None:
        """Check that a feed has the tables of its format, and no others. Raises ValueError."""
        for key, table in self.tables().items():
            if table is not None and format_name not in TABLES[key]:
                formats = " or ".join(sorted(TABLES[key]))
                raise ValueError(f"the table `{key}` goes with the format {formats}, not with {format_name}")
            if table is None and key == format_name and key in {"fixed", "xml"}:
                raise ValueError(f"the format {format_name} needs the table `{key}`")
        allowed = DIALECT_KEYS.get(format_name)
        if allowed is not None:
            plain = Dialect()
            other = [
                key
                for key in Dialect.model_fields
                if key not in allowed and getattr(dialect, key) != getattr(plain, key)
            ]
            if other:
                raise ValueError(f"the format {format_name} has no `{other[0]}` in its dialect; remove it")
        if self.tables()["json"] is not None and not lookup(dialect.encoding).name.startswith("utf"):
            raise ValueError(f"the table `json` goes with an encoding such as utf-8, not with {dialect.encoding}")
        for key, record in (("header", self.header), ("trailer", self.trailer)):
            places = [] if record is None else [record.count, *record.sums.values()]
            for place in places:
                if place is not None and isinstance(place, Span) != (format_name == "fixed"):
                    such = "{ start = 4, width = 8 }" if format_name == "fixed" else "2, the number of a cell"
                    raise ValueError(f"{key}: in the format {format_name}, a place is such as {such}")
