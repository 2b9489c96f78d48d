"""Parsers of a column of text: the value of each text that matches its type exactly, null for any other.

A parser processes a whole column at once and never alters a value: texts that polars or pyarrow would accept beyond the
type (blanks, a 60th second, `inf`) are nulled before.

For a column of a small file, starting an expression costs more than its work (0.1 ms against 4 us). So casts are made
on the column itself, and standard dates and datetimes are parsed by pyarrow, which starts at once: 40 us instead of
250 us for 100 datetimes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from poc.contract.datetime_formats import DEFAULT_ZONE, TEXT_PATTERNS, DateTimeFormat, compile_format
from poc.contract.numbers import MAX_DIGITS, NUMBER, canonical_numbers, count_digits

if TYPE_CHECKING:
    from poc.contract.schema import SchemaField

#: Converts a column of text to a column of values.
ColumnParser = Callable[[pl.Series], pl.Series]

DATETIME = pl.Datetime("us")

#: What may stand beside a number that is not bare: letters, currency and percent signs, units, white space, quotation
#: marks, marks of direction, and punctuation that does not change a number. All else might: digits and fractions of any
#: alphabet, signs, dashes, brackets, operators, combining marks, invisible characters.
BESIDE_NUMBERS = (
    r"\p{L}\p{Sc}\s!\"#%&'*/:;?@\\_\[\]{}\u{61c}\u{200e}\u{200f}\u{a7}\u{a9}\u{ab}\u{ae}\u{b0}\u{b6}\u{bb}\u{66a}"
    r"\u{2018}-\u{2022}\u{2030}\u{2031}\u{2100}-\u{214f}\u{3300}-\u{3357}\u{3371}-\u{33df}"
)

#: Letters that are written or read as a sign, such as the Japanese mark of a long vowel; modifier letters among them.
SIGN_LETTERS = r"\p{Lm}\p{Sm}\u{1173}\u{1428}\u{1429}\u{2cba}\u{2cbb}\u{3161}\u{a7f7}\u{ffda}"

#: Types of numbers, whose notation options of the field may define.
NUMBERS = ("integer", "number")

#: A datetime in the default format need not have a time zone. One without is held so much later, in microseconds, than
#: any year of four digits: so both kinds are in one column, and are never equal.
LOCAL_SHIFT_US = 2**60

#: The lowest byte at each position of the standard formats, and its range; pyarrow rejects remaining invalid dates.
STANDARD_BYTES = {
    type_name: (
        np.frombuffer(low, np.uint8),
        np.frombuffer(high, np.uint8) - np.frombuffer(low, np.uint8),
        arrow,
        dtype,
    )
    for type_name, low, high, arrow, dtype in (
        ("datetime", b"0000-00-00T00:00:00Z", b"9999-19-39T29:59:59Z", pa.timestamp("us", "UTC"), DATETIME),
        ("date", b"0000-00-00", b"9999-19-39", pa.date32(), pl.Date()),
    )
}


def make_parser(field: SchemaField) -> ColumnParser:
    """Return the parser of a field. Raises ValueError for a format that is not supported."""
    type_name = field.type
    if type_name in NUMBERS:
        return _number_parser(field)
    if type_name == "boolean":
        return _boolean_parser(field)
    if type_name == "datetime" and field.format == "default":
        return _default_datetime_parser()
    if type_name in {"date", "time", "datetime"}:
        return _temporal_parser(
            type_name,
            compile_format(type_name, field.format),
            standard=field.format == "default" and type_name in STANDARD_BYTES,
        )
    form = field.format if type_name == "string" else type_name
    if form in TEXT_PATTERNS:
        return lambda text: null_unless_matching(text, TEXT_PATTERNS[form])
    return lambda text: text


def null_unless_matching(text: pl.Series, pattern: str) -> pl.Series:
    """Replace the texts that do not match a regular expression as a whole by null."""
    matches = text.str.contains(f"^(?:{pattern})$")
    return text if matches.all() else text.set(~matches, None)


def is_plain_number(field: SchemaField) -> bool:
    """Return whether the field's numbers are written without options of the field."""
    return field.type in NUMBERS and field.bare_number and not field.group_char and field.decimal_char == "."


def _number_parser(field: SchemaField) -> ColumnParser:
    is_plain, is_integer = is_plain_number(field), field.type == "integer"
    pattern, point = number_pattern(field), field.decimal_char

    def parse(text: pl.Series) -> pl.Series:
        if not is_plain:
            digits = text.str.extract(pattern, 1)  # null if the text does not match
            if not field.bare_number:
                digits = null_beside_numerals(digits, text)
            digits = digits.str.replace_all(field.group_char, "", literal=True) if field.group_char else digits
            text = digits if is_integer else digits.str.replace_all(point, ".", literal=True)
        return text.cast(pl.Int64, strict=False) if is_integer else canonical_numbers(text)

    return parse


def null_beside_numerals(digits: pl.Series, text: pl.Series) -> pl.Series:
    """Replace a number by null where a letter of the text around it is a numeral, as in Chinese."""
    letters = text.str.contains(r"\p{Lo}").fill_null(value=False)
    if not letters.any():
        return digits
    numerals = [
        has_letter and any(char.isnumeric() and not char.isdecimal() for char in cell)
        for has_letter, cell in zip(letters, text, strict=True)
    ]
    return digits.set(pl.Series(numerals), None)


def number_pattern(field: SchemaField) -> str:
    """Return the pattern of a number; its first group is the number itself.

    Digits are grouped by threes, or by twos before the last three. The text around a number that is not bare contains
    only what cannot change the number, see `BESIDE_NUMBERS`.
    """
    point, group = re.escape(field.decimal_char), re.escape(field.group_char)
    digits = f"(?:[0-9]{{1,3}}(?:{group}[0-9]{{2,3}})*{group}[0-9]{{3}}|[0-9]+)" if group else "[0-9]+"
    number = rf"[+-]?{digits}"
    if field.type == "number":
        number = rf"[+-]?(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    if field.bare_number:
        return f"^({number})$"
    marks = "".join(re.escape(mark) for mark in f".,{field.decimal_char}{field.group_char}".replace(" ", ""))
    other, rest = (
        rf"[[{BESIDE_NUMBERS}{also}]--[{SIGN_LETTERS}{without}]]" for also, without in (("", marks), (".,", ""))
    )
    return rf"^(?:{other}|[{marks}]{other})*({number})(?:{other}{rest}*)?$"


def _boolean_parser(field: SchemaField) -> ColumnParser:
    values = pl.Enum([*dict.fromkeys(field.true_values), *dict.fromkeys(field.false_values)])
    true_count = len(dict.fromkeys(field.true_values))
    return lambda text: text.cast(values, strict=False).to_physical() < true_count


def _temporal_parser(type_name: str, datetime_format: DateTimeFormat, *, standard: bool) -> ColumnParser:
    def parse(text: pl.Series) -> pl.Series:
        text = null_unless_matching(text, datetime_format.pattern)
        if datetime_format.short_year:
            for digits, century in (("[0-5][0-9]|6[0-8]", "20"), ("69|[7-9][0-9]", "19")):
                short_year = datetime_format.short_year.replace("[0-9]{2}", digits)
                text = text.str.replace(short_year, f"${{1}}{century}${{2}}${{3}}")
        if type_name == "date":
            return text.str.to_date(datetime_format.parser_format, strict=False)
        if type_name == "time":
            return text.str.to_time(datetime_format.parser_format, strict=False)
        if "%z" in datetime_format.parser_format:
            ends_with_zone = datetime_format.parser_format.endswith("%z")
            text = text.str.replace_all("Z", "+00:00", literal=True) if ends_with_zone else text
        value = text.str.to_datetime(datetime_format.parser_format, strict=False, time_unit="us").cast(DATETIME)
        if datetime_format.zoned:  # in UTC it may be before the year 1 or after 9999
            value = value.set(~value.dt.year().is_between(1, 9999), None)
        return value

    def parse_column(text: pl.Series) -> pl.Series:
        value = parse_standard(text, type_name) if standard else None
        return parse(text) if value is None else value

    return parse_column


def is_local(values: pl.Series) -> pl.Series:
    """Return which datetimes of the default format have no time zone; null for null."""
    return values.to_physical() >= LOCAL_SHIFT_US // 2


def has_local(values: pl.Series) -> bool:
    """Return whether any datetime of the default format has no time zone."""
    latest = values.cast(pl.Int64).max()
    return isinstance(latest, int) and latest >= LOCAL_SHIFT_US // 2


def without_shift(values: pl.Series) -> pl.Series:
    """Return datetimes of the default format as they are read, with and without a time zone alike."""
    physical = values.to_physical()
    return (physical - LOCAL_SHIFT_US).zip_with(is_local(values).fill_null(value=False), physical).cast(DATETIME)


def _default_datetime_parser() -> ColumnParser:
    default = compile_format("datetime", "default")
    parse = _temporal_parser("datetime", default, standard=True)

    def parse_column(text: pl.Series) -> pl.Series:
        value = parse_standard(text, "datetime")
        if value is not None:
            return value
        text = null_unless_matching(text, default.pattern)
        local = ~text.str.contains(f"{DEFAULT_ZONE}$").fill_null(value=True)
        if not local.any():
            return parse(text)
        physical = parse((text + "Z").zip_with(local, text)).to_physical()
        return (physical + LOCAL_SHIFT_US).zip_with(local, physical).cast(DATETIME)

    return parse_column


def parse_standard(text: pl.Series, type_name: str) -> pl.Series | None:
    """Parse a column of standard dates or datetimes at once; None if any text has another format.

    All texts are compared as rows of bytes of equal length. If one were shorter or longer, the hyphens of the next
    would be out of place, or pyarrow would reject it.
    """
    low, span, arrow_type, dtype = STANDARD_BYTES[type_name]
    earliest = text.min()
    if not isinstance(earliest, str) or earliest < "0001":  # no text at all, or the year 0, which pyarrow accepts
        return None
    arrow = text.to_arrow()
    offsets = np.frombuffer(arrow.buffers()[1], np.int64)
    first, last = offsets[arrow.offset], offsets[arrow.offset + len(arrow)]
    count = len(arrow) - arrow.null_count
    if last - first != count * len(low):
        return None
    codes = np.frombuffer(arrow.buffers()[2], np.uint8)[first:last].reshape(count, -1)
    if not (codes - low <= span).all():  # a byte below the lowest wraps around to a large one
        return None
    try:
        return pl.Series(text.name, arrow.cast(arrow_type)).cast(dtype)
    except pa.ArrowInvalid:
        return None


def type_error_hint(type_name: str, text: str, format_text: str = "default") -> str:
    """Return a hint why a text is not of a type in a format; empty if there is none."""
    if type_name == "integer" and re.fullmatch("[+-]?[0-9]+", text):
        return ": it does not fit into 64 bits"
    if type_name == "number" and re.fullmatch("[+-]?(nan|inf)", text, re.IGNORECASE):
        return ": JSON cannot represent it; list it in missingValues if it means a missing value"
    if type_name == "number" and re.fullmatch(NUMBER, text):
        if count_digits(text) > MAX_DIGITS:
            return f": it has more than {MAX_DIGITS:,} digits"
        return ": its exponent has more than three digits" if re.search("[eE][+-]?0*[1-9][0-9]{3}", text) else ""
    if type_name == "datetime" and re.search(r":[0-9]{2}\.[0-9]{7}", text):
        return ": it has more than six decimals of a second"
    if "%z" in format_text and re.fullmatch(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]+)?", text):
        return ": it has no time zone; a field of such values needs a format without %z, or none"
    return ""
