"""Constraints of a field, compiled to checks of whole columns.

Most columns of most files satisfy all constraints, and proving that can cost less than checking every value: by the
minimum and maximum, or by a cast to the choices. Only if the proof fails are the invalid rows searched for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

import polars as pl

from poc.contract.key_values import duration_values
from poc.contract.numbers import CANONICAL, FEW_ROWS, Limit, value_texts
from poc.contract.parsers import LOCAL_SHIFT_US, has_local, is_local, make_parser
from poc.contract.xml_patterns import compile_pattern
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.contract.parsers import ColumnParser
    from poc.contract.schema import SchemaField

#: Patterns that mean exactly the same to Python and to XML Schema. Python's engine backtracks, so at most one part may
#: have a variable length and none may be a group: then a match takes negligible time.
ONE_CHARACTER = r"(?:[A-Za-z0-9 _@#/:,;=-]|\\[.+*?()\[\]{}|^$/-]|\[[A-Za-z0-9 _.@#/:,;-]+\])"
SIMPLE_PATTERN = re.compile(
    rf"(?:{ONE_CHARACTER}(?:\{{[0-9]+\}})?)*+(?:(?:[?*+]|\{{[0-9]+,[0-9]*\}})(?:{ONE_CHARACTER}(?:\{{[0-9]+\}})?)*+)?"
)

INT64_SPAN = 2**63

#: Whether a value is within a bound, by whether it is a lower one, and excluded itself.
WITHIN: dict[tuple[bool, bool], Callable[[Any, Any], Any]] = {
    (True, True): gt, (True, False): ge, (False, True): lt, (False, False): le,
}  # fmt: skip

#: The greatest distance of a time zone from UTC, in microseconds: 14 hours.
ZONES_US = 14 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class CompiledConstraint:
    """One constraint of a field: `broken` is true for each invalid value of a column, which has the field's name.

    `holds` is true for a whole column only if no value is invalid. `message` follows the value in a finding. For a few
    integers or strings, `allows` costs less: it is true for each valid one; None where there is no such test.
    """

    message: str
    broken: Callable[[pl.Series], pl.Series]
    holds: Callable[[pl.Series], bool]
    allows: Callable[[Any], bool] | None = None


def compile_constraints(field: SchemaField) -> list[CompiledConstraint]:
    """Compile the constraints of a field, except `required` and `unique`.

    Raises:
        ValueError: a bound or a choice is not a value of the field, or a pattern is not a regular expression.
    """
    parse, constraints = make_parser(field), field.constraints
    compiled = [
        _bound(field, parse, name, bound)
        for name, bound in (
            ("minimum", constraints.minimum),
            ("exclusiveMinimum", constraints.exclusive_minimum),
            ("maximum", constraints.maximum),
            ("exclusiveMaximum", constraints.exclusive_maximum),
        )
        if bound is not None
    ]
    if field.categories is not None:
        compiled.append(_choices(field, parse, "categories", [_category(value) for value in field.categories]))
    if constraints.enum is not None:
        compiled.append(_choices(field, parse, "enum", list(constraints.enum)))
    if constraints.pattern is not None:
        compiled.append(_pattern(field.name, constraints.pattern))
    length = pl.col(field.name).str.len_chars()
    least, most = constraints.min_length, constraints.max_length
    if least:
        compiled.append(_by_expression(f"is shorter than {least}", length < least, lambda text: len(text) >= least))
    if most is not None:
        compiled.append(_by_expression(f"is longer than {most}", length > most, lambda text: len(text) <= most))
    return compiled


def _by_expression(message: str, broken: pl.Expr, allows: Callable[[Any], bool] | None = None) -> CompiledConstraint:
    return _constraint(message, broken, lambda column: not column.to_frame().select(broken.any()).item(), allows)


def _constraint(
    message: str, broken: pl.Expr, holds: Callable[[pl.Series], bool], allows: Callable[[Any], bool] | None = None
) -> CompiledConstraint:
    return CompiledConstraint(message, lambda column: column.to_frame().select(broken).to_series(), holds, allows)


def _bound(field: SchemaField, parse: ColumnParser, name: str, bound: Any) -> CompiledConstraint:
    limit = parse_constraint_value(field, parse, name, bound)
    value = comparison_value(field)
    if field.type in {"year", "yearmonth"}:
        limit = pl.Series(field.name, [limit]).to_frame().select(value).item()
    is_lower, exclusive = name.endswith("inimum"), name.startswith("exclusive")
    negation, side = "not " if exclusive else "", "above" if exclusive == is_lower else "below"
    message = f"is {negation}{side} the {name} {truncate(str(bound))}"
    if is_default_datetime(field):
        datetime_limit = DatetimeLimit(limit, is_lower=is_lower, exclusive=exclusive)
        return CompiledConstraint(message, datetime_limit.beyond, lambda s: not datetime_limit.beyond(s).any())
    if field.type == "number":
        number_limit = Limit(limit, is_lower=is_lower, exclusive=exclusive)
        return CompiledConstraint(message, number_limit.beyond, number_limit.holds)
    if field.type == "integer" and isinstance(limit, Decimal):
        limit, exclusive = (math.ceil(limit), False) if is_lower else (math.floor(limit), False)
    if field.type == "integer" and not -INT64_SPAN <= limit < INT64_SPAN:
        raise ValueError(f"{name} {bound!r} of {field.name!r} does not fit into 64 bits")
    within = WITHIN[is_lower, exclusive]
    broken = ~within(value, limit)
    if field.type in {"year", "yearmonth"}:
        return _by_expression(message, broken)

    def allows(value: Any) -> bool:
        return bool(within(value, limit))

    def holds(column: pl.Series) -> bool:
        extreme = column.min() if is_lower else column.max()
        return extreme is None or allows(extreme)

    return _constraint(message, broken, holds, allows if field.type == "integer" else None)


def is_default_datetime(field: SchemaField) -> bool:
    """Return whether a field's values are datetimes with or without a time zone."""
    return field.type == "datetime" and field.format == "default"


class DatetimeLimit:
    """One bound of datetimes in the default format.

    A value with a time zone and one without are in order only if they are so in every time zone, up to 14 hours from
    UTC, as XML Schema says. So a bound of the other kind is that much narrower.
    """

    def __init__(self, limit_us: int, *, is_lower: bool, exclusive: bool) -> None:
        self._is_lower = is_lower
        self._exclusive = exclusive
        self._is_local = limit_us >= LOCAL_SHIFT_US // 2
        self._same_us = limit_us - LOCAL_SHIFT_US * self._is_local
        self._other_us = self._same_us + (ZONES_US if is_lower else -ZONES_US)

    def beyond(self, values: pl.Series) -> pl.Series:
        """Return whether each value breaks the bound; null for null."""
        if not has_local(values):
            return self._breaks(values.to_physical(), self._other_us if self._is_local else self._same_us)
        local_us, zoned_us = self._same_us, self._other_us
        if not self._is_local:
            local_us, zoned_us = zoned_us, local_us
        physical = values.to_physical()
        of_local = self._breaks(physical - LOCAL_SHIFT_US, local_us)
        return of_local.zip_with(is_local(values), self._breaks(physical, zoned_us))

    def _breaks(self, times_us: pl.Series, limit_us: int) -> pl.Series:
        if self._is_lower:
            return times_us <= limit_us if self._exclusive else times_us < limit_us
        return times_us >= limit_us if self._exclusive else times_us > limit_us


def comparison_value(field: SchemaField) -> pl.Expr:
    """Return the expression by which a field's values are compared.

    Years and year-months remain text, so they are converted to years or months since the year 0.
    """
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


def _choices(field: SchemaField, parse: ColumnParser, name: str, values: list[Any]) -> CompiledConstraint:
    choices = [parse_constraint_value(field, parse, name, value) for value in values]
    column = pl.col(field.name)
    message = f"is not one of {truncate(', '.join(str(value) for value in values))}"
    if is_default_datetime(field):
        return CompiledConstraint(
            message,
            lambda s: ~s.to_physical().is_in(choices),
            lambda s: bool(s.to_physical().is_in(choices).all()),
        )
    if field.type in {"number", "duration"}:
        values_of = value_texts if field.type == "number" else duration_values
        among = values_of(pl.Series([str(choice) for choice in choices])).to_list()
        return CompiledConstraint(
            message, lambda s: ~values_of(s).is_in(among), lambda s: bool(values_of(s).is_in(among).all())
        )
    if isinstance(choices[0], str):
        enum = pl.Enum(list(dict.fromkeys(choices)))
        return _constraint(
            message,
            ~column.is_in(choices),
            lambda s: s.cast(enum, strict=False).null_count() == s.null_count(),
            frozenset(choices).__contains__,
        )
    allows = frozenset(choices).__contains__ if field.type == "integer" else None
    return _by_expression(message, ~column.is_in(pl.Series(choices).implode()), allows)


def _pattern(name: str, pattern: str) -> CompiledConstraint:
    try:
        compiled = compile_pattern(pattern)
        whole = compiled.rust
        pl.Series([""]).str.contains(whole)
    except pl.exceptions.PolarsError as error:
        reason = " ".join(str(error).partition("This error occurred")[0].split())  # without the inner expression
        raise ValueError(f"pattern of {name!r} is too large or not a regular expression: {reason}") from error
    except ValueError as error:
        raise ValueError(f"pattern of {name!r}: {error}") from error
    matches = re.compile(compiled.text).fullmatch if SIMPLE_PATTERN.fullmatch(compiled.text) else None

    def holds(column: pl.Series) -> bool:
        if matches is not None and column.len() <= FEW_ROWS:
            return all(text is None or matches(text) for text in column.to_list())
        return bool(column.str.contains(whole).all())

    allows = None if matches is None else lambda text: matches(text) is not None
    return _constraint(f"does not match {truncate(pattern)}", ~pl.col(name).str.contains(whole), holds, allows)


def parse_constraint_value(field: SchemaField, parse: ColumnParser, name: str, value: Any) -> Any:
    """Convert a bound or a choice to a value of the field, a datetime of the default format to microseconds.

    Raises:
        ValueError: it is not of the field's type.
    """
    parsed: Any = None
    if isinstance(value, str):
        parsed = _parse_text(field, parse, name, value)
    elif isinstance(value, bool):
        parsed = value if field.type == "boolean" else None
    elif isinstance(value, int | float | Decimal) and CANONICAL.fullmatch(str(value)):
        exact = Decimal(str(value))
        if field.type == "number":
            parsed = exact
        elif field.type == "integer":
            parsed = int(exact) if exact == int(exact) else exact if name.endswith("imum") else None
        elif field.type == "year" and isinstance(value, int):
            parsed = parse(pl.Series(field.name, [f"{value:04d}" if value >= 0 else f"{value:05d}"]))[0]
    if parsed is None:
        shown = str(value) if isinstance(value, Decimal) else repr(value)
        raise ValueError(f"{name} of {field.name!r} has {shown}, which is not of type {field.type}")
    return parsed


def _parse_text(field: SchemaField, parse: ColumnParser, name: str, text: str) -> Any:
    values = parse(pl.Series(field.name, [text]))
    parsed = (values.to_physical() if is_default_datetime(field) else values)[0]
    if field.type == "number" and parsed is not None:
        return Decimal(parsed)
    if (
        parsed is None
        and field.type == "integer"
        and name.endswith("imum")
        and re.fullmatch(r"[+-]?[0-9]+\.[0-9]+", text)
    ):
        return Decimal(text)
    return parsed
