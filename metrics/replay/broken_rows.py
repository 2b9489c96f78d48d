"""Break rows of a file by plan: select the rows, and one of six defects for each.

Random numbers are drawn by file and row, so that every subject gets the same broken rows in every round. Each defect
violates the flights' contract, whatever program reads it:

| defect | the row's line |
|---|---|
| extra | has one cell more |
| missing | lacks its last cell |
| type | has text in place of a number |
| range | has an impossible number |
| quote | has a cell that starts with an unclosed quote, as when a feed forgets one |
| duplicate | has the key of an earlier row, which stays good |

The quote is put before a cell whose content is checked. If another stray quote of the same file closes it, the text
between them becomes that cell, and is bad as well; before a cell of free text it could pass as good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.replay.seeded_random import seeded_uniform

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFECTS = ("extra", "missing", "type", "range", "quote", "duplicate")

#: Cells of the flights that a defect changes, by index.
NUMBER_CELLS = (3, 5, 6, 8, 14, 15)
OUT_OF_RANGE = ((1, b"13"), (15, b"99999"), (16, b"24"), (17, b"75"))
CHECKED_CELLS = (5, 9, 11, 15)
KEY_CELLS = (9, 10, 18)


def break_rows(lines: Sequence[bytes], rate: float, *name: object) -> tuple[list[bytes], tuple[int, ...]]:
    """Break some lines of a file; return all lines, and the numbers of the broken rows, from 1.

    Args:
        lines: one line per row, without line ends; cells are separated by commas, and none is quoted.
        rate: share of rows to break, 0 to 1.
        name: key of the random numbers: a seed, a partner, a feed, a file.
    """
    numbers = tuple(n for n in range(1, len(lines) + 1) if seeded_uniform(*name, "broken", n) < rate)
    good = [n for n in range(1, len(lines) + 1) if n not in numbers] if numbers else []
    broken = list(lines)
    for n in numbers:
        earlier = [row for row in good if row < n]
        defects = DEFECTS if earlier else DEFECTS[:-1]
        defect = defects[int(seeded_uniform(*name, "kind", n) * len(defects))]
        like = lines[earlier[int(seeded_uniform(*name, "like", n) * len(earlier))] - 1] if earlier else b""
        broken[n - 1] = corrupt(lines[n - 1], defect, seeded_uniform(*name, "place", n), like)
    return broken, numbers


def corrupt(line: bytes, defect: str, number: float, like: bytes = b"") -> bytes:
    """Apply a defect to one line.

    Args:
        line: a good row.
        defect: one of `DEFECTS`.
        number: a random number, 0 to 1, that selects the cell.
        like: the earlier row whose key is copied, for a `duplicate`.
    """
    cells = line.split(b",")
    if defect == "extra":
        cells.append(b"surplus")
    elif defect == "missing":
        cells.pop()
    elif defect == "type":
        cells[NUMBER_CELLS[int(number * len(NUMBER_CELLS))]] = b"unknown"
    elif defect == "range":
        place, text = OUT_OF_RANGE[int(number * len(OUT_OF_RANGE))]
        cells[place] = text
    elif defect == "quote":
        place = CHECKED_CELLS[int(number * len(CHECKED_CELLS))]
        cells[place] = b'"' + cells[place]
    else:
        key = like.split(b",")
        for place in KEY_CELLS:
            cells[place] = key[place]
    return b",".join(cells)


def remove_rows(data: bytes, bad: Sequence[int]) -> tuple[bytes, tuple[int, ...]]:
    """Remove rows from a file, as an operator does; return the file and the numbers of the remaining rows.

    Rows are lines here, numbered from 1 after the header.
    """
    header, *lines = data.removesuffix(b"\n").split(b"\n")
    removed = frozenset(bad)
    kept_rows = tuple(n for n in range(1, len(lines) + 1) if n not in removed)
    return b"".join(line + b"\n" for line in (header, *(lines[n - 1] for n in kept_rows))), kept_rows
