"""JSON values that keep the text of their numbers: read strictly, describe and write them."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring as encode_string
from typing import Any

from poc.text import truncate

#: The most digits of an integer that is written with a point or an exponent; 64 bits hold fewer.
MAX_INTEGER_DIGITS = 20


class NumberText(str):
    """A number as the text in the file."""

    __slots__ = ()


class InvalidJson(ValueError):
    """A line that Python's parser accepts and JSON does not, or an object with a repeated key."""


def reject_constant(name: str) -> None:
    """Reject NaN and Infinity, which are not JSON. Raises InvalidJson."""
    raise InvalidJson(f"{name} is no JSON value")


def object_with_distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises InvalidJson for a repeated key: one of its values would be lost."""
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJson(f"the key {truncate(key)!r} occurs twice")
            seen.add(key)
    return record


def json_decoder() -> json.JSONDecoder:
    """Return a decoder of strict JSON, in which numbers are `NumberText`. It raises ValueError and RecursionError."""
    return json.JSONDecoder(
        parse_int=NumberText,
        parse_float=NumberText,
        parse_constant=reject_constant,
        object_pairs_hook=object_with_distinct_keys,
    )


def json_text(value: Any) -> str:
    """Return a decoded value as JSON, with its numbers as they were written. Raises RecursionError."""
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode_string(key)}:{json_text(part)}" for key, part in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([json_text(part) for part in value]) + "]"
    return json_literal(value) or "null"


def json_literal(value: Any) -> str | None:
    """Return the JSON of a string, number, boolean or null; None for null."""
    if type(value) is str:
        return encode_string(value)
    return ("false", "true")[value] if isinstance(value, bool) else value


def integer_text(number: str) -> str:
    """Return a JSON number with the notation of an integer if its value is one, as that of `1.0` is; else as it is."""
    if number.lstrip("-").isdigit():
        return number
    try:
        value = Decimal(number)
    except InvalidOperation:  # its exponent has more digits than any that is computed with
        return number
    return str(int(value)) if value.adjusted() < MAX_INTEGER_DIGITS and value == int(value) else number


def describe_type(value: Any) -> str:
    """Return the JSON type of a value in words."""
    if value is None:
        return "null"
    words = {bool: "a boolean", NumberText: "a number", str: "a text", list: "an array", dict: "an object"}
    return words[type(value)]


def json_excerpt(value: Any) -> str:
    """Return the beginning of a value as JSON; "it" for an array or object."""
    if isinstance(value, list | dict):
        return "it"
    return truncate(str(value) if isinstance(value, NumberText) else json.dumps(value))
