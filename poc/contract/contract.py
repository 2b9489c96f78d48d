"""Contract of a feed: a Table Schema (Frictionless v2), compiled to checks of whole columns.

The schema file is used as users have it; a key that is not checked is an error when the contract is loaded, so that no
check is omitted silently. The types of values:

- `number` is exact: it keeps its own digits (`numbers`), and is compared by its value. `NaN` and `INF` are type errors,
  because JSON cannot represent them. `integer` has 64 bits.
- `datetime` is converted to UTC if it has a time zone, and unchanged otherwise; in the default format, each value may.
- `year`, `yearmonth`, `duration` and all strings remain text.
- A field without a type is `any`: its texts pass unchanged.

For speed, every column is parsed at once (`parsers`), constraints are proved for whole columns (`constraints`), and
null counts, which are known anyway, show whether any value failed to parse.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from poc.batch import ROW, make_findings
from poc.contract.constraints import CompiledConstraint, compile_constraints
from poc.contract.datetime_formats import compile_format
from poc.contract.key_values import duration_values, literal_values
from poc.contract.numbers import FEW_ROWS, value_texts
from poc.contract.parsers import is_plain_number, make_parser, type_error_hint
from poc.contract.schema import Constraints, Schema, SchemaField, missing_value_texts
from poc.contract.xml_patterns import compile_pattern
from poc.errors import BadInput
from poc.text import plain_texts, truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from poc.batch import Finding
    from poc.contract.parsers import ColumnParser

#: Conversion of a column in a key to one notation of each value, by type.
KEY_VALUES: dict[str, Callable[[pl.Series], pl.Series]] = {"number": value_texts, "duration": duration_values}


@dataclass(frozen=True, slots=True)
class ContractField:
    """A compiled field: its parser and its constraints.

    `missing` are its missing values beyond those of all fields; `required_code` is the error code of a missing value,
    empty if the field is not required.
    """

    name: str
    type: str
    format: str
    missing: tuple[str, ...]
    required_code: str
    parse: ColumnParser
    constraints: tuple[CompiledConstraint, ...]

    def allows(self, values: list[Any]) -> bool:
        """Return whether strings or integers satisfy all constraints; none of them is null. For few values only."""
        for constraint in self.constraints:
            if constraint.allows is None:
                dtype = pl.Int64 if self.type == "integer" else pl.String
                if not constraint.holds(pl.Series(self.name, values, dtype=dtype)):
                    return False
            elif not all(map(constraint.allows, values)):
                return False
        return True

    def check(self, numbers: pl.Series, text: pl.Series, value: pl.Series, findings: list[Finding]) -> None:
        """Add findings for the rows of these numbers, texts and typed values."""
        missing_count = text.null_count()
        if missing_count and self.required_code:
            rows = numbers.filter(text.is_null())
            findings += make_findings(
                rows.to_list(), repeat(self.required_code), repeat(self.name), repeat("a value is required")
            )
        if value.null_count() != missing_count:
            is_unparsed = value.is_null() & text.is_not_null()
            type_name = self.type if self.format == "default" else f"{self.type} in the format {self.format}"
            cells = text.filter(is_unparsed).to_list()
            by_cell = {
                cell: f"{truncate(cell)!r} is not of type {type_name}{type_error_hint(self.type, cell, self.format)}"
                for cell in set(cells)
            }
            notes = [by_cell[cell] for cell in cells]
            findings += make_findings(
                numbers.filter(is_unparsed).to_list(), repeat("type-error"), repeat(self.name), notes
            )
        for constraint in self.constraints:
            if not constraint.holds(value):
                is_broken = constraint.broken(value)
                quoted = self.type not in {"integer", "number", "year"}
                cells = text.filter(is_broken).to_list()
                by_cell = {
                    cell: f"{repr(truncate(cell)) if quoted else truncate(cell)} {constraint.message}"
                    for cell in set(cells)
                }
                notes = [by_cell[cell] for cell in cells]
                findings += make_findings(
                    numbers.filter(is_broken).to_list(), repeat("constraint-error"), repeat(self.name), notes
                )


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled schema that checks columns of text.

    `missing_values` mean a missing value in every field, so a reader may convert them to null; `check` does so for
    those of single fields. `field_missing` has the complete list of each field. `unique` are keys that must be unique
    in a file: the code of a finding, and the fields; the primary key first. `local` are datetimes without a time zone,
    `zone_optional` those of which each value may have one, `integers` columns that are parsed by one cast. `key_values`
    convert the columns of keys in which two notations may have the same value. `json_values`: a column of type `any`
    holds JSON values, not texts. `decimal_chars`, `group_chars` and `boolean_texts` are the notations of numbers and
    booleans, for readers that need them. `notes` say where a contract is not taken literally.
    """

    names: tuple[str, ...]
    types: dict[str, str]
    json_values: bool
    decimal_chars: dict[str, str]
    group_chars: dict[str, str]
    boolean_texts: dict[str, tuple[str, str]]
    missing_values: tuple[str, ...]
    field_missing: dict[str, tuple[str, ...]]
    required: tuple[str, ...]
    key: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...]
    unique: tuple[tuple[str, tuple[str, ...]], ...]
    fields_match: str
    local: frozenset[str]
    zone_optional: frozenset[str]
    columns: tuple[ContractField, ...]
    integers: tuple[str, ...]
    key_values: tuple[tuple[str, Callable[[pl.Series], pl.Series]], ...]
    notes: tuple[str, ...]

    @property
    def formats(self) -> dict[str, str]:
        """The formats of fields, for readers of files that have dates and times as such."""
        return {column.name: column.format for column in self.columns}

    def check(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
        """Type the columns and report every value that breaks the contract.

        Args:
            rows: the contract's columns as text, missing values as null, and `_row`.

        Returns:
            `_row` and the contract's columns, typed, null where a value cannot be parsed; and the findings, in the
            order of rows and, within a row, of fields.
        """
        numbers = rows.get_column(ROW)
        findings: list[Finding] = []
        typed = [numbers]
        # one call for all integers takes longer to start, but is faster for many rows
        integers = set(self.integers) if rows.height > FEW_ROWS else set()
        cast = rows.select(pl.col(self.integers).cast(pl.Int64, strict=False)) if integers else rows
        for column in self.columns:
            text = rows.get_column(column.name)
            if column.missing:
                text = text.set(text.is_in(column.missing), None)
            value = cast.get_column(column.name) if column.name in integers else column.parse(text)
            typed.append(value)
            if self.json_values and column.type == "any" and column.constraints:
                text = value = pl.Series(column.name, plain_texts(text), dtype=pl.String)
            column.check(numbers, text, value, findings)
        return pl.DataFrame(typed), sorted(findings, key=attrgetter("row"))

    def with_key_values(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return typed rows in which equal keys are equal cells: one notation for each value of a key."""
        if not self.key_values:
            return rows
        return rows.with_columns(convert(rows.get_column(name)) for name, convert in self.key_values)


def load_contract(path: Path, *, json_values: bool = False) -> Contract:
    """Load and compile a schema file; `json_values` if the files of the feed hold JSON.

    Raises:
        BadInput: the file cannot be read, is not a Table Schema, or has an unsupported check; names what and where.
    """
    data: Any = None
    schema: Schema | None = None
    try:
        data = json.loads(path.read_bytes(), parse_float=Decimal)
        schema = Schema.model_validate(data)
        return compile_contract(schema, json_values=json_values)
    except OSError as error:
        raise BadInput(f"{path}: missing contract: {error.strerror}") from error
    except ValidationError as error:
        mistakes = [f"{path}: not a Table Schema: {text}" for text in explain_validation_error(error, data)]
        raise BadInput(mistakes[0], mistakes) from error
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: not JSON: {error}") from error
    except ValueError as error:
        texts = dict.fromkeys([str(error), *(field_mistakes(schema) if schema is not None else ())])
        mistakes = [f"{path}: not a Table Schema: {text}" for text in texts]
        raise BadInput(mistakes[0], mistakes) from error
    except RecursionError as error:
        raise BadInput(f"{path}: not a Table Schema: it is nested too deep") from error


def compile_contract(schema: Schema, *, json_values: bool = False) -> Contract:
    """Compile a schema. Raises ValueError for an invalid format, constraint or missing value."""
    key = schema.primary_key
    general = missing_value_texts(schema.missing_values)
    missing = {
        field.name: general if field.missing_values is None else missing_value_texts(field.missing_values)
        for field in schema.fields
    }
    shared = tuple(text for text in general if all(text in own for own in missing.values()))
    columns = []
    for field in schema.fields:
        name = field.name
        own = tuple(text for text in missing[name] if text not in shared)
        required_code = "constraint-error" if field.constraints.required else "primary-key" if name in key else ""
        parser, constraints = make_parser(field), tuple(compile_constraints(field))
        columns.append(ContractField(name, field.type, field.format, own, required_code, parser, constraints))
    unique = [("primary-key", key)] if key else []
    unique += [("unique-error", names) for names in schema.unique_keys]
    unique += [("unique-error", (field.name,)) for field in schema.fields if field.constraints.unique]
    key_values = KEY_VALUES | ({"any": literal_values} if json_values else {})
    in_keys = {name for _, names in unique for name in names}
    datetimes = [field for field in schema.fields if field.type == "datetime"]
    return Contract(
        names=tuple(field.name for field in schema.fields),
        types={field.name: field.type for field in schema.fields},
        json_values=json_values,
        decimal_chars={field.name: field.decimal_char for field in schema.fields if field.decimal_char != "."},
        group_chars={field.name: field.group_char for field in schema.fields if field.group_char},
        boolean_texts={
            field.name: (field.true_values[0], field.false_values[0])
            for field in schema.fields
            if field.type == "boolean"
        },
        missing_values=shared,
        field_missing=missing,
        required=tuple(column.name for column in columns if column.required_code),
        key=key,
        unique_keys=schema.unique_keys,
        unique=tuple(dict.fromkeys(unique)),
        fields_match=schema.fields_match,
        local=frozenset(field.name for field in datetimes if not compile_format("datetime", field.format).zoned),
        zone_optional=frozenset(field.name for field in datetimes if field.format == "default"),
        columns=tuple(columns),
        integers=tuple(
            field.name
            for field, column in zip(schema.fields, columns, strict=True)
            if field.type == "integer" and is_plain_number(field) and not column.missing
        ),
        key_values=tuple(
            (field.name, key_values[field.type])
            for field in schema.fields
            if field.name in in_keys and field.type in key_values
        ),
        notes=tuple(
            f"pattern of {field.name!r}: {note}"
            for field in schema.fields
            if field.constraints.pattern is not None and (note := compile_pattern(field.constraints.pattern).note)
        ),
    )


def field_mistakes(schema: Schema) -> Iterator[str]:
    """Yield why fields of a schema cannot be checked, the first mistake of each."""
    for field in schema.fields:
        try:
            make_parser(field)
            tuple(compile_constraints(field))
        except ValueError as error:
            yield str(error)


def explain_validation_error(error: ValidationError, data: Any) -> list[str]:
    """Return one line for each mistake, which names the invalid key and its field, the value, and the choices."""
    return [_explain_mistake(mistake, data) for mistake in error.errors()]


def _explain_mistake(mistake: ErrorDetails, data: Any) -> str:
    place = mistake["loc"]
    where = f"`{'.'.join(str(part) for part in place)}`" if place else "the schema"
    message = mistake["msg"].removeprefix("Value error, ")
    if len(place) > 1 and place[0] == "fields" and isinstance(data["fields"][place[1]], dict):
        where += f" (field {data['fields'][place[1]].get('name')!r})"
    if mistake["type"] == "extra_forbidden":
        model = Constraints if "constraints" in place else SchemaField if place[0] == "fields" else Schema
        choices = ", ".join(field.alias or name for name, field in model.model_fields.items())
        return f"{where}: not a supported key; keys there: {choices}"
    value = mistake["input"]
    return f"{where}: {message}" + ("" if isinstance(value, dict) and place else f" (is {str(value)[:80]!r})")
