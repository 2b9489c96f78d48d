"""Lines that are broken by their quotes, each decided by itself and the next quote, as the grammar would decide it.

A file with one such line often has very many, and the grammar's expressions read each of them several times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.formats.quote_notes import stray_quote_note, text_after_quote_note, unclosed_quote_note

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.formats.grammar import Grammar
    from poc.formats.record_block import RecordBlock

LF, CR = b"\n"[0], b"\r"[0]
BLANKS = b" \t\f\v"


def take_bad_quotes(block: RecordBlock, at: int, end: int, record_bytes: int, max_lines: int) -> int:
    """Take plain lines, and reject lines that are broken by their quotes; return where another line begins.

    Between `at` and `end`, all line ends are as declared, and all of them are LF or CRLF.
    """
    grammar = block.grammar
    if grammar.stray_quote_pattern is None:
        return at
    lines = BadQuotes(grammar, block.data, end, record_bytes)
    data, broken, quote, decide = block.data, block.broken, grammar.quote, lines.decide
    notes: dict[tuple[object, int], str] = {}
    quote_at = data.find(quote, at, end)
    for _ in range(max_lines):
        line_end = data.find(b"\n", quote_at, end)
        if quote_at < 0 or line_end < 0:
            break
        start = data.rfind(b"\n", at, quote_at) + 1 or at
        decision = decide(start, quote_at, line_end)
        if decision is None:
            break
        explain, place, quote_at = decision
        key = (explain, place - start)
        note = notes.get(key)
        if note is None:
            notes[key] = note = explain(place - start)
        if start > at:
            block.add_run(at, start)
        broken.append((start, line_end - (data[line_end - 1] == CR), note))
        at = line_end + 1
    return at


class BadQuotes:
    """Decides lines that have a quote and follow a whole record, in grammars with a pattern of stray quotes."""

    def __init__(self, grammar: Grammar, data: bytes, end: int, record_bytes: int) -> None:
        assert grammar.stray_quote_pattern is not None  # noqa: S101 (as above; tells the type checker)
        self._stray_match = grammar.stray_quote_pattern.match
        self._data = data
        self._end = end
        self._record_bytes = record_bytes
        self._quote = grammar.quote
        self._delimiter = grammar.delimiter[0]
        self._cell_ends = frozenset((self._delimiter, LF, CR, self._quote[0]))  # after a quote: or it is doubled

    def decide(self, start: int, quote_at: int, line_end: int) -> tuple[Callable[[int], str], int, int] | None:
        """Decide a line by its first quote.

        These lines are broken, whatever follows the next quote:

        - All quotes of the line are inside of cells.
        - Its only quote opens a cell, and the next quote opens a cell of a later line, as text follows it.
        - Its only two quotes open and close a cell, and text follows.

        Returns:
            What explains the fault, the place of the fault, and the first quote of a later line (-1 if there is none);
            None for any other line.
        """
        data, end, find, quote = self._data, self._end, self._data.find, self._quote
        before = data[quote_at - 1] if quote_at > start else self._delimiter
        following = find(quote, quote_at + 1, end)
        if before != self._delimiter:
            if before in BLANKS or 0 < following < line_end:  # the cell may be quoted, or a later one
                if self._stray_match(data, start, end) is None:
                    return None
                following = find(quote, line_end, end)
            return stray_quote_note, quote_at, following
        if not 0 < following < end - 1:
            return None
        if following > line_end:
            is_open = self._opens_next(following) and following - start < self._record_bytes
            return (unclosed_quote_note, quote_at, following) if is_open else None
        if data[following - 1] == self._delimiter or data[following + 1] in self._cell_ends:
            return None
        later = find(quote, following + 1, end)
        return None if 0 < later < line_end else (text_after_quote_note, following + 1, later)

    def _opens_next(self, place: int) -> bool:
        """Return whether a quote opens a cell, and does not close one that began before."""
        after = self._data[place + 1]
        return self._data[place - 1] in {self._delimiter, LF} and after not in self._cell_ends and after not in b" \t"
