"""Tables of expected files: the rules, their judged due moments, and when files arrived."""

from __future__ import annotations

import sqlalchemy as sa

from poc.ledger.tables.metadata import METADATA

#: Expectations of feeds: `rule` is the one that holds since `since_us`, and all moments up to `judged_us` are judged.
SCHEDULE = sa.Table(
    "schedule",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("since_us", sa.Integer, nullable=False),
    sa.Column("judged_us", sa.Integer, nullable=False),
)

TICK = sa.Table(
    "tick",
    METADATA,
    sa.Column("schedule", sa.Text, primary_key=True),
    sa.Column("due_us", sa.Integer, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),  # arrived, late, not_arrived
    sa.Column("arrived_at_us", sa.Integer),
    sa.Column("acted_at_us", sa.Integer, nullable=False),  # when it was judged, or changed to late
)

#: When files of feeds with an expectation arrived, also those that came before with the same content.
ARRIVAL = sa.Table(
    "arrival",
    METADATA,
    sa.Column("schedule", sa.Text, primary_key=True),
    sa.Column("at_us", sa.Integer, primary_key=True),
    sa.Column("file", sa.Text, primary_key=True),
)
