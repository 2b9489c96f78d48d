"""Rows that come broken: which ones, in which of six ways, and the bytes that they then have.

Lots are drawn by file and row, so that every subject meets the same broken rows in every round. Each kind is bad by the
flights' contract alone, whatever reads it:

| kind | the row's line |
|---|---|
| extra | one cell more |
| missing | its last cell is not there |
| type | text in a number's place |
| range | a number that cannot be |
| quote | a cell begins with a quote that nothing ends, as when a feed forgets one |
| duplicate | the key of an earlier row, which stays good |

The quote is put before a cell whose content is checked. Where another stray quote of the same file closes it, what lies
between them becomes that cell, and is bad as well; before a cell of free text it could pass for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.replay.seeded_random import seeded_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFECTS = ("extra", "missing", "type", "range", "quote", "duplicate")

#: Columns of the flights, by place: what a kind spoils.
NUMBER_CELLS = (3, 5, 6, 8, 14, 15)
OUT_OF_RANGE = ((1, b"13"), (15, b"99999"), (16, b"24"), (17, b"75"))
CHECKED_CELLS = (5, 9, 11, 15)
KEY_CELLS = (9, 10, 18)


def break_rows(lines: Sequence[bytes], rate: float, *name: object) -> tuple[list[bytes], tuple[int, ...]]:
    """The lines of a file with some of them broken, and the numbers of those rows, from 1.

    Args:
        lines: one line a row, without their ends; cells stand between commas, none of them quoted.
        rate: share of rows to break, 0 to 1.
        name: what the lots belong to: a seed, a partner, a feed, a file.
    """
    numbers = tuple(n for n in range(1, len(lines) + 1) if seeded_uniform(*name, "broken", n) < rate)
    good = [n for n in range(1, len(lines) + 1) if n not in numbers] if numbers else []
    found = list(lines)
    for n in numbers:
        earlier = [one for one in good if one < n]
        kinds = DEFECTS if earlier else DEFECTS[:-1]
        kind = kinds[int(seeded_uniform(*name, "kind", n) * len(kinds))]
        like = lines[earlier[int(seeded_uniform(*name, "like", n) * len(earlier))] - 1] if earlier else b""
        found[n - 1] = corrupt(lines[n - 1], kind, seeded_uniform(*name, "place", n), like)
    return found, numbers


def corrupt(line: bytes, kind: str, lot: float, like: bytes = b"") -> bytes:
    """One line, broken.

    Args:
        line: a good row.
        kind: one of `KINDS`.
        lot: 0 to 1; picks the cell.
        like: the earlier row whose key is taken, for a `duplicate`.
    """
    cells = line.split(b",")
    if kind == "extra":
        cells.append(b"surplus")
    elif kind == "missing":
        cells.pop()
    elif kind == "type":
        cells[NUMBER_CELLS[int(lot * len(NUMBER_CELLS))]] = b"unknown"
    elif kind == "range":
        place, text = OUT_OF_RANGE[int(lot * len(OUT_OF_RANGE))]
        cells[place] = text
    elif kind == "quote":
        place = CHECKED_CELLS[int(lot * len(CHECKED_CELLS))]
        cells[place] = b'"' + cells[place]
    else:
        key = like.split(b",")
        for place in KEY_CELLS:
            cells[place] = key[place]
    return b",".join(cells)


def remove_rows(data: bytes, bad: Sequence[int]) -> tuple[bytes, tuple[int, ...]]:
    """A file without the lines of some of its rows, as an operator removes them; and the numbers of the rows kept.

    Rows are lines here, numbered from 1 after the header.
    """
    header, *lines = data.removesuffix(b"\n").split(b"\n")
    gone = frozenset(bad)
    kept = tuple(n for n in range(1, len(lines) + 1) if n not in gone)
    return b"".join(line + b"\n" for line in (header, *(lines[n - 1] for n in kept))), kept
