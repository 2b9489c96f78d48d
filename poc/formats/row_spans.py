"""Where rows are in a block, computed for all rows at once."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from poc.formats.grammar import Grammar

#: Below this size, rows are located one by one: starting numpy would take longer.
MIN_NUMPY_BYTES = 4 * 1024

Spans = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def run_bounds(runs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """Return where runs start and end, as an array of two columns."""
    return np.fromiter(chain.from_iterable(runs), np.int64, 2 * len(runs)).reshape(-1, 2)


def row_spans(grammar: Grammar, data: bytes, runs: Sequence[tuple[int, int]]) -> Spans:
    """Return where the rows of well-formed runs start and end, without line ends; blank lines if they are rows.

    A run that ends with a line end has no row after it. The rows are not in order.
    """
    bounds = run_bounds(runs)
    is_plain = np.zeros(len(runs), dtype=bool)
    if len(runs) and bounds[-1, 1] - bounds[0, 0] > MIN_NUMPY_BYTES:
        is_plain = ~have_quote_or_escape(grammar, data, bounds)
    found: list[tuple[int, int]] = []
    filled = 0 if grammar.blank_is_row else 1
    for start, end in bounds[~is_plain].tolist():
        matches = grammar.row_pattern.finditer(data, start, end)
        found += [match.span(1) for match in matches if match.end(filled) > match.start(1)]
    by_pattern = np.array(found, dtype=np.int64).reshape(-1, 2)
    if not is_plain.any():
        return by_pattern[:, 0], by_pattern[:, 1]
    starts, ends = plain_spans(grammar, data, bounds[is_plain])
    return np.concatenate((starts, by_pattern[:, 0])), np.concatenate((ends, by_pattern[:, 1]))


def have_quote_or_escape(grammar: Grammar, data: bytes, runs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether each run contains a quote or escape character."""
    have = np.zeros(len(runs), dtype=bool)
    for char in (grammar.quote, grammar.escape):
        if char and data.find(char, runs[0, 0], runs[-1, 1]) >= 0:
            places = np.flatnonzero(np.frombuffer(data, np.uint8) == char[0])
            first, last = np.searchsorted(places, runs).T
            have |= first < last
    return have


def plain_spans(grammar: Grammar, data: bytes, runs: NDArray[np.int64]) -> Spans:
    """Return the lines of runs without quotes; those between the runs are located with them, and left out."""
    start, end = int(runs[0, 0]), int(runs[-1, 1])
    if grammar.blank_is_row:
        starts, ends = blank_line_spans(data, start, end)
    else:
        starts, ends = line_spans(data, start, end, crlf=grammar.crlf)
    if len(runs) == 1:
        return starts, ends
    bounds = np.searchsorted(starts, runs)
    change = np.zeros(len(starts) + 1, dtype=np.int8)
    np.add.at(change, bounds[:, 0], 1)
    np.add.at(change, bounds[:, 1], -1)
    inside = np.cumsum(change[:-1]) > 0
    return starts[inside], ends[inside]


def count_cells(grammar: Grammar, data: bytes, spans: Spans, broken: Sequence[int]) -> NDArray[np.int64] | None:
    """Return the number of cells of each row; None where an escape or a long delimiter prevents it.

    A delimiter is inside a cell if there is an odd number of quotes before it. Each row that is not among `broken`
    has an even number of them.
    """
    if grammar.escape or len(grammar.delimiter) != 1 or len(grammar.quote) > 1:
        return None
    starts, ends = spans
    codes = np.frombuffer(data, dtype=np.uint8, count=max(ends[-1], starts[-1] + 1))
    is_sign = (codes == grammar.delimiter[0]).view(np.uint8)
    counts = np.add.reduceat(is_sign, starts, dtype=np.int64) + 1
    if grammar.quote and data.find(grammar.quote, starts[0]) >= 0:
        quotes = np.flatnonzero(codes == grammar.quote[0])
        quotes = quotes[np.searchsorted(quotes, starts[0]) :]
        row_of = np.searchsorted(starts, quotes, side="right") - 1
        is_broken = np.zeros(len(starts), dtype=bool)
        is_broken[broken] = True
        paired = ~is_broken[row_of]
        quotes, row_of = quotes[paired], row_of[paired]
        if len(quotes):
            inside = np.add.reduceat(is_sign, quotes, dtype=np.int64)[::2]
            np.subtract.at(counts, row_of[::2], inside)
    return counts


def line_spans(data: bytes, start: int, end: int, *, crlf: bool) -> Spans:
    """Return where the lines that are not blank start and end; with `crlf`, a CR alone is no line end."""
    codes = np.frombuffer(data, dtype=np.uint8, count=end - start, offset=start)
    ends = codes == 10
    if not crlf and data.find(b"\r", start, end) >= 0:
        ends |= codes == 13
    breaks = np.flatnonzero(ends) + start
    starts = np.concatenate(([start], breaks + 1))
    stops = np.concatenate((breaks, [end]))
    if crlf:
        stops -= (stops > starts) & (codes[np.maximum(stops - 1 - start, 0)] == 13) & (stops < end)
    filled = stops > starts
    return starts[filled], stops[filled]


def blank_line_spans(data: bytes, start: int, end: int) -> Spans:
    """Return where all lines start and end, also those that are blank."""
    codes = np.frombuffer(data, dtype=np.uint8, count=end - start, offset=start)
    is_cr, is_lf = codes == 13, codes == 10
    in_pair = np.zeros(len(codes), dtype=bool)  # an LF after a CR: both are one line end
    in_pair[1:] = is_lf[1:] & is_cr[:-1]
    breaks = np.flatnonzero((is_cr & ~np.append(in_pair[1:], False)) | is_lf)
    starts = np.concatenate(([0], breaks + 1)) + start
    stops = np.concatenate((breaks - in_pair[breaks], [len(codes)])) + start
    last = len(starts) - (starts[-1] == end)
    return starts[:last], stops[:last]
