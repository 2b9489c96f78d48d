"""A Table Schema (Frictionless v2), and the column checks it compiles to.

The schema file is taken as users have it; what is not checked is an error when the contract is read, never a check left
out in silence. What a value becomes:

- `number` is a 64-bit float, as in JSON: the nearest to what is written. `NaN`, `INF` and numbers beyond it are type
  errors, as no JSON holds them. `integer` has 64 bits.
- `datetime` is held in UTC if its form tells a zone (the default form must), and as it stands if it does not.
- `year`, `yearmonth`, `duration` and all strings stay the text they are.
- A field without a type is `any`: its texts pass as they are.

Fast because columns are read by themselves (`types`), rules are proved for whole columns (`rules`), and nulls, which
are counted anyway, tell whether anything is wrong at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import ValidationError

from poc.batch import ROW, Finding
from poc.contract.constraints import FEW_ROWS, CompiledConstraint, compile_constraints
from poc.contract.datetime_formats import compile_format
from poc.contract.parsers import is_plain_number, make_parser, type_error_hint
from poc.contract.schema import Constraints, Schema, SchemaField, missing_value_texts
from poc.errors import BadInput
from poc.text import truncate

if TYPE_CHECKING:
    from pathlib import Path

    from poc.contract.parsers import ColumnParser


@dataclass(frozen=True, slots=True)
class ContractField:
    """A field made ready: how it reads, and what its values must keep.

    `missing` are its missing values beside those of all fields; `required` is the code of a value that is not there,
    empty where none need be.
    """

    name: str
    kind: str
    form: str
    missing: tuple[str, ...]
    required: str
    read: ColumnParser
    rules: tuple[CompiledConstraint, ...]

    def check(self, numbers: pl.Series, text: pl.Series, value: pl.Series, findings: list[Finding]) -> None:
        """Add what is wrong with the rows of these numbers, texts and typed values to `findings`."""
        missing = text.null_count()
        if missing and self.required:
            lacking = numbers.filter(text.is_null())
            findings += [Finding(row, self.required, self.name, "a value is required") for row in lacking]
        if value.null_count() != missing:
            unread = pl.DataFrame([numbers, text]).filter(value.is_null() & text.is_not_null())
            like = self.kind if self.form == "default" else f"{self.kind} in the format {self.form}"
            findings += [
                Finding(
                    row,
                    "type-error",
                    self.name,
                    f"{truncate(told)!r} is not of type {like}{type_error_hint(self.kind, told)}",
                )
                for row, told in unread.iter_rows()
            ]
        for rule in self.rules:
            if not rule.kept(value):
                told = pl.DataFrame([numbers, text.alias("\0text"), value]).filter(rule.broken)
                quoted = self.kind not in {"integer", "number", "year"}
                for row, whole, _ in told.iter_rows():
                    told_as = repr(truncate(whole)) if quoted else truncate(whole)
                    findings.append(Finding(row, "constraint-error", self.name, f"{told_as} {rule.must}"))


@dataclass(frozen=True, slots=True)
class Contract:
    """A schema made ready to check columns of text.

    `missing_values` stand for no value in every field, so a reader may take them as null; `check` does the same for
    those of single fields. `field_missing` has the whole list of each field. `unique` are keys that may stand
    once in a file: the code of a finding, and the fields; the primary key first. `local` are datetimes without a zone,
    `integers` columns that one cast reads.
    """

    names: tuple[str, ...]
    types: dict[str, str]
    missing_values: tuple[str, ...]
    field_missing: dict[str, tuple[str, ...]]
    required: tuple[str, ...]
    key: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...]
    unique: tuple[tuple[str, tuple[str, ...]], ...]
    fields_match: str
    local: frozenset[str]
    columns: tuple[ContractField, ...]
    integers: tuple[str, ...]

    def check(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
        """Type the columns and name every value that breaks the contract.

        Args:
            rows: the contract's columns as text, missing values as null, and `_row`.

        Returns:
            `_row` and the contract's columns, typed, null where a value does not read; and what was found, in the order
            of rows and, in a row, of fields.
        """
        numbers = rows.get_column(ROW)
        findings: list[Finding] = []
        typed = [numbers]
        # one call for all integers takes longer to start, but then it uses all cores
        integers = set(self.integers) if rows.height > FEW_ROWS else set()
        cast = rows.select(pl.col(self.integers).cast(pl.Int64, strict=False)) if integers else rows
        for column in self.columns:
            text = rows.get_column(column.name)
            if column.missing:
                text = text.set(text.is_in(column.missing), None)
            value = cast.get_column(column.name) if column.name in integers else column.read(text)
            column.check(numbers, text, value, findings)
            typed.append(value)
        return pl.DataFrame(typed), sorted(findings, key=lambda finding: finding.row)


def load_contract(path: Path) -> Contract:
    """Read and compile a schema file.

    Raises:
        BadInput: it cannot be read, is not a Table Schema, or asks for a check that is not built; names what and where.
    """
    told: Any = None
    try:
        told = json.loads(path.read_bytes())
        return compile_contract(Schema.model_validate(told))
    except OSError as error:
        raise BadInput(f"{path}: missing contract: {error.strerror}") from error
    except ValidationError as error:
        raise BadInput(f"{path}: not a Table Schema: {explain_validation_error(error, told)}") from error
    except ValueError as error:
        raise BadInput(f"{path}: not a Table Schema: {error}") from error


def compile_contract(schema: Schema) -> Contract:
    """The contract that a schema asks for. Raises ValueError for a part of it that does not fit."""
    key = schema.primary_key
    general = missing_value_texts(schema.missing_values)
    missing = {
        field.name: general if field.missing_values is None else missing_value_texts(field.missing_values)
        for field in schema.fields
    }
    shared = tuple(text for text in general if all(text in own for own in missing.values()))
    columns = []
    for field in schema.fields:
        own = tuple(text for text in missing[field.name] if text not in shared)
        required = "constraint-error" if field.constraints.required else "primary-key" if field.name in key else ""
        columns.append(
            ContractField(
                field.name,
                field.type,
                field.format,
                own,
                required,
                make_parser(field),
                tuple(compile_constraints(field)),
            )
        )
    unique = [("primary-key", key)] if key else []
    unique += [("unique-error", names) for names in schema.unique_keys]
    unique += [("unique-error", (field.name,)) for field in schema.fields if field.constraints.unique]
    datetimes = [field for field in schema.fields if field.type == "datetime"]
    return Contract(
        names=tuple(field.name for field in schema.fields),
        types={field.name: field.type for field in schema.fields},
        missing_values=shared,
        field_missing=missing,
        required=tuple(column.name for column in columns if column.required),
        key=key,
        unique_keys=schema.unique_keys,
        unique=tuple(dict.fromkeys(unique)),
        fields_match=schema.fields_match,
        local=frozenset(field.name for field in datetimes if not compile_format("datetime", field.format).zoned),
        columns=tuple(columns),
        integers=tuple(
            field.name
            for field, column in zip(schema.fields, columns, strict=True)
            if field.type == "integer" and is_plain_number(field) and not column.missing
        ),
    )


def explain_validation_error(error: ValidationError, told: Any) -> str:
    """One line that says which key of which field is wrong, what it was, and what it may be."""
    first = error.errors()[0]
    place = first["loc"]
    where = f"`{'.'.join(str(part) for part in place)}`" if place else "the schema"
    message = first["msg"].removeprefix("Value error, ")
    if len(place) > 1 and place[0] == "fields" and isinstance(told["fields"][place[1]], dict):
        where += f" (field {told['fields'][place[1]].get('name')!r})"
    if first["type"] == "extra_forbidden":
        model = Constraints if "constraints" in place else SchemaField if place[0] == "fields" else Schema
        known = ", ".join(field.alias or name for name, field in model.model_fields.items())
        return f"{where}: not a key that is checked; keys there: {known}"
    value = first["input"]
    return f"{where}: {message}" + ("" if isinstance(value, dict) and place else f" (is {str(value)[:80]!r})")
