"""The limits that are built in, with the numbers of the program."""

from __future__ import annotations

from docs.generator.markdown import table
from poc.config.partner import Feed
from poc.contract.numbers import MAX_DIGITS
from poc.exchanges.attempt import MAX_LISTED_ROWS
from poc.formats.record_splitter import Sizes
from poc.formats.table_reader import MAX_PREAMBLE_BYTES
from poc.retries.backoff import SCHEDULE_S
from poc.transports.http import SHOWN_BYTES
from poc.transports.http_answer import MAX_ANSWER_BYTES
from poc.transports.secrets import MAX_BYTES

#: Units of sizes, the largest first.
UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("bytes", 1))


def limits() -> str:
    """Return the table of the limits that no setting changes, or whose default is named."""
    defaults = {name: field.default for name, field in Feed.model_fields.items()}
    rows = (
        ("a file after decompression", f"{size(defaults['max_size_bytes'])}, by default", "it is refused"),
        ("a row", size(Sizes().record_bytes), "it is quarantined"),
        ("lines before the header", size(MAX_PREAMBLE_BYTES), "the file is refused"),
        ("digits of a number", f"{MAX_DIGITS:,}", "the row is quarantined"),
        ("rows of one request", f"{defaults['request_rows']:,}, by default", "a file is sent in several requests"),
        ("an answer of a partner", size(MAX_ANSWER_BYTES), "it is no answer; the request is tried again"),
        ("what is kept of an answer to a failed request", size(SHOWN_BYTES), "it is cut"),
        ("tries of a request", f"{len(SCHEDULE_S)}, over some days", "a person decides"),
        ("rejected rows that a receipt lists", f"{MAX_LISTED_ROWS:,}", "the others are counted, and in quarantine"),
        ("a secret in a file", size(MAX_BYTES), "it is an error"),
    )
    return table(("What", "At most", "Beyond it"), rows)


def size(size_bytes: int) -> str:
    """Return a number of bytes in the largest unit of which it is a multiple."""
    unit, factor = next((unit, factor) for unit, factor in UNITS if size_bytes % factor == 0)
    return f"{size_bytes // factor:,} {unit}"
