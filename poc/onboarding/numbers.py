"""Notations of numbers in a sample: decimal mark and mark of thousands, unless both readings are possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from poc.contract.parsers import make_parser
from poc.contract.schema import SchemaField

if TYPE_CHECKING:
    from typing import Any

    import polars as pl

#: Marks of thousands that are tried: comma, point, blank, apostrophe, and the blanks and apostrophe of typography.
GROUPS = (",", ".", " ", "'", "’", "\u00a0", "\u202f")

#: Digits that a binary float holds without loss; longer numbers are probably identifiers.
MAX_DIGITS = 15


class NumberFormat(NamedTuple):
    """A type of numbers, and how they are written."""

    type: str
    decimal: str = "."
    group: str = ""

    def field(self) -> dict[str, Any]:
        """Return the keys of a field of this format."""
        keys: dict[str, Any] = {"type": self.type}
        if self.type == "number" and self.decimal != ".":
            keys["decimalChar"] = self.decimal
        return keys | ({"groupChar": self.group} if self.group else {})


def fits(values: pl.Series, form: NumberFormat) -> bool:
    """Return whether all texts are numbers of a format."""
    parse = make_parser(SchemaField.model_validate({"name": "x", **form.field()}))
    return not parse(values).null_count()


def fitting_numbers(values: pl.Series, decimal: str) -> list[NumberFormat]:
    """Return the formats that fit all of some texts; more than one where a mark has two meanings.

    Args:
        values: the texts.
        decimal: the decimal mark, if somebody named it; "" otherwise.
    """
    if fits(values, NumberFormat("integer")):
        return [NumberFormat("integer")]
    found = [
        NumberFormat("number", mark)
        for mark in (".", ",")
        if decimal in {"", mark} and fits(values, NumberFormat("number", mark))
    ]
    if values.str.contains("(?:^|[^0-9])[0-9]{4,}").any():  # with a mark of thousands, these would have one
        return found
    for group in GROUPS:
        if group == decimal or not values.str.contains(group, literal=True).any():
            continue
        if fits(values, NumberFormat("integer", group=group)):
            found.append(NumberFormat("integer", group=group))
            continue
        marks = [mark for mark in (".", ",") if mark != group and decimal in {"", mark}]
        found += [form for form in (NumberFormat("number", mark, group) for mark in marks) if fits(values, form)][:1]
    return found


def has_leading_zeros(values: pl.Series) -> bool:
    """Return whether a text of digits begins with a zero that a number would lose."""
    return bool(values.str.contains("^[+-]?0[0-9]").any())


def has_long_digits(values: pl.Series) -> bool:
    """Return whether a text has more digits in a row than a number in most programs keeps."""
    return bool(values.str.contains(f"[0-9]{{{MAX_DIGITS + 1},}}").any())
