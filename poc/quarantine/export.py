"""The export of quarantined rows: write them to a text that a person can edit, and read it back.

An export is the feed's own text, so that a row is edited in its own format. A line before each row names the row and
its findings:

    #milepost 6f2a0c... row 17: constraint-error in month: 13 is above the maximum 12
    2013,13,1,517,...

Rows are exported byte for byte as they came, in the feed's own encoding; only the marks and the one line end after each
row are added.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from poc.delivery.request_builder import RequestBuilder
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from poc.delivery.outbound_request import OutboundRequest
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.quarantine.store import QuarantinedRow


#: The mark before each row of an export. An editor that changes line ends changes that of the mark as well.
MARK = re.compile(rb"^#milepost ([0-9a-f]+) row ([0-9]+)(?::[^\r\n]*)?(\r?\n)", re.MULTILINE)


def export_rows(entry: ExchangeRecord, rows: Iterable[QuarantinedRow]) -> Iterator[bytes]:
    """Yield each row after its mark."""
    for row in rows:
        findings = "; ".join(finding.text() for finding in row.findings)
        mark = f"#milepost {entry.exchange_id} row {row.row}: {' '.join(findings.split())}\n"
        yield mark.encode("utf-8", "backslashreplace") + row.original + b"\n"


def read_export(data: bytes, entry: ExchangeRecord) -> dict[int, bytes]:
    """Return the rows of an export by number, as they were edited; byte for byte as they came if they were not.

    After the first mark, a mark of another exchange is the text of a row.

    Raises:
        BadInput: the text is not an export, is of another exchange, or names a row twice.
    """
    all_marks = list(MARK.finditer(data))
    if not all_marks or data[: all_marks[0].start()].strip():
        raise BadInput(
            "not an export: it begins with `#milepost EXCHANGE row NUMBER`; `milepost quarantine export` writes one"
        )
    if (key := all_marks[0][1].decode()) != entry.exchange_id:
        raise BadInput(f"row {int(all_marks[0][2])} is of exchange {key}, not of {entry.exchange_id}")
    marks = [mark for mark in all_marks if mark[1].decode() == entry.exchange_id]
    rows: dict[int, bytes] = {}
    for mark, end in zip(marks, [*(mark.start() for mark in marks[1:]), len(data)], strict=True):
        if (row := int(mark[2])) in rows:
            raise BadInput(f"row {row} is there twice")
        rows[row] = data[mark.end() : end].removesuffix(mark[3])
    return rows


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
