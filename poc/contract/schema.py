"""Model of a Table Schema file: every supported key, and no other.

A key, type or constraint that is not checked is an error when the file is loaded, so that no check is omitted silently.
Source: Table Schema specification v2, https://datapackage.org/standard/table-schema/
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from poc.batch import ROW

#: Options of a field that only some types have.
OPTION_TYPES: dict[str, tuple[str, ...]] = {
    "decimalChar": ("number",),
    "groupChar": ("number", "integer"),
    "bareNumber": ("number", "integer"),
    "trueValues": ("boolean",),
    "falseValues": ("boolean",),
    "categories": ("string", "integer"),
    "categoriesOrdered": ("string", "integer"),
    "pattern": ("string", "any"),
    "minLength": ("string", "any"),
    "maxLength": ("string", "any"),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        ("integer", "number", "date", "time", "datetime", "year", "yearmonth"),
    ),
}

STRING_FORMATS = ("default", "email", "uri", "uuid", "binary")

#: Types whose `format` is a strptime pattern.
TEMPORAL = ("date", "time", "datetime")


class Strict(BaseModel):
    """Frozen model that rejects unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Constraints(Strict):
    """Constraints of a field's values. Bounds and choices are as in the file: text or JSON values."""

    required: bool = False
    unique: bool = False
    minimum: Any = None
    maximum: Any = None
    exclusive_minimum: Any = Field(default=None, alias="exclusiveMinimum")
    exclusive_maximum: Any = Field(default=None, alias="exclusiveMaximum")
    enum: tuple[Any, ...] | None = Field(default=None, min_length=1)
    pattern: str | None = None
    min_length: int | None = Field(default=None, alias="minLength", ge=0)
    max_length: int | None = Field(default=None, alias="maxLength", ge=0)


class LabelledValue(Strict):
    """A value with a label for people."""

    value: Any
    label: str | None = None


class SchemaField(Strict):
    """One column."""

    name: str = Field(min_length=1)
    type: Literal[
        "string", "number", "integer", "boolean", "date", "time", "datetime", "year", "yearmonth", "duration", "any"
    ] = "any"
    format: str = "default"
    title: str | None = None
    description: str | None = None
    example: Any = None
    examples: Any = None
    rdf_type: str | None = Field(default=None, alias="rdfType")
    constraints: Constraints = Constraints()
    missing_values: tuple[str | LabelledValue, ...] | None = Field(default=None, alias="missingValues")
    decimal_char: str = Field(default=".", alias="decimalChar", min_length=1)
    group_char: str = Field(default="", alias="groupChar", min_length=1)
    bare_number: bool = Field(default=True, alias="bareNumber")
    true_values: tuple[str, ...] = Field(default=("true", "True", "TRUE", "1"), alias="trueValues", min_length=1)
    false_values: tuple[str, ...] = Field(default=("false", "False", "FALSE", "0"), alias="falseValues", min_length=1)
    categories: tuple[Any, ...] | None = Field(default=None, min_length=1)
    categories_ordered: bool | None = Field(default=None, alias="categoriesOrdered")

    @field_validator("format")
    @classmethod
    def _without_prefix(cls, form: str) -> str:
        return form.removeprefix("fmt:")  # the notation of version 0 of the specification

    @model_validator(mode="after")
    def _options_fit_type(self) -> SchemaField:
        for option in (*_given_keys(self), *_given_keys(self.constraints)):
            if self.type not in OPTION_TYPES.get(option, (self.type,)):
                raise ValueError(
                    f"{option} is for {', '.join(OPTION_TYPES[option])}; {self.name!r} is of type {self.type}"
                )
        self._check_format()
        if self.name == ROW:
            raise ValueError(f"a field cannot be named {ROW!r}: that column has the row number")
        digits = set("0123456789+-eE")
        if digits & set(self.decimal_char + self.group_char):
            raise ValueError("decimalChar and groupChar cannot contain a digit, a sign or E")
        if self.type == "number" and self.decimal_char == self.group_char:
            raise ValueError(f"decimalChar and groupChar are both {self.group_char!r}; they must differ")
        if both := set(self.true_values) & set(self.false_values):
            raise ValueError(f"{min(both)!r} is both in trueValues and in falseValues")
        return self

    def _check_format(self) -> None:
        if self.type == "string":
            if self.format not in STRING_FORMATS:
                raise ValueError(f"format {self.format!r} is not supported; choose one of {', '.join(STRING_FORMATS)}")
        elif self.type in TEMPORAL:
            if self.format == "any":
                raise ValueError("format 'any' would have to guess; write a format such as '%d/%m/%Y'")
        elif self.format != "default":
            raise ValueError(f"format {self.format!r} of type {self.type} is not supported; remove it")


class Schema(Strict):
    """A Table Schema file."""

    profile: str | None = Field(default=None, alias="$schema")
    old_profile: str | None = Field(default=None, alias="profile")
    name: str | None = None
    title: str | None = None
    description: str | None = None
    homepage: str | None = None
    version: str | None = None
    created: str | None = None
    image: str | None = None
    keywords: Any = None
    sources: Any = None
    licenses: Any = None
    contributors: Any = None
    examples: Any = None
    fields_match: Literal["exact", "equal", "subset", "superset", "partial"] = Field(
        default="exact", alias="fieldsMatch"
    )
    fields: tuple[SchemaField, ...] = Field(min_length=1)
    missing_values: tuple[str | LabelledValue, ...] = Field(default=("",), alias="missingValues")
    primary_key: tuple[str, ...] = Field(default=(), alias="primaryKey")
    unique_keys: tuple[tuple[str, ...], ...] = Field(default=(), alias="uniqueKeys")
    foreign_keys: tuple[()] = Field(default=(), alias="foreignKeys")

    @field_validator("fields_match", mode="before")
    @classmethod
    def _unwrap_single_value(cls, value: Any) -> Any:
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    @field_validator("primary_key", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("foreign_keys", mode="before")
    @classmethod
    def _reject_foreign_keys(cls, value: Any) -> Any:
        if value:
            raise ValueError("other files are not read, so foreign keys cannot be checked; remove them")
        return ()

    @model_validator(mode="after")
    def _keys_name_fields(self) -> Schema:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"field {repeated!r} occurs twice")
        keys = [("primaryKey", self.primary_key), *(("uniqueKeys", key) for key in self.unique_keys)]
        for kind, key in keys:
            for name in key:
                if name not in names:
                    raise ValueError(f"{kind} names {name!r}; fields there: {', '.join(names)}")
            if len(set(key)) != len(key) or (kind == "uniqueKeys" and not key):
                raise ValueError(f"{kind} has {list(key)}; a key is a list of different fields")
        return self


def _given_keys(model: BaseModel) -> list[str]:
    """Return the keys that the file contains, under their names in the file."""
    fields = type(model).model_fields
    return [fields[name].alias or name for name in model.model_fields_set]


def missing_value_texts(values: tuple[str | LabelledValue, ...]) -> tuple[str, ...]:
    """Return missing values as texts, from either of their two notations. Raises ValueError for another type."""
    values_only = tuple(value.value if isinstance(value, LabelledValue) else value for value in values)
    for text in values_only:
        if not isinstance(text, str):
            raise ValueError(f"missingValues are texts; {text!r} is not a text")
    return values_only
