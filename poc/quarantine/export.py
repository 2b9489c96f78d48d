"""The export of quarantined rows: write them to a text that a person can edit, and read it back.

An export is the feed's own text, so that a row is edited in its own format. A line before each row names the row and
its findings:

    #milepost 6f2a0c... row 17: constraint-error in month: 13 is above the maximum 12
    2013,13,1,517,...

Rows are exported byte for byte as they came, in the feed's own encoding, and the marks are in that encoding, too, with
a byte order mark at the start where it needs one. What an editor has saved in UTF-8 or UTF-16 nevertheless is converted
back.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from poc.delivery.request_builder import RequestBuilder
from poc.errors import BadInput
from poc.formats.encodings import SHIFTING, codec_name
from poc.quarantine.export_encoding import convert, is_in_utf8, marked_codec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import polars as pl

    from poc.delivery.outbound_request import OutboundRequest
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.quarantine.store import QuarantinedRow


def export_rows(entry: ExchangeRecord, rows: Iterable[QuarantinedRow], codec: str = "utf-8") -> Iterator[bytes]:
    """Yield each row after its mark; `codec` is that of the exchange's file."""
    codec = mark_codec(codec)
    line_end = "\n".encode(codec)
    before = "\ufeff".encode(codec) if codec.startswith(("utf-16", "utf-32")) else b""
    for row in rows:
        findings = "; ".join(finding.text() for finding in row.findings)
        mark = f"#milepost {entry.exchange_id} row {row.row}: {' '.join(findings.split())}\n"
        yield before + mark.encode(codec, "backslashreplace") + row.original + line_end
        before = b""


def read_export(
    data: bytes, entry: ExchangeRecord, codec: str = "utf-8", originals: Mapping[int, bytes] | None = None
) -> dict[int, bytes]:
    """Return the rows of an export by number, as they were edited; byte for byte as they came if they were not.

    After the first mark, a mark of another exchange is the text of a row.

    Args:
        data: the export.
        entry: the exchange.
        codec: of the exchange's file.
        originals: the rows as they came, by which it is told that an editor has saved them in another encoding.

    Raises:
        BadInput: the text is not an export, is of another exchange, names a row twice, or was saved in another encoding
            in such a way that characters were lost.
    """
    saved = marked_codec(data, codec)
    if saved is None and not mark_pattern(mark_codec(codec)).search(data) and mark_pattern("utf-8").search(data):
        saved = "utf-8"
    if saved is None:
        rows = split_rows(data, entry, codec)
        came = originals or {}
        edited = [number for number, row in rows.items() if row != came.get(number)]
        unedited = [row for number, row in rows.items() if number not in edited]
        if all(row.isascii() for row in unedited) and is_in_utf8(data, codec):
            saved = "utf-8"
        elif wrong := [number for number in edited if is_in_utf8(rows[number], codec)]:
            raise BadInput(f"row {wrong[0]} is in utf-8, the feed says {codec}: save the whole export in {codec}")
    return split_rows(data if saved is None else convert(data, saved, codec), entry, codec)


def split_rows(data: bytes, entry: ExchangeRecord, codec: str) -> dict[int, bytes]:
    """Return the rows of an export by number. Raises BadInput."""
    codec = mark_codec(codec)
    all_marks = list(mark_pattern(codec).finditer(data))
    if not all_marks or data[: all_marks[0].start()].decode(codec, "replace").strip():
        raise BadInput(
            "not an export: it begins with `#milepost EXCHANGE row NUMBER`; `milepost quarantine export` writes one"
        )
    if (key := all_marks[0][1].decode(codec)) != entry.exchange_id:
        raise BadInput(f"row {int(all_marks[0][2].decode(codec))} is of exchange {key}, not of {entry.exchange_id}")
    marks = [mark for mark in all_marks if mark[1].decode(codec) == entry.exchange_id]
    rows: dict[int, bytes] = {}
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(data)], strict=True):
        if (row := int(mark[2].decode(codec))) in rows:
            raise BadInput(f"row {row} is there twice")
        rows[row] = data[mark.end() : end].removesuffix(mark[3])
    return rows


def mark_codec(codec: str) -> str:
    """Return the codec of the marks: that of the rows, or ASCII where the meaning of bytes depends on those before."""
    return "ascii" if codec_name(codec).startswith(SHIFTING) else codec_name(codec)


@cache
def mark_pattern(codec: str) -> re.Pattern[bytes]:
    """Return the pattern of a mark: exchange, row and line end, which is that of the editor."""

    def literal(text: str) -> bytes:
        return re.escape(text.encode(codec))

    def one_of(characters: str) -> bytes:
        return b"(?:" + b"|".join(map(literal, characters)) + b")"

    any_character = b".{%d}" % len("a".encode(codec))
    line_end, byte_order_mark = one_of("\r\n"), literal("\ufeff") if codec.startswith("utf-") else b""
    start = rb"(?:\A(?:" + byte_order_mark + rb")?|(?<=" + literal("\n") + b"))"
    findings = b"(?:" + literal(":") + b"(?:(?!" + line_end + b")" + any_character + b")*+)?"
    ending = b"((?:" + literal("\r") + b")?" + literal("\n") + b")"
    exchange, row = b"(" + one_of("0123456789abcdef") + b"+)", b"(" + one_of("0123456789") + b"+)"
    return re.compile(start + literal("#milepost ") + exchange + literal(" row ") + row + findings + ending, re.DOTALL)


def replay_requests(
    prepared: PreparedFeed, frames: Sequence[pl.DataFrame], numbers: Sequence[int]
) -> Iterator[OutboundRequest]:
    """Yield the requests of replayed rows.

    Each is named by its first row, which makes the name unique: a row leaves quarantine once.
    """
    size = prepared.feed.request_rows
    first = {(number - 1) // size: number for number in reversed(numbers)}
    builder = RequestBuilder(size, prepared.encoder)
    for request in (*(request for frame in frames for request in builder.add(frame)), *builder.flush()):
        yield replace(request, name=f"again-{first[int(request.name)]}")


def row_numbers_text(numbers: Sequence[int]) -> str:
    """Return the first ten row numbers as text."""
    shown = ", ".join(map(str, numbers[:10])) or "none"
    return f"{shown}, ..." if len(numbers) > 10 else shown
