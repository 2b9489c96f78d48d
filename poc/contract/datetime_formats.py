"""Exact patterns of the texts of each type; the parsers behind them accept more than that, and would alter it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

#: Four digits, but not the year 0, which does not exist.
YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_MONTH, _DAY, _HOUR = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])", "(?:[01][0-9]|2[0-3])"
_SIXTY = "[0-5][0-9]"
_ZONE = "[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]"

_LABEL = r"[A-Za-z0-9\u0080-\U0010FFFF](?:[A-Za-z0-9\u0080-\U0010FFFF-]{0,61}[A-Za-z0-9\u0080-\U0010FFFF])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010FFFF-]+"
_PCHAR = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_REGNAME = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
_AUTHORITY = rf"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{{2}})*@)?(?:\[[0-9A-Fa-f:.]+\]|{_REGNAME})(?::[0-9]*)?"
_HIER = rf"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|/?(?:{_PCHAR}+(?:/{_PCHAR}*)*)?)"

#: Regular expressions for the whole text of types that remain text, and of formats of strings.
TEXT_PATTERNS = {
    "email": rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+",
    "uri": rf"[A-Za-z][A-Za-z0-9+.-]*:{_HIER}(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?",
    "uuid": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "binary": "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    "year": f"(?:{YEAR}|-{YEAR}|-?[1-9][0-9]{{4,8}})",
    "yearmonth": f"(?:{YEAR}|-{YEAR}|-?[1-9][0-9]{{4,8}})-{_MONTH}",
    # at least one part, and at least one after T if there is a T
    "duration": "-?P(?:{d}(?:{t})?|{t})".format(
        d="(?:[0-9]+Y(?:[0-9]+M)?(?:[0-9]+D)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)",
        t="T(?:[0-9]+H(?:[0-9]+M)?(?:{s})?|[0-9]+M(?:{s})?|{s})".format(s=r"[0-9]+(?:\.[0-9]+)?S"),
    ),
}

#: Supported directives of strptime: the parser's spelling and the pattern of each. A year of two digits is made one of
#: four before it is parsed: from 69, which the parser would take for 2069, it is in the 20th century, as POSIX says.
DIRECTIVES = {
    "Y": ("%Y", YEAR), "y": ("%Y", "[0-9]{2}"), "m": ("%m", _MONTH), "d": ("%d", _DAY),
    "H": ("%H", _HOUR), "I": ("%I", "(?:0[1-9]|1[0-2])"), "M": ("%M", _SIXTY), "S": ("%S", _SIXTY),
    "p": ("%p", "(?i:am|pm)"), "j": ("%j", "[0-9]{3}"), "z": ("%z", f"(?:Z|{_ZONE})"), "%": ("%%", "%"),
    "b": ("%b", "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"),
    "B": ("%B", "(?i:january|february|march|april|may|june|july|august|september|october|november|december)"),
    "a": ("%a", "(?i:mon|tue|wed|thu|fri|sat|sun)"),
    "A": ("%A", "(?i:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"),
}  # fmt: skip

#: Directives that abbreviate others.
SHORTHANDS = {"%T": "%H:%M:%S", "%R": "%H:%M", "%F": "%Y-%m-%d", "%D": "%m/%d/%y"}

#: Patterns of directives whose two digits may be written as one if no other digit is next to them.
UNPADDED = {
    "m": "(?:1[0-2]|0?[1-9])",
    "d": "(?:[12][0-9]|3[01]|0?[1-9])",
    "H": "(?:1[0-9]|2[0-3]|0?[0-9])",
    "I": "(?:1[0-2]|0?[1-9])",
}


@dataclass(frozen=True, slots=True)
class DateTimeFormat:
    """Format of a date or time: for the parser, as a pattern of the whole text, and whether it has a time zone.

    `short_year` is a pattern with three groups, of which the second is a year of two digits; empty if there is none.
    """

    parser_format: str
    pattern: str
    zoned: bool
    short_year: str = ""


#: The time zone of a datetime without a `format`.
DEFAULT_ZONE = "(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"

#: Dates and times without a `format`. A datetime may have a time zone: `Z`, or hours and minutes.
DEFAULTS = {
    "date": DateTimeFormat("%Y-%m-%d", f"{YEAR}-{_MONTH}-{_DAY}", zoned=False),
    "time": DateTimeFormat("%H:%M:%S", f"{_HOUR}:{_SIXTY}:{_SIXTY}", zoned=False),
    "datetime": DateTimeFormat(
        "%Y-%m-%dT%H:%M:%S%.f%z",
        rf"{YEAR}-{_MONTH}-{_DAY}T{_HOUR}:{_SIXTY}:{_SIXTY}(?:\.[0-9]{{1,6}})?"
        rf"{DEFAULT_ZONE}?",
        zoned=True,
    ),
}


#: A datetime as most programs write it; its digits need not be a date.
STANDARD_DATETIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z")


#: The beginning of the year 1970 in UTC, as all datetimes that are compared with it.
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001


def standard_seconds(text: str) -> int | None:
    """Return a datetime such as `2013-01-01T05:00:00Z` in seconds since 1970; None for any other text."""
    if STANDARD_DATETIME.fullmatch(text) is None:
        return None
    try:
        since_1970 = datetime.fromisoformat(text[:-1]) - EPOCH
    except ValueError:
        return None
    return since_1970.days * 86_400 + since_1970.seconds


def compile_format(type_name: str, format_text: str) -> DateTimeFormat:
    """Compile a strptime format of a `date`, `time` or `datetime`.

    Raises:
        ValueError: it has an unsupported directive, or too few or too many directives for the type.
    """
    if format_text == "default":
        return DEFAULTS[type_name]
    for short, long in SHORTHANDS.items():
        format_text = format_text.replace(short, long)
    start = 0
    parts = re.findall(r"\.%f|%.|[^%.]+|[.%]", format_text, re.DOTALL)
    parser_format, pattern, short_year, directives = "", "", "", set()
    for index, part in enumerate(parts):
        if part == ".%f":
            parser_format, pattern = parser_format + "%.f", pattern + r"\.[0-9]{1,6}"
        elif part[0] == "%":
            directive = part[1:]
            if directive not in DIRECTIVES:
                choices = ", ".join(f"%{choice}" for choice in DIRECTIVES)
                raise ValueError(
                    f"format {format_text!r} has {part!r}, which is not supported; choose from {choices} and .%f"
                )
            alone = not (_is_digits(parts, index - 1) or _is_digits(parts, index + 1))
            parser_format += DIRECTIVES[directive][0]
            unpadded = UNPADDED.get(directive) if alone else None
            if directive == "y":
                short_year = f"^({pattern})([0-9]{{2}})("
            pattern += unpadded or DIRECTIVES[directive][1]
            start = len(pattern) if directive == "y" else start
        else:
            parser_format, pattern = parser_format + part, pattern + re.escape(part)
        if part[0] in "%." and part != "." and part != "%%":
            if part in directives:
                raise ValueError(f"format {format_text!r} has {part!r} twice")
            directives.add(part)
    _require_whole_value(type_name, format_text, {part[-1] for part in directives})
    short_year = f"{short_year}{pattern[start:]})$" if short_year else ""
    return DateTimeFormat(parser_format, pattern, "%z" in directives or parts[-1].endswith("Z"), short_year)


def _is_digits(parts: list[str], index: int) -> bool:
    if not 0 <= index < len(parts):
        return False
    part = parts[index]
    return part[0] == "%" and part[1:] in "YymdHIMSj" if part[0] == "%" else part[0].isdigit() or part[-1].isdigit()


def _require_whole_value(type_name: str, format_text: str, used: set[str]) -> None:
    has_day = bool(used & {"Y", "y"}) and ("j" in used or (bool(used & {"m", "b", "B"}) and "d" in used))
    has_hour = "H" in used if not used & {"I", "p"} else "H" not in used and {"I", "p"} <= used
    has_time = "M" in used and has_hour
    name = f"format {format_text!r} of a {type_name}"
    if (used & set("HIMSpf") and not has_time) or ("f" in used and "S" not in used):
        raise ValueError(f"{name} has a part of a time; it needs at least %H:%M, or %I:%M %p")
    if type_name != "time" and not has_day:
        raise ValueError(f"{name} has no complete date: it needs a year, a month and a day")
    if type_name != "date" and not has_time:
        raise ValueError(f"{name} has no time: it needs %H:%M, or %I:%M %p")
    if type_name == "date" and (has_time or "z" in used):
        raise ValueError(f"{name} has a time, which would be lost; use the type datetime")
    if type_name == "time" and used & set("YymdjbBaAz"):
        raise ValueError(f"{name} has a date or a time zone, which would be lost; use the type datetime")
