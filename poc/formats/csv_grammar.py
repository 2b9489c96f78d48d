"""The grammar of delimited rows, built from the dialect of a feed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from poc.formats.grammar import Grammar, blanks

if TYPE_CHECKING:
    from poc.config.formats.dialect import Dialect


#: Regular expressions by declared line end: the end of a row, and a physical line whatever it holds.
LINE_ENDS = {"any": rb"(?:\r\n?|\n)", "lf": rb"\n", "crlf": rb"\r\n", "cr": rb"\r(?!\n)"}


BROKEN_ENDS = {"any": rb"(?:\r\n?|\n)", "lf": rb"\n", "crlf": rb"\r?\n", "cr": rb"\r\n?"}


#: Regular expressions by declared line end: a byte that ends no physical line.
LINE_BYTES = {"any": rb"[^\r\n]", "lf": rb"[^\n]", "crlf": rb"(?:[^\r\n]|\r(?!\n))", "cr": rb"[^\r]"}


#: Delimiters that are often used.
COMMON_DELIMITERS = (",", ";", "\t", "||", "|", "::", ":", "~", "^", "\x01", "\x1f", " ")


def csv_grammar(dialect: Dialect, codec: str, *, one_column: bool = False) -> Grammar:
    """Return the grammar of delimited rows of any number of cells.

    A record of several lines counts as a row whatever its number of cells, so that no line inside its quotes is taken
    for a row. In a broken record, too, the lines inside a quote belong to it if the quote is closed: where the next one
    stands at the start of a cell and text follows, it opens a cell, and the quote before it was never closed. A quote
    after blanks opens a cell, too, if the next quote stands where a cell ends.

    Args:
        dialect: of the feed.
        codec: the encoding of the bytes that are split.
        one_column: whether rows have one cell, so that a blank line is one.
    """
    quote, escape = (re.escape(char.encode()) for char in (dialect.quote, dialect.escape))
    sign = dialect.delimiter.encode(codec)
    first, delimiter = re.escape(sign[:1]), re.escape(sign)
    end = LINE_ENDS[dialect.line_end]
    text = rb"[^" + first + quote + escape + rb"\r\n]*+"
    if len(sign) > 1:  # its first byte alone is text
        text = rb"(?:" + text[:-2] + rb"++|" + first + rb"(?!" + re.escape(sign[1:]) + rb"))*+"
    bare = text + (rb"(?:" + escape + rb"[^\r\n]" + text + rb")*+" if escape else b"")

    def quoted(excluded: bytes, after_escape: bytes) -> bytes:
        escaped = escape + after_escape if escape else quote + quote
        inside = rb"[^" + quote + escape + excluded + rb"]*+"
        return quote + inside + rb"(?:" + escaped + inside + rb")*+" + quote

    one_line = multiline = bare
    if len(sign) > 1:
        line = rb"(?:(?!" + delimiter + rb")" + LINE_BYTES[dialect.line_end] + rb")*+"
    else:
        line = rb"(?:" + LINE_BYTES[dialect.line_end].replace(rb"[^", rb"[^" + delimiter, 1) + rb")*+"
    broken = line
    if quote:
        one_line = rb"(?:" + quoted(rb"\r\n", rb"[^\r\n]") + rb"|" + bare + rb")"
        multiline = rb"(?:" + quoted(b"", rb"[\s\S]") + rb"|" + bare + rb")"
        closes = rb"(?:(?<!" + delimiter + quote + rb")(?<![\r\n]" + quote + rb")|(?=" + delimiter + rb"|[\r\n \t]|\Z))"
        closed = quoted(b"", rb"[\s\S]")
        blank = blanks(sign[:1], dialect.quote.encode(), dialect.escape.encode())
        padded = rb"(?=" + blank + rb"*+(?:" + delimiter + rb"|[\r\n]|\Z))"
        broken = b"|".join(
            (
                closed + closes + line,
                blank + rb"++" + closed + padded + line,
                rb"(?=" + blank + rb"*+" + closed + rb")" + line,
                blank + rb"*+(" + quote + rb")?" + line,
            )
        )
        broken = rb"(?:" + broken + rb")"
    return Grammar(
        record=one_line + rb"(?:" + delimiter + one_line + rb")*+",
        multiline_record=multiline + rb"(?:" + delimiter + multiline + rb")*+",
        cell=multiline,
        end=end,
        broken_record=rb"("
        + broken
        + rb"(?:"
        + delimiter
        + broken
        + rb")*+)(?:"
        + BROKEN_ENDS[dialect.line_end]
        + rb"|\Z)",
        delimiter=sign,
        quote=dialect.quote.encode(),
        escape=dialect.escape.encode(),
        line_end=dialect.line_end,
        blank_is_row=one_column,
    )


def likely_delimiter(header: bytes, dialect: Dialect, names: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """Return another delimiter, under which a header has more of the contract's fields; empty if there is none.

    A header of one label, which is as wide as the contract under another delimiter, may have other names.
    """
    most, likely, as_wide = len(set(labels) & set(names)), "", ""
    for sign in COMMON_DELIMITERS:
        if sign in {dialect.delimiter, dialect.quote, dialect.escape}:
            continue
        grammar = csv_grammar(dialect.model_copy(update={"delimiter": sign}), "utf-8")
        cells = grammar.split_cells(header) if grammar.header_pattern.fullmatch(header) else []
        count = len({cell.decode("utf-8", "replace").strip() for cell in cells} & set(names)) if len(cells) > 1 else 0
        if count > most and 2 * count >= len(names):
            most, likely = count, sign
        if len(labels) < 2 and len(cells) == len(names) > 1 and sign != " ":
            as_wide = as_wide or sign
    return likely or as_wide
