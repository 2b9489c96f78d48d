"""Tables of pick-up: the files at partners' places, what was done with each, and places that do not answer."""

from __future__ import annotations

import sqlalchemy as sa

from poc.ledger.tables.metadata import METADATA, text_columns

#: One row for each version of a file: another size or mark under the same name is another version once it was fetched.
PICKUP = sa.Table(
    "pickup",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("partner", "feed", "place", "name")),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("mark", sa.Text, nullable=False),  # of the version, as the place tells it
    sa.Column("state", sa.Text, nullable=False),  # seen, fetched, placed, ended
    sa.Column("first_seen_at_us", sa.Integer, nullable=False),
    sa.Column("seen_at_us", sa.Integer, nullable=False),  # since when size and mark are these
    *text_columns("announced"),  # the mark of its announcement when it was fetched
    *text_columns("sha256", "inbox_name"),
    sa.Column("fetched_at_us", sa.Integer),
    *text_columns("after"),  # kept, moved, deleted, gone, replaced, skipped
    sa.Column("ended_at_us", sa.Integer),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # in a row, of its present step
    sa.Column("failing_since_us", sa.Integer),
    sa.Column("next_at_us", sa.Integer, nullable=False, server_default="0"),  # no try before
    *text_columns("error"),
)

#: Finds the files of a place.
PICKUPS_OF_PLACE = sa.Index(
    "pickup_of_place", PICKUP.c.partner, PICKUP.c.feed, PICKUP.c.place, PICKUP.c.name, PICKUP.c.id
)

#: Finds what fails without reading the history.
FAILING_PICKUPS = sa.Index("pickup_failing", PICKUP.c.failing_since_us, sqlite_where=PICKUP.c.failures > 0)

#: The place of each feed with a pick-up. `failing_since_us` is set while it does not work.
PICKUP_PLACE = sa.Table(
    "pickup_place",
    METADATA,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("looked_at_us", sa.Integer),  # when it last worked
    sa.Column("failing_since_us", sa.Integer),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    *text_columns("error"),
    *text_columns("held"),  # why nothing is fetched before a person has decided
)
