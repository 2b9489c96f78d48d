"""The layout of lines of fixed width, as far as it shows: columns that blanks divide, and record types.

Two columns without a blank between them look like one, and the end of a column is open where its values are short. So
each column is in doubt, and the description of the sender decides.
"""

from __future__ import annotations

import re
from typing import Any

from poc.onboarding.layout import Guess, Layout
from poc.onboarding.layouts.controls import HEADERS, TRAILERS

#: Lines that are looked at, and the least number of characters of a line that is divided.
SAMPLED_LINES, LEAST_CHARS = 2_000, 8

#: What is said of each layout of this format.
DOUBTS = (
    "columns that touch each other look like one: compare starts and widths with the description of the file",
    "what the columns are called does not stand in the file",
)


def looks_fixed(text: str) -> bool:
    """Return whether the lines of a text but the first and the last have one length, and columns or record types."""
    lines = [line for line in text.splitlines()[:SAMPLED_LINES] if line.strip()]
    inner = lines[1:-1] if len(lines) > 3 else lines[1:]
    lengths = {len(line) for line in inner}
    if len(lengths) != 1 or max(lengths) < LEAST_CHARS:
        return False
    return len(divide(inner, 0)) > 1 or bool(record_type(lines[0], HEADERS, common_start(lines)))


def common_start(lines: list[str]) -> str:
    """Return the letter that all lines between the first and the last begin with; "" where there is none."""
    starts = {line[:1] for line in lines[1:-1]} if len(lines) > 3 else set()
    first = next(iter(starts), "")
    return first if len(starts) == 1 and first.isalpha() else ""


def fixed_layout(text: str, encoding: Guess, *, is_whole: bool) -> Layout:
    """Return the layout of lines of fixed width; `is_whole` if the text is the whole file."""
    lines = text.splitlines()[:SAMPLED_LINES]
    is_whole = is_whole and len(lines) < SAMPLED_LINES
    if not is_whole:
        lines = lines[:-1]
    lines = [line for line in lines if line.strip()]
    settings: dict[str, Any] = {}
    guesses = [encoding]
    common = common_start(lines)
    if (token := record_type(lines[0], HEADERS, common)) and len(lines) > 1:
        settings["header"] = {"starts": token}
        guesses.append(Guess("header record", f"the line that begins with {token!r}", 1))
        lines = lines[1:]
    if is_whole and len(lines) > 1 and (token := record_type(lines[-1], TRAILERS, common)):
        settings["trailer"] = {"starts": token}
        doubts = ("where it says the number of rows, or a sum, cannot be told; add `count` and `sums`",)
        guesses.append(Guess("trailer record", f"the line that begins with {token!r}", 1, doubts))
        lines = lines[:-1]
    dialect: dict[str, Any] = {} if encoding.text == "utf-8" else {"encoding": encoding.text}
    table: dict[str, Any] = {}
    start = 0
    if settings and common:
        table["detail"] = common
        start = 1
        guesses.append(Guess("record type", f"rows begin with {common!r}", len(lines)))
    labels = label_line(lines)
    if labels:
        dialect["preamble_lines"] = 1
        lines = lines[1:]
    spans = divide([labels, *lines] if labels else lines, start)
    names = [f"column_{number}" for number in range(1, len(spans) + 1)]
    if labels:
        found = [labels[first : first + width].strip() for first, width in spans]
        if all(found) and len(set(found)) == len(found):
            names = found
    table["columns"] = {
        name: {"start": first + 1, "width": width} for name, (first, width) in zip(names, spans, strict=True)
    }
    settings["fixed"] = table
    if dialect:
        settings["dialect"] = dialect
    if len({len(line.rstrip()) for line in lines}) > 1 and len({len(line) for line in lines}) > 1:
        table["short_rows"] = "pad"
    shown = ", ".join(f"{first + 1}-{first + width}" for first, width in spans)
    guesses.append(Guess("columns", f"fixed width, characters {shown}", len(lines), DOUBTS[: 1 if labels else 2]))
    return Layout("fixed", settings, tuple(names), tuple(guesses))


def record_type(line: str, tokens: set[str], common: str) -> str:
    """Return what a control record begins with; "" for a line that is a row."""
    match = re.match(r"[A-Za-z]+", line)
    word = match[0] if match else ""
    if word.upper() in tokens or (common and word and not word.startswith(common)):
        return word if len(word) <= 8 else word[:1]
    return ""


def label_line(lines: list[str]) -> str:
    """Return the first line, if it has no digits where the lines below have some; "" for one that is a row."""
    if len(lines) < 3 or any(char.isdigit() for char in lines[0]):
        return ""
    return lines[0] if all(any(char.isdigit() for char in line) for line in lines[1:]) else ""


def divide(lines: list[str], start: int) -> list[tuple[int, int]]:
    """Return start and width of each column: a column begins where blanks in all lines end."""
    width = max(len(line) for line in lines)
    used = [False] * width
    for line in lines:
        for at, char in enumerate(line):
            if not char.isspace():
                used[at] = True
    begins = [at for at in range(start, width) if used[at] and (at == start or not used[at - 1])]
    if start < width and start not in begins and begins:
        begins[0] = start
    ends = [*begins[1:], width]
    return [(first, end - first) for first, end in zip(begins, ends, strict=True)]
