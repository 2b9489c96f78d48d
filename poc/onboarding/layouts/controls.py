"""Header and trailer records in a sample: what they begin with, and where they say count and sums."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from poc.onboarding.layout import Guess

#: What control records usually begin with.
HEADERS = {"HDR", "HEADER", "HEAD", "HD", "H", "H1", "BOF", "FILE", "00", "FH", "FHR", "KOPF"}
TRAILERS = {
    "TRL", "TRAILER", "TRLR", "TLR", "TR", "T", "T1", "FTR", "FOOTER", "EOF", "END", "Z", "99", "FT", "FTRL", "ENDE",
    "SUM", "TOTAL", "TOTALS", "SUMME",
}  # fmt: skip


def header_token(cells: list[str]) -> str:
    """Return what a header record begins with; "" for a line that is none."""
    first = cells[0].strip() if cells else ""
    return first if first.upper() in HEADERS else ""


def find_trailer(
    body: list[list[str]], names: tuple[str, ...], width: int, delimiter: str, *, is_whole: bool
) -> tuple[dict[str, Any], Guess] | None:
    """Return the trailer record of a file and the guess about it; None where its last record is a row.

    Args:
        body: the cells of all records below the header.
        names: of the columns.
        width: the number of cells of a row.
        delimiter: between cells.
        is_whole: whether the last record is that of the file.
    """
    if not is_whole or len(body) < 2:
        return None
    *rows, last = body
    token = last[0].strip()
    if not token or (token.upper() not in TRAILERS and not (len(last) < width and re.fullmatch("[A-Z]{1,8}", token))):
        return None
    if any(row[0].strip() == token for row in rows):
        return None
    starts = token + delimiter if len(last) > 1 and any(row[0].startswith(token) for row in rows) else token
    trailer: dict[str, Any] = {"starts": starts}
    words = [f"the line that begins with {starts!r}"]
    doubts: list[str] = []
    counts = [
        (at, adds)
        for at, cell in enumerate(last[1:], 2)
        for adds in (0, 1, 2)
        if cell.strip().isdigit() and int(cell) == len(rows) + adds
    ]
    if counts:
        at, adds = min(counts, key=lambda item: item[1])
        trailer["count"] = at
        trailer |= {"count_adds": adds} if adds else {}
        words.append(f"cell {at} is the number of rows" + (f" and {adds} more record(s)" if adds else ""))
    sums, said, unclear = find_sums(rows, last, names, trailer.get("count"))
    words += said
    doubts += unclear
    if sums:
        trailer["sums"] = sums
    if not counts:
        doubts.append(f"no cell of it is the number of rows, {len(rows)}")
    return trailer, Guess("trailer record", "; ".join(words), len(rows), tuple(doubts))


def find_sums(
    rows: list[list[str]], last: list[str], names: tuple[str, ...], count_at: int | None
) -> tuple[dict[str, int], list[str], list[str]]:
    """Return the cells of a trailer that are the sum of a column, this in words, and those that may be of several."""
    sums, words, doubts = {}, [], []
    for at, cell in enumerate(last[1:], 2):
        value = as_decimal(cell)
        if not value or at == count_at:
            continue
        fitting = [name for index, name in enumerate(names) if column_sum(rows, index) == value]
        if len(fitting) == 1:
            sums[fitting[0]] = at
            words.append(f"cell {at} is the sum of {fitting[0]}")
        elif fitting:
            doubts.append(f"cell {at} is the sum of {' and of '.join(fitting)}; none is taken")
    return sums, words, doubts


def column_sum(rows: list[list[str]], index: int) -> Decimal | None:
    """Return the sum of a column; None where a cell of it is no number."""
    total = Decimal(0)
    for row in rows:
        value = as_decimal(row[index]) if index < len(row) else None
        if value is None:
            return None
        total += value
    return total


def as_decimal(cell: str) -> Decimal | None:
    """Return a plain number with a point or a comma; None for any other text."""
    text = cell.strip()
    if not re.fullmatch(r"[+-]?[0-9]+(?:[.,][0-9]+)?", text):
        return None
    try:
        return Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
