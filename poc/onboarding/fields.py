"""Fields of a contract, guessed from the values of a column: type, notation, required, unique, and few values."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from poc.onboarding.layout import Guess
from poc.onboarding.numbers import NumberFormat, fits, fitting_numbers, has_leading_zeros, has_long_digits
from poc.onboarding.temporal import compact_dates, fits_some_format, fitting_formats
from poc.text import truncate

if TYPE_CHECKING:
    from poc.onboarding.layout import Choices

#: Texts that often mean “no value”, where all other values of a column are numbers or dates.
MISSING = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "none", "-", "--", "?", "NaN", "nan", ".")

#: Words for true and false that a boolean has without further settings.
BOOLEANS = {"true", "True", "TRUE", "false", "False", "FALSE"}

#: The last word of a name that is probably of an identifier: its digits are no number to calculate with.
ID_WORDS = {
    "id", "ids", "key", "code", "no", "nr", "num", "number", "zip", "zipcode", "plz", "postcode", "postal", "phone",
    "tel", "fax", "iban", "bic", "account", "konto", "ean", "gtin", "upc", "isbn", "isin", "sku", "ref", "reference",
    "uuid", "guid", "vat", "ssn",
}  # fmt: skip

#: An `enum` needs so many rows, so many for each of its values, and at most so many values of so many characters.
ENUM_ROWS, ENUM_ROWS_EACH, ENUM_VALUES, ENUM_CHARS = 30, 5, 20, 40

#: Rows from which on a column without repeated values may be a key, though its name does not say so.
KEY_ROWS = 20


@dataclass(frozen=True, slots=True)
class FieldGuess:
    """A field of the contract as in its file, whether it may be a key, and the guess in words."""

    field: dict[str, Any]
    may_be_key: bool
    guess: Guess


def guess_field(name: str, column: pl.Series, choices: Choices, *, is_json: bool, is_text: bool) -> FieldGuess:
    """Return the field that fits all values of a column.

    Args:
        name: of the column.
        column: its texts, or with `is_json` its JSON values; null is a missing value.
        choices: what a person said.
        is_json: whether the values are JSON.
        is_text: whether the file holds them as texts, so that digits are no number.
    """
    values = column.drop_nulls()
    rows, present = column.len(), values.len()
    if not present:
        return FieldGuess({"name": name, "type": "string"}, False, Guess(name, "string", rows, ("no row has a value",)))
    if is_json:
        kinds = {json_kind(value) for value in values.unique().to_list()}
        if len(kinds) > 1:
            doubt = f"has values of different types ({', '.join(sorted(kinds))}); each is delivered as it is"
            return FieldGuess({"name": name, "type": "any"}, False, Guess(name, "any", rows, (doubt,)))
        is_text = kinds == {"string"}
        if is_text:
            column = pl.Series(column.name, [v and json.loads(v) for v in column.to_list()], dtype=pl.String)
            values = column.drop_nulls()
    unique = values.unique(maintain_order=True)
    if is_json and not is_text:
        keys, doubts = json_type(unique), list[str]()
    else:
        keys, doubts = guess_type(name, unique, column, choices, is_text=is_text)
    if (markers := keys.get("missingValues")) is not None:
        column = column.set(column.is_in(markers), None)
        values = column.drop_nulls()
        unique = values.unique(maintain_order=True)
    constraints: dict[str, Any] = {}
    if values.len() == rows:
        constraints["required"] = True
    text = describe(keys, constraints)
    if keys["type"] == "string" and is_few(unique, values.len()):
        constraints["enum"] = sorted(unique.to_list())
        text += f", one of {len(unique)} values"
    is_distinct = unique.len() == rows and rows > 1 and keys["type"] in {"string", "integer"}
    may_be_key = is_distinct and (is_identifier(name) or rows >= KEY_ROWS)
    if is_distinct:
        text += ", each value once"
    text += extent(keys, values)
    field = {"name": name, **keys} | ({"constraints": constraints} if constraints else {})
    return FieldGuess(field, may_be_key, Guess(name, text, rows, tuple(doubts)))


def guess_type(
    name: str, unique: pl.Series, column: pl.Series, choices: Choices, *, is_text: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return type and notation of the different values of a column, and what is in doubt."""
    keys, doubts = guess_of_all(name, unique, choices, is_text=is_text)
    if keys["type"] != "string" or doubts:
        return keys, doubts
    markers = [marker for marker in MISSING if marker in set(unique.to_list())]
    rest = unique.filter(~unique.is_in(markers)) if markers else unique
    if markers and rest.len():
        of_rest, more = guess_of_all(name, rest, choices, is_text=is_text)
        if of_rest["type"] != "string":
            listed = ", ".join(map(repr, markers))
            return of_rest | {"missingValues": ["", *markers]}, [*more, f"{listed} is taken for “no value”"]
    return keys, [*doubts, *almost(unique, column)]


def guess_of_all(name: str, unique: pl.Series, choices: Choices, *, is_text: bool) -> tuple[dict[str, Any], list[str]]:
    """Return the type and notation that fit all values; `string` where none does, or more than one."""
    if set(unique.to_list()) <= BOOLEANS:
        return {"type": "boolean"}, []
    numbers = [] if is_text else fitting_numbers(unique, choices.decimal)
    says_date = unique.len() > 2 or re.search("date|day|datum|tag", name, re.IGNORECASE)
    if (numbers or is_text) and says_date and compact_dates(unique):
        return {"type": "date", "format": "%Y%m%d"}, ["digits that are all dates; is it a number?"]
    if numbers:
        return of_numbers(name, unique, numbers)
    formats = fitting_formats(unique)
    if choices.dates:
        is_day_first = choices.dates == "day-first"
        formats = [form for form in formats if not (form.is_month_first if is_day_first else form.is_day_first)] or []
    if formats and (formats[0].format == "default" or formats[0].format.startswith("%Y")):
        return dict(formats[0].field()), []
    if len(formats) > 1:
        shown = " or ".join(form.format for form in formats)
        doubt = f"text, because {unique[0]!r} may be {shown}; say --dates day-first or month-first"
        return {"type": "string"}, [doubt]
    if formats:
        form = formats[0]
        dotted = [f"{unique[0]!r} is read day first, as dates with dots are"] if "%d.%m" in form.format else []
        return dict(form.field()), dotted
    return {"type": "string"}, []


def of_numbers(name: str, unique: pl.Series, numbers: list[NumberFormat]) -> tuple[dict[str, Any], list[str]]:
    """Return the type and notation of values that are numbers, or identifiers written in digits."""
    first = next((value for value in unique.to_list() if re.search("[0-9][^0-9][0-9]", value)), unique[0])
    if has_leading_zeros(unique):
        value = unique.filter(unique.str.contains("^[+-]?0[0-9]"))[0]
        return {"type": "string"}, [f"text, because a number would lose the leading zero of {value!r}"]
    if has_long_digits(unique):
        return {"type": "string"}, ["text, because it has more digits than most programs keep in a number"]
    if is_identifier(name):
        return {"type": "string"}, [f"text, because its name is that of an identifier; {numbers[0].type} fits, too"]
    if len(numbers) > 1:
        return {"type": "string"}, [
            f"text, because the mark in {first!r} may be that of thousands or of decimals; say --decimal . or ,"
        ]
    doubts = ["0 and 1 may mean false and true"] if set(unique.to_list()) == {"0", "1"} else []
    return numbers[0].field(), doubts


def almost(unique: pl.Series, column: pl.Series) -> list[str]:
    """Return what prevents a column of texts from being one of numbers or dates, if few values do."""
    if unique.len() > 1 and unique.str.contains("[0-9]").all() and fits_some_format(unique):
        return [f"text, because its dates have different formats, such as {unique[0]!r}; agree on one"]
    numbers = unique.str.contains(r"^[+-]?(?:[0-9]+|[0-9]{1,3}(?:[., '][0-9]{3})+)(?:[.,][0-9]+)?$")
    dates = unique.str.contains(r"^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}")
    for word, matching in (("numbers", numbers), ("dates", dates)):
        others = unique.filter(~matching)
        if others.len() and others.len() * 2 <= unique.len():
            shown = []
            for value in others.head(3).to_list():
                row = column.index_of(value)
                shown.append(f"{truncate(value)!r} in row {0 if row is None else row + 1}")
            more = f" and {others.len() - 3} more" if others.len() > 3 else ""
            return [f"text, though most values are {word}: not {', '.join(shown)}{more}"]
    return []


def json_type(unique: pl.Series) -> dict[str, Any]:
    """Return the type of JSON values that are all numbers, or all booleans."""
    if json_kind(unique[0]) == "boolean":
        return {"type": "boolean"}
    return {"type": "integer" if fits(unique, NumberFormat("integer")) else "number"}


def json_kind(value: str) -> str:
    """Return the type of a JSON value by its first character."""
    first = value[:1]
    if first in '"{[':
        return {'"': "string", "{": "object", "[": "list"}[first]
    return "boolean" if first in "tf" else "number"


def is_few(unique: pl.Series, rows: int) -> bool:
    """Return whether a column has so few values, so often, that these are probably all."""
    longest = unique.str.len_chars().max()
    return (
        1 < unique.len() <= ENUM_VALUES
        and rows >= max(ENUM_ROWS, ENUM_ROWS_EACH * unique.len())
        and isinstance(longest, int)
        and longest <= ENUM_CHARS
    )


def is_identifier(name: str) -> bool:
    """Return whether a name is probably that of an identifier: by its last word."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return bool(words) and words[-1].lower() in ID_WORDS


def describe(keys: dict[str, Any], constraints: dict[str, Any]) -> str:
    """Return a type with its notation in words."""
    text = str(keys["type"])
    if "format" in keys:
        text += f" {keys['format']}"
    marks = [
        f"{word} {keys[key]!r}" for key, word in (("decimalChar", "decimal"), ("groupChar", "thousands")) if key in keys
    ]
    text += f" ({', '.join(marks)})" if marks else ""
    return text + (", required" if constraints.get("required") else "")


def extent(keys: dict[str, Any], values: pl.Series) -> str:
    """Return the smallest and largest value of a column of numbers or dates, in its own notation."""
    from poc.contract.parsers import make_parser
    from poc.contract.schema import SchemaField

    if keys["type"] not in {"integer", "number", "date"} or values.is_empty():
        return ""
    parsed = make_parser(SchemaField.model_validate({"name": "x", **keys}))(values)
    order = parsed.cast(pl.Float64) if keys["type"] == "number" else parsed
    low, high = order.arg_min(), order.arg_max()
    if low is None or high is None:
        return ""
    if values[low] == values[high]:
        return f"; always {truncate(values[low])} in the sample"
    return f"; {truncate(values[low])} to {truncate(values[high])} in the sample"
