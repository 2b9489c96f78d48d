"""Tables of what partners are told of their files: receipts, and the files that came in by HTTP.

A receipt is of one file: its name, its bytes, its feed. It is made when the exchange of the file ends or is first
interrupted, and made anew, with the next revision, when it ends for good; its text is stored, so that each reading and
each attempt to write it gives the same bytes.
"""

from __future__ import annotations

import sqlalchemy as sa

from poc.ledger.tables.metadata import METADATA, text_columns

RECEIPT = sa.Table(
    "receipt",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("partner", "feed", "file", "sha256", "exchange_id")),
    sa.Column("name", sa.Text, nullable=False),  # of the file in which it is written, without `.receipt.json`
    sa.Column("revision", sa.Integer, nullable=False, server_default="1"),
    sa.Column("is_final", sa.Integer, nullable=False),  # 0: rows of the exchange are due, ambiguous or failed
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),  # JSON: what the ledger has nowhere else, for the next revision
    sa.Column("made_at_us", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # due, sent; unsent where the partner gets no files
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at_us", sa.Integer, nullable=False, server_default="0"),
    *text_columns("error"),  # of the last attempt to write it
    sa.Column("sent_at_us", sa.Integer),
)

#: Finds what is to be written, and what is to be made anew, without reading the history.
RECEIPT_DUE = sa.Index("receipt_due", RECEIPT.c.next_at_us, sqlite_where=RECEIPT.c.state == "due")
RECEIPT_OPEN = sa.Index("receipt_open", RECEIPT.c.exchange_id, sqlite_where=RECEIPT.c.is_final == 0)

#: Finds the receipts of an exchange, and the one that has a name.
RECEIPT_EXCHANGE = sa.Index("receipt_exchange", RECEIPT.c.exchange_id)
RECEIPT_NAME = sa.Index("receipt_name", RECEIPT.c.partner, RECEIPT.c.name, unique=True)

#: The requests by which files came in by HTTP. A key is used once by each partner.
INTAKE = sa.Table(
    "intake",
    METADATA,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("partner", "key")),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("feed", "receipt_id", "file", "sha256")),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("part", sa.Text, nullable=False),  # the name in the inbox under which it waits to be placed
    sa.Column("is_placed", sa.Integer, nullable=False, server_default="0"),  # 1: it got its name in the inbox
    sa.Column("came_at_us", sa.Integer, nullable=False),
)

#: Finds the request of a receipt, and the files that were not placed before the process ended.
INTAKE_RECEIPT = sa.Index("intake_receipt", INTAKE.c.receipt_id)
INTAKE_OPEN = sa.Index("intake_open", INTAKE.c.partner, sqlite_where=INTAKE.c.is_placed == 0)
