"""Write quarantined rows to a file that a person can mend, and read it back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from poc.delivery.request_builder import RequestBuilder
from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from poc.delivery.outbox import OutboundRequest
    from poc.ledger.ledger import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.quarantine.store import QuarantinedRow


#: Before each row of an export. An editor that ends lines in another way ends the mark so as well.
MARK = re.compile(rb"^#milepost ([0-9a-f]+) row ([0-9]+)(?::[^\r\n]*)?(\r?\n)", re.MULTILINE)


def export(entry: ExchangeRecord, rows: Iterable[QuarantinedRow]) -> Iterator[bytes]:
    """The rows held, each after a line that names it, a piece each."""
    for kept in rows:
        told = "; ".join(finding.text() for finding in kept.findings)
        mark = f"#milepost {entry.exchange_id} row {kept.row}: {' '.join(told.split())}\n"
        yield mark.encode("utf-8", "backslashreplace") + kept.original + b"\n"


def read_export(data: bytes, entry: ExchangeRecord) -> dict[int, bytes]:
    """The rows of an export, by number, as they were edited; exactly as they came where they were not.

    What looks like a mark of another exchange, after the first, is a row's own text.

    Raises:
        BadInput: it is no export, is of another exchange, or names a row twice.
    """
    every = list(MARK.finditer(data))
    if not every or data[: every[0].start()].strip():
        raise BadInput(
            "not an export: it begins with `#milepost EXCHANGE row NUMBER`; `milepost quarantine export` writes one"
        )
    if (key := every[0][1].decode()) != entry.exchange_id:
        raise BadInput(f"row {int(every[0][2])} is of exchange {key}, not of {entry.exchange_id}")
    marks = [mark for mark in every if mark[1].decode() == entry.exchange_id]
    rows: dict[int, bytes] = {}
    for mark, after in zip(marks, [*(mark.start() for mark in marks[1:]), len(data)], strict=True):
        if (row := int(mark[2])) in rows:
            raise BadInput(f"row {row} stands twice")
        rows[row] = data[mark.end() : after].removesuffix(mark[3])
    return rows


def replay_requests(
    prepared: PreparedFeed, frames: Sequence[pl.DataFrame], numbers: Sequence[int]
) -> Iterator[OutboundRequest]:
    """Requests of replayed rows, each named by its first row: a row leaves quarantine once, so the name is new."""
    size = prepared.feed.request_rows
    first = {(number - 1) // size: number for number in reversed(numbers)}
    builder = RequestBuilder(size, prepared.encoder)
    for request in (*(request for frame in frames for request in builder.add(frame)), *builder.flush()):
        yield replace(request, name=f"again-{first[int(request.name)]}")


def row_numbers_text(numbers: Sequence[int]) -> str:
    """Row numbers for people, the first few of them."""
    shown = ", ".join(map(str, numbers[:10])) or "none"
    return f"{shown}, ..." if len(numbers) > 10 else shown
