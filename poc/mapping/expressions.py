"""Expressions over typed rows: the fields of the partner, as far as polars computes them all together.

Products (`scaled_numbers`), look-ups (`look_ups`) and what replaces an empty value are computed after them, a column at
a time.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

import polars as pl

from poc.config.map_field import DATE_DIRECTIVES, DIRECTIVE, TIME_DIRECTIVES, ZONE_DIRECTIVE
from poc.errors import BadInput
from poc.mapping.range_checks import MAX_MINUTES
from poc.mapping.scaled_numbers import ScaledNumber
from poc.text import plain_texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from poc.config.map_field import Constant, MapField
    from poc.contract.contract import Contract

#: What a field of the partner holds; `json` are values of any type, as JSON.
Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "json"]

#: Directives that an output format cannot have, by the type of the field.
WRONG_DIRECTIVES = {
    "date": TIME_DIRECTIVES | {ZONE_DIRECTIVE},
    "time": DATE_DIRECTIVES | {ZONE_DIRECTIVE},
    "datetime": frozenset[str](),
}

#: Integers that a column can hold.
INTEGERS = range(-(2**63), 2**63)


def kind_of(field: MapField, contract: Contract) -> Kind:
    """Return what a field of the partner holds."""
    if field.value is not None:
        return constant_kind(field.value)
    if field.times is not None:
        return "number"
    if field.source is None or field.has_lookup or field.plus_minutes is not None:
        return "text"
    of_source = contract.types[field.source]
    if of_source == "any":
        return "json" if contract.json_values else "text"
    kinds: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean"}
    return kinds.get(of_source, "text")


def constant_kind(value: Constant) -> Kind:
    """Return what a constant is. An integer is written with its digits, so that it may have any size."""
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def literal_fields(fields: Iterable[MapField], contract: Contract) -> frozenset[str]:
    """Return the partner's fields whose text is JSON as it is: numbers, and values of any type from JSON."""
    return frozenset(field.to for field in fields if kind_of(field, contract) in {"number", "json"})


def default_cell(field: MapField, contract: Contract) -> bool | int | str | None:
    """Return the cell that replaces an empty one; None where it stays empty. Raises BadInput for another type."""
    value, kind = field.default, kind_of(field, contract)
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    fits = {
        "text": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": is_integer and value in INTEGERS,
        "number": is_integer or isinstance(value, Decimal),
    }
    if not fits[kind]:
        shown = repr(value) if isinstance(value, str) else str(value).lower()
        raise BadInput(f"map to {field.to!r}: `default` must be of the field's type, {kind}; it is {shown}")
    return str(value) if kind == "number" else value if isinstance(value, int) else str(value)


def scaled_number(field: MapField) -> ScaledNumber | None:
    """Return the computation of a field that is multiplied; None for any other field."""
    if field.source is None or field.times is None:
        return None
    return ScaledNumber(field.to, field.source, field.times, field.decimals)


def field_expression(
    field: MapField, contract: Contract, local: frozenset[str] = frozenset(), *, clipped: bool = False
) -> pl.Expr:
    """Return a field of the partner as an expression over typed rows.

    `clipped` limits the minutes that are added: polars panics where it has to write a time of an impossible year.

    Raises:
        BadInput: the types of the contract's fields do not fit.
    """
    for name in field.sources:
        if name not in contract.names:
            raise BadInput(f"map to {field.to!r}: unknown field {name!r}; the contract has {', '.join(contract.names)}")
    if field.value is not None:
        return pl.lit(field.value if isinstance(field.value, bool) else str(field.value))
    if field.join:
        parts = [text_expression(name, contract, local) for name in field.join]
        return pl.concat_str(parts, separator=field.separator)
    return source_expression(field, field.sources[0], contract, local, clipped=clipped)


def source_expression(
    field: MapField, name: str, contract: Contract, local: frozenset[str], *, clipped: bool
) -> pl.Expr:
    """Return a field of the partner that is made of one field of the contract. Raises BadInput."""
    kind = contract.types[name]
    if field.format is not None:
        check_format(field.to, field.format, name, kind)
    if field.zone is not None and (kind != "datetime" or name in contract.local):
        raise BadInput(f"map to {field.to!r}: `zone` needs a datetime that has a time zone, {name!r} has none")
    if field.times is not None:
        if kind not in {"integer", "number"}:
            raise BadInput(f"map to {field.to!r}: `times` needs a number, {name!r} is a {kind}")
        return pl.col(name)
    if field.plus_minutes is not None:
        if kind != "datetime" or contract.types[field.plus_minutes] != "integer":
            raise BadInput(f"map to {field.to!r}: `plus_minutes` needs a datetime and an integer field of minutes")
        minutes = pl.col(field.plus_minutes)
        minutes = minutes.clip(-MAX_MINUTES, MAX_MINUTES) if clipped else minutes
        time = pl.col(name) + pl.duration(minutes=minutes)
        return datetime_expression(field, time, name, contract, local)
    if field.has_lookup and kind == "number":
        raise BadInput(f"map to {field.to!r}: a look-up needs texts, and {name!r} is a number; make it a string")
    if kind == "datetime":
        return datetime_expression(field, pl.col(name), name, contract, local)
    if field.format is not None:
        return pl.col(name).dt.strftime(polars_format(field.format))
    is_text = field.has_lookup or kind in {"date", "time"}
    return text_expression(name, contract, local) if is_text else pl.col(name)


def check_format(to: str, form: str, name: str, kind: str) -> None:
    """Raise BadInput for an output format that does not fit the type of its field."""
    if kind not in WRONG_DIRECTIVES:
        raise BadInput(f"map to {to!r}: `format` needs a date, time or datetime, {name!r} is a {kind}")
    if wrong := [match[0] for match in DIRECTIVE.finditer(form) if match[2] in WRONG_DIRECTIVES[kind]]:
        raise BadInput(f"map to {to!r}: {name!r} is a {kind}, which has no `{wrong[0]}`")


def text_expression(name: str, contract: Contract, local: frozenset[str]) -> pl.Expr:
    """Return a field as text: dates and times in ISO 8601, booleans as `true` and `false`, numbers as in JSON."""
    kind = contract.types[name]
    if kind == "datetime":
        return datetime_expression(None, pl.col(name), name, contract, local)
    if kind == "time":
        return pl.col(name).dt.strftime("%H:%M:%S%.f")
    if kind == "any" and contract.json_values:
        return pl.col(name).map_batches(
            lambda literals: pl.Series(name, plain_texts(literals), dtype=pl.String), return_dtype=pl.String
        )
    return pl.col(name).cast(pl.String)


def datetime_expression(
    field: MapField | None, value: pl.Expr, name: str, contract: Contract, local: frozenset[str]
) -> pl.Expr:
    """Return a datetime as text, in UTC or the zone of the field where it has a time zone.

    Without a format, it is RFC 3339, with a fraction of a second only where it has one.
    """
    form, zone = (None, None) if field is None else (field.format, field.zone)
    if form is None:
        local_format = "%Y-%m-%dT%H:%M:%S%.f"
        zoned_format = f"{local_format}{'Z' if zone is None else '%:z'}"
    else:
        local_format, zoned_format = polars_format(form, ""), polars_format(form, "+0000" if zone is None else "%z")
    as_local, in_zone = value.dt.strftime(local_format), value
    if zone is not None:
        in_zone = value.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    if name in contract.local or (zone is None and local_format == zoned_format):
        return as_local
    if name not in local:
        return in_zone.dt.strftime(zoned_format)
    return pl.when(pl.col(f"\0local {name}")).then(as_local).otherwise(in_zone.dt.strftime(zoned_format))


def polars_format(form: str, zone: str = "") -> str:
    """Return an output format as polars spells it: six digits for `%f`, and what stands for the zone."""
    spellings = {"%f": "%6f", "%z": zone}
    return DIRECTIVE.sub(lambda match: spellings.get(match[0], match[0]), form)
