"""The layout of a text with delimiters: delimiter, quote, preamble, header, and control records."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from poc.config.formats.dialect import Dialect
from poc.formats.encodings import splitting_codec
from poc.onboarding.layout import Guess, Layout
from poc.onboarding.layouts.controls import find_trailer, header_token
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.onboarding.layout import Choices

#: Delimiters that are tried, in the order in which one is taken where several fit alike.
DELIMITERS = (",", ";", "\t", "|", "\x1f", "\x01", "^", "~")

#: Records from which the delimiter is guessed, and the least share of them that has the usual number of cells.
SNIFFED_RECORDS, LEAST_SHARE = 500, 0.8

#: Records before the first row that are looked at for the header.
TOP_RECORDS = 20

#: A cell that is a value rather than the name of a column.
VALUE = re.compile(r"[\s\d.,:;/+-]*")


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its cells, and the number of lines before it."""

    cells: list[str]
    lines_before: int


def parse_records(text: str, delimiter: str, escape: str = "") -> Iterator[Record]:
    """Yield the records of a text that are not blank, as far as they can be read."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, escapechar=escape or None, doublequote=not escape
    )
    before = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Record(cells, before)
            before = reader.line_num
    except csv.Error:
        return


def find_delimiter(text: str, escape: str) -> tuple[str, int, float]:
    """Return the delimiter that divides most records alike, the number of their cells, and their share.

    The number of cells is 1 where no delimiter does.
    """
    best, best_rank = (",", 1, 1.0), (0.0, False, 1)
    for delimiter in DELIMITERS:
        records = islice(parse_records(text, delimiter, escape), SNIFFED_RECORDS)
        widths = [len(record.cells) for record in records]
        inner = Counter(widths[1:-1] if len(widths) > 3 else widths)  # the first and the last may be control records
        if not inner:
            continue
        cells, times = max(inner.items(), key=lambda item: (item[1], item[0]))
        share = times / inner.total()
        rank = (round(share, 1), set(widths) == {cells}, cells)
        if cells > 1 and share >= LEAST_SHARE and (rank > best_rank or best[1] == 1):
            best, best_rank = (delimiter, cells, share), rank
    if best[1] == 1:  # one that is in no value
        return next((mark for mark in DELIMITERS if mark not in text), ","), 1, 1.0
    return best


def csv_layout(text: str, encoding: Guess, choices: Choices, *, is_whole: bool) -> Layout:
    """Return the layout of a text with delimiters.

    Args:
        text: the sample, or its beginning.
        encoding: the guess of its encoding; its text is the name of the encoding.
        choices: what a person said.
        is_whole: whether the text is the whole file.
    """
    if not is_whole:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    escape = "\\" if re.search(r'\\"', text) and not re.search(r'[^\\]""[^\n,;\t|]', text) else ""
    if choices.delimiter:
        delimiter = choices.delimiter
        counts = Counter(len(record.cells) for record in parse_records(text, delimiter, escape))
        width, share = max(counts.items(), key=lambda item: (item[1], item[0]))[0] if counts else 1, 1.0
    else:
        delimiter, width, share = find_delimiter(text, escape)
    records = list(parse_records(text, delimiter, escape))
    settings: dict[str, Any] = {}
    dialect: dict[str, Any] = {} if encoding.text == "utf-8" else {"encoding": encoding.text}
    dialect |= ({"delimiter": delimiter} if delimiter != "," else {}) | ({"escape": escape} if escape else {})
    guesses = [encoding]
    doubts = [] if share == 1 else [f"only {share:.0%} of the records have {width} cells"]
    about = f"{delimiter!r} with {width} cells" if width > 1 else "one column"
    guesses.append(Guess("delimiter", about, len(records), tuple(doubts)))
    token = header_token(records[0].cells) if len(records) > 2 else ""
    is_control = len(records[0].cells) != width or any(VALUE.fullmatch(cell) for cell in records[0].cells)
    top = 1 if token and is_control else find_top(records, width)
    if top == 1 and token:
        settings["header"] = {"starts": token}
        dialect |= {"preamble_lines": records[0].lines_before} if records[0].lines_before else {}
        guesses.append(Guess("header record", f"the line that begins with {token!r}", 1))
    elif top:
        dialect["preamble_lines"] = records[top].lines_before
        guesses.append(Guess("preamble", f"{records[top].lines_before} line(s) before the columns", 1))
    names, has_header, note = find_names(records[top:], width, choices.header)
    guesses.append(note)
    if not has_header:
        dialect["header"] = False
        if note.text.startswith("unusable"):  # passed over, as the labels cannot be used
            dialect["preamble_lines"] = records[top].lines_before + 1
    body = [record.cells for record in records[top + (has_header or note.text.startswith("unusable")) :]]
    if trailer := find_trailer(body, names, width, delimiter, is_whole=is_whole):
        settings["trailer"], guess = trailer
        guesses.append(guess)
    if Dialect(**dialect) != Dialect():
        settings["dialect"] = dialect
    if splitting_codec(encoding.text) not in {"utf-8", "ascii"}:
        settings["on_suspect_encoding"] = "quarantine"
    return Layout("csv", settings, names, tuple(guesses))


def find_top(records: list[Record], width: int) -> int:
    """Return the index of the first record of the table: the first one with all cells, or else with their number."""
    top = [index for index, record in enumerate(records[:TOP_RECORDS]) if len(record.cells) == width]
    filled = [index for index in top if all(cell.strip() for cell in records[index].cells)]
    if top and filled and filled[0] > top[0]:
        leading = records[top[0]].cells
        if width > 2 and sum(bool(cell.strip()) for cell in leading) == 1:  # a title in a line of empty cells
            return filled[0]
    return top[0] if top else 0


def find_names(records: list[Record], width: int, has_header: bool | None) -> tuple[tuple[str, ...], bool, Guess]:
    """Return the names of the columns, whether the file has a header, and the guess."""
    made_up = tuple(f"column_{number}" for number in range(1, width + 1))
    labels = records[0].cells if records else []
    is_usable = len(labels) == width and all(map(str.strip, labels)) and len(set(labels)) == width
    looks_so = not any(VALUE.fullmatch(label) for label in labels)
    if has_header is None and looks_so and not is_usable and len(records) > 1 and len(labels) == width:
        shown = ", ".join(map(repr, map(truncate, labels)))
        doubt = f"labels are missing or repeated: {shown}; the line is passed over, and the columns have made-up names"
        return made_up, False, Guess("header", "unusable header line", len(records), (doubt,))
    if has_header is None and is_usable and looks_so:
        below = [cell for record in records[1:50] for cell in record.cells]
        doubts = () if any(VALUE.fullmatch(cell) for cell in below) else ("all values are texts; is it a row?",)
        return tuple(labels), True, Guess("header", "the first record", len(records), doubts)
    if has_header and is_usable:
        return tuple(labels), True, Guess("header", "the first record, as you said", len(records))
    doubt = "the columns have made-up names, in the order of the file; give them better ones"
    return made_up, False, Guess("header", "none", len(records), (doubt,))
