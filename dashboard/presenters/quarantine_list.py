"""Quarantined rows by feed and reason, as rows of a table and as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard.labels import NO_REASON
from metrics.queries.run_filter import NO_ERROR_RECORDED
from roadmap.wording import dates, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboard.service_state import FeedNow
    from metrics.queries.quarantined_rows import QuarantinedInBlock, QuarantineReason
    from metrics.queries.run_filter import RunFilter


#: Rows of the table; the CSV has all.
MAX_REASON_ROWS = 200


RECORD_COLUMNS = ("block", "block_end", "partner", "feed", "reason", "rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """Quarantined rows of one feed and one reason, as text."""

    partner: str
    feed: str
    reason: str
    has_reason: bool  #: whether a reason was recorded
    rows: str
    exchanges: str
    last: str
    keys: Mapping[str, Any]  #: query keys of their exchanges


def reason_rows(reasons: Sequence[QuarantineReason], keys: Mapping[str, Any]) -> tuple[ReasonRow, ...]:
    """Return reasons as rows; `keys` are the query keys of the filter that they come from."""
    return tuple(
        ReasonRow(
            partner=reason.partner,
            feed=reason.feed,
            reason=reason.code or NO_REASON,
            has_reason=reason.code is not None,
            rows=numbers.count(reason.rows),
            exchanges=numbers.count(reason.runs),
            last=dates.day(date.fromisoformat(reason.last_block)),
            keys={**keys, "partner": reason.partner, "feed": reason.feed, "aside": reason.code or NO_ERROR_RECORDED},
        )
        for reason in reasons[:MAX_REASON_ROWS]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRows:
    """Rows of one feed that are in quarantine now, as text."""

    feed: str
    rows: str


def held_rows(feeds: Sequence[FeedNow], run_filter: RunFilter) -> tuple[HeldRows, ...]:
    """Return the feeds that have rows in quarantine now, among those of a filter, the most rows first."""
    picked = [
        feed
        for feed in feeds
        if feed.held_rows
        and (not run_filter.partners or feed.partner in run_filter.partners)
        and (not run_filter.feeds or feed.feed in run_filter.feeds)
    ]
    picked.sort(key=lambda feed: (-feed.held_rows, feed.partner, feed.feed))
    return tuple(HeldRows(feed=f"{feed.partner}/{feed.feed}", rows=numbers.count(feed.held_rows)) for feed in picked)


def quarantine_records(rows: Sequence[QuarantinedInBlock]) -> list[dict[str, Any]]:
    """Return quarantined rows by block as data, with the keys of `RECORD_COLUMNS`; an unrecorded reason is None."""
    return [
        {
            "block": row.block, "block_end": row.block_end, "partner": row.partner, "feed": row.feed,
            "reason": row.code, "rows": row.rows,
        }
        for row in rows
    ]  # fmt: skip
