"""A trial: what would become of a file, with nothing sent to the partner and nothing entered in the ledger.

The file goes through the stages of an ordinary exchange, so that a trial says what an exchange would do. Only its ends
differ: a temporary ledger, and a destination that counts requests, or a temporary folder.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from poc.batch import ROW
from poc.credentials.authorized_endpoint import AuthorizedEndpoint
from poc.exchanges.exchange import exchange
from poc.ledger.lookup import received_before
from poc.ledger.opening import open_ledger
from poc.ledger.workspace_id import marked_id
from poc.ledger_address import marker_path
from poc.places.target import FolderTarget
from poc.transports.http import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import polars as pl

    from poc.exchanges.receipt import Receipt
    from poc.formats.registry import RowEncoder
    from poc.ledger.lookup import ReceivedBefore
    from poc.ledger_address import LedgerAddress
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.transports.http import RequestPreview


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of a file.

    `receipt` is that of a partner who accepts everything: `done` or `refused`. `received` is an earlier exchange of the
    same bytes. `request` is the first request that would be sent, `file` the one that would be written into a
    partner's folder. `head` and `first_rows` are texts as the partner would get them.
    """

    receipt: Receipt
    received: ReceivedBefore | None
    request: RequestPreview | None
    file: str | None
    head: str
    first_rows: tuple[str, ...]


def try_file(prepared: PreparedFeed, path: Path, now: datetime, ledger: LedgerAddress, rows: int) -> Trial:
    """Return what an exchange of a file would do; `ledger` is that of the workspace, `rows` the most rows to show.

    Memory is bounded as in an exchange; the requests of a large file are kept in the system's temporary folder
    meanwhile.

    Raises:
        BadInput: there is no such file.
        TryLater: the file changes, or there is no room in the temporary folder.
        LedgerDamaged: the workspace's ledger cannot be read.
    """
    sample = SampledEncoder(prepared.encoder, rows)
    with TemporaryDirectory(prefix="milepost-try-") as folder:
        real = prepared.endpoint
        endpoint = CountingEndpoint(real) if isinstance(real, HttpEndpoint | AuthorizedEndpoint) else None
        target = None if prepared.target is None else Path(folder) / "delivered"
        ends = replace(
            prepared,
            encoder=sample,
            endpoint=endpoint,
            target=None if target is None else FolderTarget(target),
            parallel=1,
            span_files=False,
            small_files=None,
        )
        # with the workspace's id, so that the request has the key that it would have
        fixed_id = marked_id(marker_path(ledger)) or None
        with closing(open_ledger(Path(folder) / "ledger.db", fixed_id=fixed_id)) as trial_ledger:
            receipt = exchange(ends, path, now, trial_ledger)
        written = [] if target is None or not target.is_dir() else sorted(target.iterdir())
    return Trial(
        receipt=receipt,
        received=received_before(ledger, prepared.partner, prepared.feed_id, receipt.sha256),
        request=None if endpoint is None else endpoint.first,
        file=prepared.target.shown(written[0].name) if written and prepared.target is not None else None,
        head=sample.header.decode("utf-8", "backslashreplace"),
        first_rows=tuple(text.decode("utf-8", "backslashreplace") for text in sample.texts),
    )


@dataclass(slots=True)
class CountingEndpoint:
    """An endpoint that sends nothing and accepts everything; it keeps the first request."""

    endpoint: HttpEndpoint | AuthorizedEndpoint
    first: RequestPreview | None = None

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:  # noqa: ARG002
        """Accept one body."""
        if self.first is None:
            self.first = self.endpoint.preview(body, headers)
        return False


@dataclass(slots=True)
class SampledEncoder:
    """An encoder that keeps the texts of the first rows that it encodes, each on its own."""

    encoder: RowEncoder
    most: int
    header: bytes = b""
    texts: list[bytes] = field(default_factory=list)
    _last_row: int = 0

    @property
    def media_type(self) -> str:
        """The media type of an HTTP body of rows."""
        return self.encoder.media_type

    @property
    def row_is_line(self) -> bool:
        """Whether every row is exactly one line."""
        return self.encoder.row_is_line

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the bytes that precede all rows."""
        self.header = self.encoder.head(columns)
        return self.header

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return rows as bytes; a file that is read a second time is sampled anew."""
        if rows.height:
            numbers = rows.get_column(ROW)
            if numbers[0] <= self._last_row:
                self.texts = []
            self._last_row = numbers[-1]
            wanted = min(self.most - len(self.texts), rows.height)
            self.texts += [self.encoder.encode(rows[at : at + 1]) for at in range(wanted)]
        return self.encoder.encode(rows)

    def finish(self, body: bytes) -> bytes:
        """Return the body of a request."""
        return self.encoder.finish(body)

    def cut(self, body: bytes, rows: int) -> tuple[bytes, bytes]:
        """Cut a body into two."""
        return self.encoder.cut(body, rows)
