"""Tables of parity: each file whose two outputs were compared, and its differences by field and cause."""

from __future__ import annotations

import sqlalchemy as sa

from poc.ledger.tables.metadata import METADATA, text_columns

#: One row for each file; a file that is compared again replaces its row.
PARITY_FILE = sa.Table(
    "parity_file",
    METADATA,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),  # of the file that both sides exchanged
    *text_columns("file", "stage", "left_name", "right_name"),
    sa.Column("compared_at_us", sa.Integer, nullable=False),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("left_records", "right_records", "equal_records")),
    sa.Column("examples", sa.Text, nullable=False, server_default="[]"),  # JSON: the first ones of each cause
)

#: Finds the files that a gate asks about.
PARITY_FILES_OF_FEED = sa.Index(
    "parity_file_compared", PARITY_FILE.c.partner, PARITY_FILE.c.feed, PARITY_FILE.c.compared_at_us
)

PARITY_DIFFERENCE = sa.Table(
    "parity_difference",
    METADATA,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("partner", "feed", "sha256", "field", "cause")),
    sa.Column("differences", sa.Integer, nullable=False),
)
