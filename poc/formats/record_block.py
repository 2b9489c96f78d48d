"""A block of whole rows of a file, and where each of them is."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from poc.formats.row_spans import have_quote_or_escape, line_spans, row_spans, run_bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from poc.formats.grammar import Grammar
    from poc.formats.row_spans import Spans


@dataclass(slots=True)
class RecordBlock:
    """Whole consecutive rows of a file: (start, end) `runs` of well-formed rows, and `broken` ones with the reason."""

    data: bytes
    grammar: Grammar
    runs: list[tuple[int, int]]
    broken: list[tuple[int, int, str]]
    _spans: Spans | None = field(default=None, init=False)

    @classmethod
    def of_spans(cls, data: bytes, grammar: Grammar, spans: Spans) -> RecordBlock:
        """Return a block whose rows are at these places, whatever is between them."""
        block = cls(data, grammar, [], [])
        block._spans = spans
        return block

    @classmethod
    def of_rows(cls, rows: Sequence[bytes], grammar: Grammar) -> RecordBlock:
        """Return a block of rows that are no part of their file as they are."""
        ends = np.cumsum(np.array([len(row) for row in rows], dtype=np.int64))
        return cls.of_spans(b"".join(rows), grammar, (np.append(0, ends[:-1]) if len(ends) else ends, ends))

    def add_run(self, start: int, end: int) -> None:
        """Add well-formed rows after those so far."""
        if self.runs and self.runs[-1][1] == start:
            self.runs[-1] = (self.runs[-1][0], end)
        else:
            self.runs.append((start, end))

    def well_formed(self, without: Iterable[int] = ()) -> bytes | memoryview:
        """Return the well-formed rows with their line ends; those of the indices `without` are left out."""
        if rows := sorted(without):
            return self._without(np.array(rows, dtype=np.int64))
        if len(self.runs) == 1:
            start, end = self.runs[0]
            return memoryview(self.data)[start:end] if end - start < len(self.data) else self.data
        return self._join([self.data[start:end] for start, end in self.runs])

    def spans(self) -> Spans:
        """Return where each row, well-formed or broken, starts and ends, without its line end."""
        if self._spans is None:
            self._spans = self._spans_of_lines()
        if self._spans is None:
            parts = [row_spans(self.grammar, self.data, self.runs)]
            if self.broken:
                starts_of, ends_of, _ = zip(*self.broken, strict=True)
                parts.append((np.array(starts_of), np.array(ends_of)))
            starts, ends = (np.concatenate(side) for side in zip(*parts, strict=True))
            order = np.argsort(starts, kind="stable")
            self._spans = starts[order], ends[order]
        return self._spans

    def _spans_of_lines(self) -> Spans | None:
        """Return where the rows are if some are broken and each is one line; None for other blocks."""
        if not self.runs or not self.broken or self.grammar.blank_is_row:
            return None
        if have_quote_or_escape(self.grammar, self.data, run_bounds(self.runs)).any():
            return None
        starts_of, ends_of, _ = zip(*self.broken, strict=True)
        first, last = min(self.runs[0][0], starts_of[0]), max(self.runs[-1][1], ends_of[-1])
        starts, ends = line_spans(self.data, first, last, crlf=self.grammar.crlf)
        if not len(starts):
            return None
        at = np.minimum(np.searchsorted(starts, starts_of), len(starts) - 1)
        are_lines = np.array_equal(starts[at], starts_of) and np.array_equal(ends[at], ends_of)
        return (starts, ends) if are_lines else None

    def _without(self, rows: NDArray[np.int64]) -> bytes:
        """Return the runs without rows, each of which ends at the next row, or at the end of its run."""
        if not self.runs:
            return b""
        starts = self.spans()[0]
        run_starts, run_ends = np.fromiter(chain.from_iterable(self.runs), np.int64).reshape(-1, 2).T
        next_starts = np.append(starts[1:], len(self.data))
        run = np.searchsorted(run_starts, starts[rows], side="right") - 1
        well_formed = (run >= 0) & (starts[rows] < run_ends[run])  # others are between the runs
        rows, run = rows[well_formed], run[well_formed]
        piece_starts = np.sort(np.concatenate((run_starts, np.minimum(next_starts[rows], run_ends[run]))))
        piece_ends = np.sort(np.concatenate((run_ends, starts[rows])))
        pieces = zip(piece_starts.tolist(), piece_ends.tolist(), strict=True)
        return self._join([self.data[start:end] for start, end in pieces if start < end])

    def _join(self, pieces: list[bytes]) -> bytes:
        """Join rows with their line ends; a CR and the LF of a blank row after it must not become one line end."""
        joined = b"".join(pieces)
        if self.grammar.blank_is_row and b"\r" in joined:
            pairs = zip(pieces, [*pieces[1:], b""], strict=True)
            ends = [
                b"\n" if piece.endswith(b"\r") and following.startswith(b"\n") else b"" for piece, following in pairs
            ]
            if any(ends):
                joined = b"".join([piece[:-1] + end if end else piece for piece, end in zip(pieces, ends, strict=True)])
        return joined

    def rows(self) -> Iterator[bytes]:
        """Yield each row as read, in order."""
        for start, end in zip(*(side.tolist() for side in self.spans()), strict=True):
            yield self.data[start:end]

    def row(self, index: int) -> bytes:
        """Return one row as read. Raises KeyError for a row of another block."""
        starts, ends = self.spans()
        if not 0 <= index < len(starts):
            raise KeyError(index)
        return self.data[starts[index] : ends[index]]

    def some_rows(self, indices: Sequence[int]) -> list[bytes]:
        """Return rows as read. Raises KeyError for a row of another block."""
        starts, ends = self.spans()
        chosen = np.array(indices, dtype=np.int64)
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(starts):
            raise KeyError(indices)
        data = self.data
        return [data[start:end] for start, end in zip(starts[chosen].tolist(), ends[chosen].tolist(), strict=True)]

    def broken_rows(self) -> dict[int, str]:
        """Return the reason of each broken row, by its index in the block."""
        if not self.broken:
            return {}
        places = np.searchsorted(self.spans()[0], [start for start, _, _ in self.broken])
        return dict(zip(places.tolist(), (note for _, _, note in self.broken), strict=True))
