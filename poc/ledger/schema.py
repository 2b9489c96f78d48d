"""The ledger's tables, and the upgrade of an older ledger.

An `exchange` row is an account: `rows_in` and one count per outcome, which add up at every commit. A `parcel` is a
request that is reserved and not yet confirmed; a confirmed one is deleted and counted in the account, so that this
table is a queue and stays small. `aside` holds the quarantined rows, as they came. `breaker` holds the partners'
circuit breakers. `feed` holds the lease of each feed: which process exchanges its files, and until when. `pace` holds
the time of the next request to each partner with a rate. `decision` holds what a person decided about an exchange, who
and why; rows are only added. `notification` is the outbox of messages to people; `reported_alert` holds the alerts that
each of their targets was told of, and `notify_target` the targets. `schedule`, `tick` and `arrival` belong to feeds
whose files are expected: the rule, its judged due moments, and the times at which files arrived. `workspace` holds
the ids of the workspace. `parity_file` and `parity_difference` hold what comparisons of two sides found. `route_change`
holds the changes of the routes of feeds, and `file_sender` the side that each of their files was given to. `pickup`
holds the files that are fetched from partners' places, and `pickup_place` whether these places work. `receipt` holds
what partners are told of their files, and `intake` the requests by which files came in.
"""

from __future__ import annotations

import sqlalchemy as sa

from metrics.events import OUTCOMES
from poc.ledger.tables import notifications, parity, pickup, receipts, route, schedules
from poc.ledger.tables.metadata import METADATA

#: Stored in SQLite's `user_version`; a ledger with a higher one is from a newer release.
VERSION = 7


#: The modules of further tables, by topic; importing one adds its tables to `METADATA`.
TOPICS = (notifications, parity, pickup, receipts, route, schedules)


EXCHANGE = sa.Table(
    "exchange",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("partner", sa.Text, nullable=False),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),  # open, done, refused, failed, due, ambiguous, given_up
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("opened_at_us", sa.Integer, nullable=False),
    sa.Column("closed_at_us", sa.Integer),
    *(sa.Column(f"rows_{name}", sa.Integer, nullable=False, server_default="0") for name in ("in", *OUTCOMES)),
    sa.Column("whole", sa.Integer, nullable=False, server_default="0"),  # 1: the file is no longer needed
    sa.Column("reserved_to", sa.Integer, nullable=False, server_default="-1"),  # the last slot ever reserved
    sa.Column("agreed", sa.Text, nullable=False, server_default=""),  # under which settings rows were reserved
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # failed attempts in a row
    sa.Column("due_at_us", sa.Integer),
    # delivered rows of which the partner said that it had them already
    sa.Column("rows_repeated", sa.Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)


#: Finds the unfinished exchanges without reading the whole history.
UNSETTLED = sa.Index(
    "exchange_unsettled", EXCHANGE.c.outcome, EXCHANGE.c.due_at_us, sqlite_where=EXCHANGE.c.outcome != "done"
)


PARCEL = sa.Table(
    "parcel",
    METADATA,
    sa.Column("exchange_id", sa.Text, primary_key=True),
    # its slot, `SLOT.1` and `SLOT.2` for its halves, or `again-ROW` for rows replayed from quarantine
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("rows", sa.Integer, nullable=False),
    # reserved, keyed (may have been sent), sending, ambiguous, failed; of a part of a joint request also accepted (the
    # partner has it, as another exchange found out) and discarded (only its bytes are needed, for the other parts)
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("code", sa.Text, nullable=False, server_default=""),  # of the error, where the state is `failed`
    # compressed where it is shorter than `size_bytes`; or, for a large exchange, its place in a file in the outbox:
    sa.Column("body", sa.LargeBinary),
    sa.Column("file", sa.Text, nullable=False, server_default=""),  # empty for one that has the exchange's id as name
    sa.Column("start_byte", sa.Integer),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("joint", sa.Text, nullable=False, server_default=""),  # the joint request of which this is a part
)


#: Finds the parts of a joint request.
JOINT_PARTS = sa.Index("parcel_joint", PARCEL.c.joint, sqlite_where=PARCEL.c.joint != "")


ASIDE = sa.Table(
    "aside",
    METADATA,
    sa.Column("exchange_id", sa.Text, primary_key=True),
    sa.Column("row", sa.Integer, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),  # held, replayed, discarded
    sa.Column("findings", sa.Text, nullable=False),  # JSON: [code, field, note] each
    sa.Column("original", sa.LargeBinary, nullable=False),
    sa.Column("sent", sa.LargeBinary),  # the row as it was replayed
    sa.Column("why", sa.Text, nullable=False, server_default=""),
)


BREAKER = sa.Table(
    "breaker",
    METADATA,
    sa.Column("partner", sa.Text, primary_key=True),  # or PARTNER/FEED, where only the feed's address fails
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("opened_at_us", sa.Integer),
    sa.Column("until_us", sa.Integer),
    sa.Column("trips", sa.Integer, nullable=False),
    sa.Column("failed_at_us", sa.Integer),  # when the last failure was noticed
    sa.Column("why", sa.Text, nullable=False, server_default=""),  # the last failure in words
    sa.Column("paused_at_us", sa.Integer),  # set: nothing is sent until a person releases the partner
    sa.Column("probe_until_us", sa.Integer),  # set: a probe is under way, at most until then
)


#: `owner` is empty while no process holds the lease; `epoch` counts how often it was taken.
FEED = sa.Table(
    "feed",
    METADATA,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("feed", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("until_us", sa.Integer, nullable=False, server_default="0"),
    sa.Column("served_at_us", sa.Integer, nullable=False, server_default="0"),  # when the lease was last taken
)


PACE = sa.Table(
    "pace",
    METADATA,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("next_at_us", sa.Integer, nullable=False),
)


DECISION = sa.Table(
    "decision",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("who", sa.Text, nullable=False),  # the user of the operating system
    sa.Column("action", sa.Text, nullable=False),  # discard_refused, redeliver
    sa.Column("exchange_id", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("next_exchange_id", sa.Text, nullable=False, server_default=""),  # of `redeliver`: the new exchange
)


#: Finds what was decided about an exchange.
DECISIONS_OF_EXCHANGE = sa.Index("decision_exchange", DECISION.c.exchange_id)


#: The current id of the workspace with the place of its ledger, and the ids that older exchanges were recorded under.
WORKSPACE = sa.Table(
    "workspace",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("is_current", sa.Integer, nullable=False),
    sa.Column("host", sa.Text, nullable=False, server_default=""),
    sa.Column("path", sa.Text, nullable=False, server_default=""),
    sa.Column("device", sa.Integer, nullable=False, server_default="0"),
    sa.Column("inode", sa.Integer, nullable=False, server_default="0"),
)
