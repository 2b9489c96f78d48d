"""The constraints of a field, each as something a column keeps or breaks.

Most columns of most files keep all rules, and what proves that can cost less than looking at every value: a least and a
greatest value, a cast to the choices. Only where that fails are the rows looked for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from poc.contract.parsers import make_parser
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.contract.parsers import ColumnParser
    from poc.contract.schema import SchemaField

#: Rows up to which Python looks at a column faster than an expression starts.
FEW_ROWS = 1_000

#: Patterns that mean the same to Python and to polars, letter by letter. Python's way to match goes back and tries
#: again: in them at most one part may be of any length, and none is a group, so that a match takes no time to speak of.
ONE_CHARACTER = r"(?:[A-Za-z0-9 _@#/:,;=-]|\\[.+*?()\[\]{}|^$/-]|\[[A-Za-z0-9 _.@#/:,;-]+\])"
SIMPLE_PATTERN = re.compile(
    rf"(?:{ONE_CHARACTER}(?:\{{[0-9]+\}})?)*+(?:(?:[?*+]|\{{[0-9]+,[0-9]*\}})(?:{ONE_CHARACTER}(?:\{{[0-9]+\}})?)*+)?"
)

INT64_SPAN = 2**63


@dataclass(frozen=True, slots=True)
class CompiledConstraint:
    """One thing every value of a field must keep: `broken` is true where a value, in a column of that name, breaks it.

    `kept` is true of a whole column only if no value breaks it.
    """

    must: str
    broken: pl.Expr
    kept: Callable[[pl.Series], bool]


def compile_constraints(field: SchemaField) -> list[CompiledConstraint]:
    """The constraints of a field, but for `required` and `unique`.

    Raises:
        ValueError: a bound or a choice is not a value of the field, or a pattern is no regular expression.
    """
    read, told = make_parser(field), field.constraints
    found = [
        _bound(field, read, name, bound)
        for name, bound in (
            ("minimum", told.minimum),
            ("exclusiveMinimum", told.exclusive_minimum),
            ("maximum", told.maximum),
            ("exclusiveMaximum", told.exclusive_maximum),
        )
        if bound is not None
    ]
    if field.categories is not None:
        found.append(_choice(field, read, "categories", [_category(value) for value in field.categories]))
    if told.enum is not None:
        found.append(_choice(field, read, "enum", list(told.enum)))
    if told.pattern is not None:
        found.append(_pattern(field.name, told.pattern))
    value = pl.col(field.name)
    if told.min_length:
        found.append(_measured(f"is shorter than {told.min_length}", value.str.len_chars() < told.min_length))
    if told.max_length is not None:
        found.append(_measured(f"is longer than {told.max_length}", value.str.len_chars() > told.max_length))
    return found


def _measured(must: str, broken: pl.Expr) -> CompiledConstraint:
    return CompiledConstraint(must, broken, lambda column: not column.to_frame().select(broken.any()).item())


def _bound(field: SchemaField, read: ColumnParser, name: str, told: Any) -> CompiledConstraint:
    limit = parse_constraint_value(field, read, name, told)
    value = comparison_value(field)
    if field.type in {"year", "yearmonth"}:
        limit = pl.Series(field.name, [limit]).to_frame().select(value).item()
    below, exclusive = name.endswith("inimum"), name.startswith("exclusive")
    must = (
        f"is {'not ' if exclusive else ''}{'above' if exclusive == below else 'below'} the {name} {truncate(str(told))}"
    )
    if field.type == "integer" and isinstance(limit, float):
        limit, exclusive = (math.ceil(limit), False) if below else (math.floor(limit), False)
    if field.type == "integer" and not -INT64_SPAN <= limit < INT64_SPAN:
        raise ValueError(f"{name} {told!r} of {field.name!r} does not fit into 64 bits")
    broken = (
        (value <= limit if exclusive else value < limit) if below else value >= limit if exclusive else value > limit
    )
    if field.type in {"year", "yearmonth"}:
        return _measured(must, broken)
    if below:
        return CompiledConstraint(
            must, broken, lambda s: (e := s.min()) is None or (e > limit if exclusive else e >= limit)
        )
    return CompiledConstraint(
        must, broken, lambda s: (e := s.max()) is None or (e < limit if exclusive else e <= limit)
    )


def comparison_value(field: SchemaField) -> pl.Expr:
    """What a field's values are compared by. Years and months stay text, so they are counted from the year 0."""
    value = pl.col(field.name)
    if field.type == "year":
        return value.cast(pl.Int64)
    if field.type == "yearmonth":
        return value.str.head(-3).cast(pl.Int64) * 12 + value.str.tail(2).cast(pl.Int64)
    return value


def _category(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "value" not in value or set(value) - {"value", "label"}:
        raise ValueError(f"a category has a value and a label, not {', '.join(value)}")
    return value["value"]


def _choice(field: SchemaField, read: ColumnParser, name: str, told: list[Any]) -> CompiledConstraint:
    choices = [parse_constraint_value(field, read, name, value) for value in told]
    value = pl.col(field.name)
    must = f"is not one of {truncate(', '.join(str(choice) for choice in told))}"
    if isinstance(choices[0], str):
        known = pl.Enum(list(dict.fromkeys(choices)))
        broken = ~value.is_in(choices)
        return CompiledConstraint(must, broken, lambda s: s.cast(known, strict=False).null_count() == s.null_count())
    listed = pl.Series(choices)
    return _measured(must, ~value.is_in(listed.implode()))


def _pattern(name: str, pattern: str) -> CompiledConstraint:
    whole = f"^(?:{pattern})$"
    try:
        matches = re.compile(pattern).fullmatch
        pl.Series([""]).str.contains(whole)
    except (re.error, pl.exceptions.PolarsError) as error:
        raise ValueError(f"pattern of {name!r} is not a regular expression: {error}") from error
    simple = SIMPLE_PATTERN.fullmatch(pattern) is not None

    def kept(column: pl.Series) -> bool:
        if simple and column.len() <= FEW_ROWS:
            return all(text is None or matches(text) for text in column.to_list())
        return bool(column.str.contains(whole).all())

    return CompiledConstraint(f"does not match {truncate(pattern)}", ~pl.col(name).str.contains(whole), kept)


def parse_constraint_value(field: SchemaField, read: ColumnParser, name: str, told: Any) -> Any:
    """A bound or a choice as a value of the field. Raises ValueError where it is none."""
    kind = field.type
    fits: Any = None
    if isinstance(told, str):
        fits = read(pl.Series(field.name, [told]))[0]
        if fits is None and kind == "integer" and name != "enum" and re.fullmatch(r"[+-]?[0-9]+\.[0-9]+", told):
            fits = float(told)
    elif isinstance(told, bool):
        fits = told if kind == "boolean" else None
    elif isinstance(told, int | float) and math.isfinite(told):
        if kind == "number":
            fits = float(told)
        elif kind == "integer":
            fits = int(told) if told == int(told) else told if name.endswith("imum") else None
        elif kind == "year" and isinstance(told, int):
            fits = read(pl.Series(field.name, [f"{told:04d}" if told >= 0 else f"{told:05d}"]))[0]
    if fits is None:
        raise ValueError(f"{name} of {field.name!r} has {told!r}, which is not of type {kind}")
    return fits
