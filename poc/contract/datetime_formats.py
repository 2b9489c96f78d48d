"""What the texts of a type look like, to the letter; the parsers behind take more than that, and would alter it."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Four digits, but not the year 0, which there was not.
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

#: Types that stay text, and formats of strings, each as a regular expression for the whole text.
TEXT_PATTERNS = {
    "email": rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+",
    "uri": rf"[A-Za-z][A-Za-z0-9+.-]*:{_HIER}(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?",
    "uuid": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "binary": "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    "year": f"(?:{YEAR}|-{YEAR}|-?[1-9][0-9]{{4,8}})",
    "yearmonth": f"(?:{YEAR}|-{YEAR}|-?[1-9][0-9]{{4,8}})-{_MONTH}",
    # a part at the least, and one after T where there is a T
    "duration": "-?P(?:{d}(?:{t})?|{t})".format(
        d="(?:[0-9]+Y(?:[0-9]+M)?(?:[0-9]+D)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)",
        t="T(?:[0-9]+H(?:[0-9]+M)?(?:{s})?|[0-9]+M(?:{s})?|{s})".format(s=r"[0-9]+(?:\.[0-9]+)?S"),
    ),
}

#: Directives of strptime that are read: how the parser writes each, and what it looks like. The year 69 of two digits
#: is 1969 to Python and 2069 to the parser, so it is not read at all.
DIRECTIVES = {
    "Y": ("%Y", YEAR), "y": ("%y", "(?:[0-57-9][0-9]|6[0-8])"), "m": ("%m", _MONTH), "d": ("%d", _DAY),
    "H": ("%H", _HOUR), "I": ("%I", "(?:0[1-9]|1[0-2])"), "M": ("%M", _SIXTY), "S": ("%S", _SIXTY),
    "p": ("%p", "(?i:am|pm)"), "j": ("%j", "[0-9]{3}"), "z": ("%z", f"(?:Z|{_ZONE})"), "%": ("%%", "%"),
    "b": ("%b", "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"),
    "B": ("%B", "(?i:january|february|march|april|may|june|july|august|september|october|november|december)"),
    "a": ("%a", "(?i:mon|tue|wed|thu|fri|sat|sun)"),
    "A": ("%A", "(?i:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"),
}  # fmt: skip

#: Directives that stand for others.
SHORTHANDS = {"%T": "%H:%M:%S", "%R": "%H:%M", "%F": "%Y-%m-%d", "%D": "%m/%d/%y"}

#: Two digits that may be written as one, where no other digit stands next to them.
UNPADDED = {
    "m": "(?:1[0-2]|0?[1-9])",
    "d": "(?:[12][0-9]|3[01]|0?[1-9])",
    "H": "(?:1[0-9]|2[0-3]|0?[0-9])",
    "I": "(?:1[0-2]|0?[1-9])",
}


@dataclass(frozen=True, slots=True)
class DateTimeFormat:
    """A date or time as text: the parser's format, its letters to the whole, and whether it tells its time zone."""

    form: str
    letters: str
    zoned: bool


#: What dates and times look like without a `format`. A datetime tells its zone, by `Z` or by hours and minutes.
DEFAULTS = {
    "date": DateTimeFormat("%Y-%m-%d", f"{YEAR}-{_MONTH}-{_DAY}", zoned=False),
    "time": DateTimeFormat("%H:%M:%S", f"{_HOUR}:{_SIXTY}:{_SIXTY}", zoned=False),
    "datetime": DateTimeFormat(
        "%Y-%m-%dT%H:%M:%S%.f%z",
        rf"{YEAR}-{_MONTH}-{_DAY}T{_HOUR}:{_SIXTY}:{_SIXTY}(?:\.[0-9]{{1,6}})?"
        r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])",
        zoned=True,
    ),
}


def compile_format(kind: str, form: str) -> DateTimeFormat:
    """Compile a strptime format of a `date`, `time` or `datetime`.

    Raises:
        ValueError: it has a directive that is not read, or does not tell enough, or too much, for the type.
    """
    if form == "default":
        return DEFAULTS[kind]
    for short, long in SHORTHANDS.items():
        form = form.replace(short, long)
    parts = re.findall(r"\.%f|%.|[^%.]+|[.%]", form, re.DOTALL)
    parser, letters, seen = "", "", set()
    for place, part in enumerate(parts):
        if part == ".%f":
            parser, letters = parser + "%.f", letters + r"\.[0-9]{1,6}"
        elif part[0] == "%":
            sign = part[1:]
            if sign not in DIRECTIVES:
                known = ", ".join(f"%{known}" for known in DIRECTIVES)
                raise ValueError(f"format {form!r} has {part!r}, which is not read; choose from {known} and .%f")
            alone = not (_is_digits(parts, place - 1) or _is_digits(parts, place + 1))
            parser += DIRECTIVES[sign][0]
            letters += UNPADDED[sign] if alone and sign in UNPADDED else DIRECTIVES[sign][1]
        else:
            parser, letters = parser + part, letters + re.escape(part)
        if part[0] in "%." and part != "." and part != "%%":
            if part in seen:
                raise ValueError(f"format {form!r} has {part!r} twice")
            seen.add(part)
    _require_whole_value(kind, form, {part[-1] for part in seen})
    return DateTimeFormat(parser, letters, "%z" in seen or parts[-1].endswith("Z"))


def _is_digits(parts: list[str], place: int) -> bool:
    if not 0 <= place < len(parts):
        return False
    part = parts[place]
    return part[0] == "%" and part[1:] in "YymdHIMSj" if part[0] == "%" else part[0].isdigit() or part[-1].isdigit()


def _require_whole_value(kind: str, form: str, has: set[str]) -> None:
    day = bool(has & {"Y", "y"}) and ("j" in has or (bool(has & {"m", "b", "B"}) and "d" in has))
    clock = "M" in has and (("H" in has and not has & {"I", "p"}) or ("H" not in has and {"I", "p"} <= has))
    if (has & set("HIMSpf") and not clock) or ("f" in has and "S" not in has):
        raise ValueError(
            f"format {form!r} of a {kind} tells a part of a time; it needs %H:%M, or %I:%M %p, at the least"
        )
    if kind != "time" and not day:
        raise ValueError(f"format {form!r} of a {kind} does not tell the day: it needs a year, a month and a day")
    if kind != "date" and not clock:
        raise ValueError(f"format {form!r} of a {kind} does not tell the time: it needs %H:%M, or %I:%M %p")
    if kind == "date" and (clock or "z" in has):
        raise ValueError(f"format {form!r} of a date tells a time, which would be lost; use the type datetime")
    if kind == "time" and has & set("YymdjbBaAz"):
        raise ValueError(
            f"format {form!r} of a time tells a date or a zone, which would be lost; use the type datetime"
        )
