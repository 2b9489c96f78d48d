"""A Table Schema (Frictionless v2) and the column checks it compiles to.

The schema file is taken as users have it; what this level cannot check is an error when the contract is read, never a
check left out in silence. Source: Table Schema specification, https://datapackage.org/standard/table-schema/
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from poc.batch import ROW, Finding
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: How a field type reads from text; what does not read is null. Text stays text.
CASTS: dict[str, pl.DataType] = {"integer": pl.Int64(), "number": pl.Float64(), "string": pl.String()}

#: Four digits, but not the year 0, which there was not.
YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"

#: The date and time types, the form they have without a `format`, and what that form looks like to the letter.
DEFAULT_FORMS = {
    "datetime": ("%Y-%m-%dT%H:%M:%SZ", rf"^{YEAR}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9]Z$"),
    "date": ("%Y-%m-%d", rf"^{YEAR}-[0-9]{{2}}-[0-9]{{2}}$"),
}


class Constraints(BaseModel):
    """What a field's values must keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str | int | float, ...] = ()
    pattern: str | None = None
    min_length: int | None = Field(default=None, alias="minLength")
    max_length: int | None = Field(default=None, alias="maxLength")


class Described(BaseModel):
    """What any part of a schema may have beside what is checked: words for people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str | None = None
    description: str | None = None


class SchemaField(Described):
    """One column."""

    example: Any = None
    rdf_type: str | None = Field(default=None, alias="rdfType")
    name: str
    type: Literal["integer", "number", "string", "datetime", "date"] = "string"
    format: str = "default"
    constraints: Constraints = Constraints()

    @model_validator(mode="after")
    def _fits(self) -> SchemaField:
        if self.format != "default" and self.type not in DEFAULT_FORMS:
            raise ValueError(f"format {self.format!r} of a {self.type} is not checked at this level; leave it out")
        told = self.constraints
        text = [
            k
            for k, v in (("pattern", told.pattern), ("minLength", told.min_length), ("maxLength", told.max_length))
            if v
        ]
        if text and self.type != "string":
            raise ValueError(f"{text[0]} is for strings; {self.name!r} is a {self.type}")
        if (told.minimum is not None or told.maximum is not None) and self.type not in {"integer", "number"}:
            raise ValueError(f"minimum and maximum are for numbers; {self.name!r} is a {self.type}")
        return self


class Schema(Described):
    """A Table Schema file."""

    profile: str | None = Field(default=None, alias="$schema")
    name: str | None = None
    fields_match: Literal["exact"] = Field(default="exact", alias="fieldsMatch")
    fields: tuple[SchemaField, ...] = Field(min_length=1)
    missing_values: tuple[str, ...] = Field(default=("",), alias="missingValues")
    primary_key: tuple[str, ...] | str = Field(default=(), alias="primaryKey")


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing every value of a field must keep.

    `broken` is true where a typed value breaks it. `kept` says at a glance that no value of a column does, where that
    costs less than looking at each: for a small batch, starting an expression takes longer than the work it does.
    """

    field: str
    code: str
    note: str
    broken: pl.Expr
    kept: Callable[[pl.Series], bool]


@dataclass(frozen=True, slots=True)
class Contract:
    """A schema made ready to check columns of text."""

    names: tuple[str, ...]
    missing_values: tuple[str, ...]
    key: tuple[str, ...]
    types: dict[str, str]
    casts: tuple[pl.Expr, ...]
    typed: tuple[str, ...]
    rules: tuple[Rule, ...]

    def check(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
        """Type the columns and name every value that breaks the contract.

        Args:
            rows: the contract's columns as text, missing values as null, and `_row`.

        Returns:
            The rows with typed columns (null where a value does not read), and what was found, in the order of rows.
        """
        typed = rows.with_columns(self.casts)
        findings: list[Finding] = []
        for name in self.typed:
            # counting nulls costs nothing; the rows are looked for only where the counts differ
            if typed[name].null_count() != rows[name].null_count():
                unread = rows.select(ROW, name).filter(typed[name].is_null() & rows[name].is_not_null())
                findings += [
                    Finding(row, "type-error", name, f"{text!r} is not of type {self.types[name]}")
                    for row, text in unread.iter_rows()
                ]
        for rule in self.rules:
            if not rule.kept(typed[rule.field]):
                # a value that did not read is null by now, and has been named as a type error already
                as_it_came = rows[rule.field].is_null() | typed[rule.field].is_not_null()
                found = typed.filter(rule.broken & as_it_came).select(ROW, rule.field)
                findings += [
                    Finding(row, rule.code, rule.field, rule.note.format(value=repr(value)))
                    for row, value in found.iter_rows()
                ]
        return typed, sorted(findings, key=lambda finding: finding.row)


def load(path: Path) -> Contract:
    """Read and compile a schema file.

    Raises:
        BadInput: it cannot be read, is not a Table Schema, or asks for a check that is not built; names what and where.
    """
    try:
        schema = Schema.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise BadInput(f"{path}: missing contract: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{path}: not a Table Schema: {_first(error)}") from error
    key = (schema.primary_key,) if isinstance(schema.primary_key, str) else schema.primary_key
    names = tuple(field.name for field in schema.fields)
    for name in key:
        if name not in names:
            raise BadInput(f"{path}: primaryKey names {name!r}; fields there: {', '.join(names)}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(f"{path}: field {twice!r} stands twice")
    for field in schema.fields:
        try:
            re.compile(field.constraints.pattern or "")
            pl.Series([""]).str.contains(field.constraints.pattern or "")
        except (re.error, pl.exceptions.PolarsError) as error:
            raise BadInput(f"{path}: pattern of {field.name!r} is not a regular expression: {error}") from error
    compiled = tuple(rule for field in schema.fields for rule in rules(field, required=field.name in key))
    return Contract(
        names=names,
        missing_values=schema.missing_values,
        key=key,
        types={field.name: field.type for field in schema.fields},
        casts=tuple(cast(field) for field in schema.fields if field.type != "string"),
        typed=tuple(field.name for field in schema.fields if field.type != "string"),
        rules=compiled,
    )


def _first(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"`{'.'.join(str(part) for part in first['loc'])}`: {first['msg']} (is {str(first['input'])[:80]!r})"
    return str(error)


def cast(field: SchemaField) -> pl.Expr:
    """Text to the field's type; null where it does not read."""
    column = pl.col(field.name)
    if field.type in DEFAULT_FORMS:
        form = field.format
        if form == "default":
            # the parser alone takes blanks, single digits and a 60th second, and would alter them in silence
            form, letters = DEFAULT_FORMS[field.type]
            column = pl.when(column.str.contains(letters)).then(column)
        if field.type == "date":
            return column.str.to_date(form, strict=False)
        return column.str.to_datetime(form, strict=False, time_unit="us")
    return column.cast(CASTS[field.type], strict=False)


def rules(field: SchemaField, *, required: bool) -> list[Rule]:
    """The constraints of one field. A part of the primary key is always required."""
    told, value = field.constraints, pl.col(field.name)
    found: list[Rule] = []

    def add(broken: pl.Expr, kept: Callable[[pl.Series], bool], must: str) -> None:
        note = f"{{value}} {must.replace('{', '{{').replace('}', '}}')}"
        found.append(Rule(field.name, "constraint-error", note, broken, kept))

    if told.required or required:
        code = "primary-key" if required and not told.required else "constraint-error"
        found.append(Rule(field.name, code, "a value is required", value.is_null(), lambda s: s.null_count() == 0))
    if told.minimum is not None:
        low = bound(told.minimum)
        add(value < low, lambda s: (least := s.min()) is None or least >= low, f"is below the minimum {low}")
    if told.maximum is not None:
        high = bound(told.maximum)
        add(value > high, lambda s: (most := s.max()) is None or most <= high, f"is above the maximum {high}")
    if told.enum:
        choices = frozenset(told.enum)
        listed = ", ".join(str(choice) for choice in told.enum)
        add(
            ~value.is_in(list(told.enum)),
            lambda s: choices.issuperset(s.drop_nulls().unique()),
            f"is not one of {listed}",
        )
    if told.pattern is not None:
        form = f"^(?:{told.pattern})$"
        add(~value.str.contains(form), lambda s: bool(s.str.contains(form).all()), f"does not match {told.pattern}")
    if told.min_length is not None:
        few = told.min_length
        add(value.str.len_chars() < few, lambda s: bool((s.str.len_chars() >= few).all()), f"is shorter than {few}")
    if told.max_length is not None:
        many = told.max_length
        add(value.str.len_chars() > many, lambda s: bool((s.str.len_chars() <= many).all()), f"is longer than {many}")
    return found


def bound(number: float) -> Any:
    """A whole bound as an integer, so that integer columns are compared as integers."""
    return int(number) if number == int(number) else number
