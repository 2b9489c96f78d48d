"""Tables of notifications: the outbox of messages to people, the targets, and the alerts that each was told of."""

from __future__ import annotations

import sqlalchemy as sa

from poc.ledger.tables.metadata import METADATA, text_columns

#: The message of an event has the same id at each target, and at each attempt.
NOTIFICATION = sa.Table(
    "notification",
    METADATA,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("id", "target")),
    sa.Column("phase", sa.Text, nullable=False),  # begun, ended, changed, digest, test
    *text_columns("kind", "severity", "partner", "feed", "subject", "title", "body", "error"),
    sa.Column("since_us", sa.Integer),  # when the alert began
    sa.Column("state", sa.Text, nullable=False),  # pending, sent, failed
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column(
        "next_at_us", sa.Integer, nullable=False
    ),  # of the next attempt; of one under way, when it counts as lost
    *text_columns("owner"),  # the process of the attempt under way
    sa.Column("created_at_us", sa.Integer, nullable=False),
    sa.Column("sent_at_us", sa.Integer),
)

#: Finds what is to be sent.
PENDING = sa.Index("notification_pending", NOTIFICATION.c.target, sqlite_where=NOTIFICATION.c.state == "pending")

REPORTED_ALERT = sa.Table(
    "reported_alert",
    METADATA,
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("target", "kind", "partner", "feed", "subject")),
    sa.Column("begun_at_us", sa.Integer, primary_key=True),  # when it was first noticed
    sa.Column("since_us", sa.Integer, nullable=False),
    *text_columns("severity", "summary", "status"),  # a status in the place of begin and end
    sa.Column("ended_at_us", sa.Integer),  # kept until the next digest
)

NOTIFY_TARGET = sa.Table(
    "notify_target",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("compared_at_us", sa.Integer, nullable=False),  # the time of the newest alerts that were compared
    sa.Column("digest_at_us", sa.Integer, nullable=False),  # when the last digest was made; 0: none is wanted
)
