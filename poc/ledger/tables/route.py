"""The tables of routes: the changes of a feed's stage, and the side that each of its files was given to.

A feed that has never changed is at the stage `monolith`. Rows of `route_change` are only added. `file_sender` has one
row for the bytes of a file: the side that exchanges them for real, written before either side begins.
"""

from __future__ import annotations

import sqlalchemy as sa

from poc.ledger.tables.metadata import METADATA, text_columns

#: The newest row of a feed is its route.
ROUTE_CHANGE = sa.Table(
    "route_change",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("partner", sa.Text, nullable=False),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),  # advance, back, hold, release
    sa.Column("stage_before", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),  # monolith, shadow, canary, service, retired
    sa.Column("share", sa.Float, nullable=False, server_default="0"),  # of the files that the service gets in canary
    sa.Column("held", sa.Integer, nullable=False, server_default="0"),  # 1: it does not advance until released
    *text_columns("who", "why", "owner"),
    sa.Column("forced", sa.Integer, nullable=False, server_default="0"),  # 1: against its gate, with --anyway
    sa.Column("automatic", sa.Integer, nullable=False, server_default="0"),  # 1: by a guardrail
    *text_columns("evidence"),  # JSON: what the gate or guardrail counted at that moment
)

#: Finds the route of a feed.
CHANGES_OF_FEED = sa.Index("route_change_feed", ROUTE_CHANGE.c.partner, ROUTE_CHANGE.c.feed, ROUTE_CHANGE.c.id)

FILE_SENDER = sa.Table(
    "file_sender",
    METADATA,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("file", sa.Text, nullable=False),  # the name under which it was given first
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("side", sa.Text, nullable=False),  # monolith, service
    sa.Column("exchange_id", sa.Text, nullable=False),  # that the service has for it, or would have
    # given; of the monolith also begun, done, failed, ambiguous, given_up. Those of the service are in `exchange`.
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("change_id", sa.Integer, nullable=False),  # the route under which it was given; 0: never changed
    sa.Column("given_at_us", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),  # of the monolith's command
    sa.Column("begun_at_us", sa.Integer),  # of its last attempt
    sa.Column("ended_at_us", sa.Integer),
    sa.Column("exit_code", sa.Integer),
    *text_columns("process"),  # the process that ran the command
    *text_columns("note"),  # why it failed, or what a person decided
    # of the service's exchange without sending: empty (none is wanted), waits, done, failed
    *text_columns("shadow", "shadow_note"),
    sqlite_with_rowid=False,
)

#: Finds the newest files of a side, the files of a name, and those that are to be exchanged without sending.
SENDERS_BY_TIME = sa.Index(
    "file_sender_given", FILE_SENDER.c.partner, FILE_SENDER.c.feed, FILE_SENDER.c.side, FILE_SENDER.c.given_at_us
)
SENDERS_BY_NAME = sa.Index("file_sender_name", FILE_SENDER.c.partner, FILE_SENDER.c.feed, FILE_SENDER.c.file)
SENDERS_TO_SHADOW = sa.Index("file_sender_shadow", FILE_SENDER.c.shadow, sqlite_where=FILE_SENDER.c.shadow == "waits")

#: Finds the files that the monolith is not done with.
SENDERS_UNSETTLED = sa.Index(
    "file_sender_unsettled",
    FILE_SENDER.c.state,
    sqlite_where=sa.and_(FILE_SENDER.c.side == "monolith", FILE_SENDER.c.state != "done"),
)
