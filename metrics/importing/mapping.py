"""The mapping of a log's columns to runs: the table `[import]` of `milepost.toml`, as frozen models.

Each key names the source of one field of a run: `{ column = "..." }`, or `{ value = "..." }` if it is the same for all
rows. An unknown key is an error that names the choices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from metrics.errors import BadInput
from metrics.events import parse_subject

if TYPE_CHECKING:
    from collections.abc import Mapping as AnyMapping

    from pydantic_core import ErrorDetails

#: Nanoseconds in a unit of time.
TIME_UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9}

#: Bytes in a unit of size.
SIZE_UNITS = {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}

#: Characters that cannot be between two cells of a CSV file.
NO_DELIMITERS = '"\r\n\0'

Column = Annotated[str, Field(min_length=1)]


class StrictModel(BaseModel):
    """A frozen model that accepts only its own keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnField(StrictModel):
    """A field whose value is that of a column."""

    column: Column = Field(description="Name of the column.")


class NameField(StrictModel):
    """A name from a column, or the same name for all rows."""

    column: Column | None = Field(default=None, description="Name of the column.")
    value: str | None = Field(default=None, description="Instead of `column`: the name for all rows.")

    @model_validator(mode="after")
    def _check_one_source(self) -> NameField:
        if (self.column is None) == (self.value is None):
            raise ValueError("needs either `column` or `value`")
        return self


class TimestampField(StrictModel):
    """A point in time: ISO 8601, or text in `format` (of Python's strptime), or a number of `epoch` units since 1970.

    A time without an offset is local time in `zone`; a Parquet column of such times needs a `zone`.
    """

    column: Column = Field(description="Name of the column.")
    format: str | None = Field(
        default=None, description="Format of the text as in Python's `strptime`; ISO 8601 without it."
    )
    epoch: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None, description="Instead of `format`: unit of a number that counts from 1970."
    )
    zone: str | None = Field(
        default=None,
        description="Time zone (tz database) of stamps without an offset of their own. Without it, text is UTC "
        "(`import` says so), and a Parquet column of times without a zone is refused. If clocks are set back, the "
        "first of the two equal hours is taken.",
    )

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones():
            raise ValueError('no such time zone; choose one of the tz database, such as "UTC" or "Europe/Berlin"')
        return zone

    @model_validator(mode="after")
    def _check_one_format(self) -> TimestampField:
        if self.format is not None and self.epoch is not None:
            raise ValueError("has both `format` and `epoch`; choose one")
        return self

    @property
    def tz(self) -> ZoneInfo:
        """Time zone of timestamps without an offset."""
        return ZoneInfo(self.zone or "UTC")


class DurationField(StrictModel):
    """A duration, in `unit`."""

    column: Column = Field(description="Name of the column.")
    unit: Literal["ns", "us", "ms", "s", "min", "h"] = Field(
        description="Unit of the numbers; they have a decimal point, and nothing between thousands."
    )


class SizeField(StrictModel):
    """A size in bytes or a multiple, in `unit`."""

    column: Column = Field(description="Name of the column.")
    unit: Literal["B", "kB", "KiB", "MB", "MiB", "GB", "GiB"] = Field(default="B", description="Unit of the numbers.")


class OutcomeField(StrictModel):
    """The outcome of a run: the meaning of a column's values, or one `value` for all rows."""

    column: Column | None = Field(default=None, description="Name of the column.")
    done: tuple[str, ...] = Field(default=(), description="Values that mean “done”, letter for letter.")
    failed: tuple[str, ...] = Field(default=(), description="Values that mean “failed”, letter for letter.")
    refused: tuple[str, ...] = Field(default=(), description="Values that mean “refused”, letter for letter.")
    value: Literal["done", "failed", "refused"] | None = Field(
        default=None, description="Instead of `column`: how all runs of the log ended."
    )

    @model_validator(mode="after")
    def _check_values(self) -> OutcomeField:
        if (self.column is None) == (self.value is None):
            raise ValueError("needs either `column` or `value`")
        listed = [*self.done, *self.failed, *self.refused]
        if self.value is not None and listed:
            raise ValueError("has a `value` for all rows, and lists values of a column; choose one")
        if self.column is not None and not self.done:
            raise ValueError('needs the values that mean done, such as done = ["OK"]')
        twice = sorted({value for value in listed if listed.count(value) > 1})
        if twice:
            raise ValueError(f"value {twice[0]!r} cannot mean two things")
        return self

    @property
    def meaning(self) -> dict[str, str]:
        """Outcome by value of the column."""
        kinds = {"done": self.done, "failed": self.failed, "refused": self.refused}
        return {value: kind for kind, values in kinds.items() for value in values}


class LogMapping(StrictModel):
    """The whole table: required and optional fields of a run, and the format of a text file."""

    started_at: TimestampField = Field(description="When the run started.")
    duration: DurationField | None = Field(default=None, description="How long it took; or give `ended_at`.")
    ended_at: TimestampField | None = Field(default=None, description="When it ended; instead of `duration`.")
    partner: NameField = Field(description="The partner it exchanged with: 1 to 64 letters without a slash.")
    feed: NameField = Field(description="What it exchanged: 1 to 64 letters without a slash.")
    outcome: OutcomeField = Field(description="How it ended.")
    system: NameField = Field(
        default=NameField(value="monolith"),
        description="The system that ran: `monolith`, or `service@1`, `service@2`, ...",
    )
    id: ColumnField | None = Field(
        default=None,
        description="Id of the exchange; without it, a row is identified by its whole content.",
    )
    attempt: ColumnField | None = Field(
        default=None, description="Number of the attempt at the exchange, from 1; needs `id`."
    )
    file: ColumnField | None = Field(default=None, description="Name of the file.")
    records: ColumnField | None = Field(
        default=None, description="How many records were due; an empty cell means “not counted”, which is not 0."
    )
    due_at: TimestampField | None = Field(
        default=None,
        description="When the file was ready to be exchanged; without it, a run is due when it started, and its delay "
        "is unknown.",
    )
    cpu: DurationField | None = Field(default=None, description="Processor time.")
    memory: SizeField | None = Field(default=None, description="Peak memory.")
    bytes_in: SizeField | None = Field(default=None, description="Bytes read.")
    bytes_out: SizeField | None = Field(default=None, description="Bytes sent.")
    error: ColumnField | None = Field(default=None, description="The error in words.")
    delimiter: str = Field(
        default=",",
        min_length=1,
        max_length=1,
        description="The character between two cells of a CSV file; in a `.tsv` file a tab unless given.",
    )
    encoding: Literal["utf-8", "latin-1", "cp1252"] = Field(
        default="utf-8", description="Character encoding of a text file."
    )

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, delimiter: str) -> str:
        if delimiter in NO_DELIMITERS:
            raise ValueError("is a quote, a line end or NUL; choose the character between two cells")
        return delimiter

    @model_validator(mode="after")
    def _check_keys(self) -> LogMapping:
        if (self.duration is None) == (self.ended_at is None):
            raise ValueError("needs either `duration` or `ended_at`")
        if self.attempt is not None and self.id is None:
            raise ValueError("has `attempt` without `id`; attempts belong to an exchange that has an id")
        if self.system.value is not None:
            parse_subject(self.system.value)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are read, each once."""
        parts = (getattr(self, name) for name in type(self).model_fields)
        columns = (getattr(part, "column", None) for part in parts)
        return tuple(dict.fromkeys(column for column in columns if column is not None))


def parse_mapping(table: AnyMapping[str, Any], where: str) -> LogMapping:
    """Parse the table `[import]`.

    Args:
        table: the table as read from TOML.
        where: the file that contains it, for messages.

    Raises:
        BadInput: the table is missing or has a mistake; the message names the key and the choices.
    """
    if not table:
        raise BadInput(f"{where}: no table [import], which maps the columns of a log; see docs/reference/import.md")
    try:
        return LogMapping.model_validate(table)
    except ValidationError as error:
        mistakes = [f"{where}: {_explain_mistake(mistake)}" for mistake in error.errors()]
        raise BadInput(mistakes[0], mistakes) from error


def _explain_mistake(mistake: ErrorDetails) -> str:
    """Return one line that names the invalid key, its value, and the choices."""
    place = ".".join(str(part) for part in ("import", *mistake["loc"]))
    if mistake["type"] == "extra_forbidden":
        return f"unknown key `{place}`; known keys: {', '.join(_keys(mistake['loc'][:-1]))}"
    if mistake["type"] == "missing":
        return f"`{place}` is missing"
    message = mistake["msg"].removeprefix("Value error, ")
    value = "" if isinstance(mistake["input"], (dict, BaseModel)) else f" (is {mistake['input']!r})"
    if mistake["type"] == "model_type":
        message = f'is a table: {{ column = "..." }}; its keys: {", ".join(_keys(mistake["loc"]))}'
    return f"`{place}`{value}: {message[:1].lower()}{message[1:]}"


def _keys(place: tuple[int | str, ...]) -> list[str]:
    """Return the valid keys at a place of the table."""
    if not place:
        return list(LogMapping.model_fields)
    annotation = LogMapping.model_fields[str(place[0])].annotation
    models = [annotation, *getattr(annotation, "__args__", ())]
    return [name for model in models for name in getattr(model, "model_fields", {})]
