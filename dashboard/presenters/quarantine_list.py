"""Rows of the quarantine page: rows set aside by feed and reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard.labels import NO_REASON
from metrics.queries.run_filter import NO_ERROR_RECORDED as UNCODED
from roadmap.wording import dates, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metrics.queries.quarantined_rows import QuarantinedInBlock, QuarantineReason


#: Rows of the table.
MAX_REASON_ROWS = 200


RECORD_COLUMNS = ("block", "block_end", "partner", "feed", "reason", "rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """Rows of one feed that were set aside for one reason, in words."""

    partner: str
    feed: str
    reason: str
    told: bool  #: whether anybody noted why
    rows: str
    exchanges: str
    last: str
    keys: Mapping[str, str]  #: of the list of exchanges that it is told of


def reason_rows(reasons: Sequence[QuarantineReason], keys: Mapping[str, str]) -> tuple[ReasonRow, ...]:
    """Reasons in words; `keys` are those of the page's address."""
    return tuple(
        ReasonRow(
            partner=one.partner,
            feed=one.feed,
            reason=one.code or NO_REASON,
            told=one.code is not None,
            rows=numbers.count(one.rows),
            exchanges=numbers.count(one.runs),
            last=dates.day(date.fromisoformat(one.last_block)),
            keys={**keys, "partner": one.partner, "feed": one.feed, "aside": one.code or UNCODED},
        )
        for one in reasons[:MAX_REASON_ROWS]
    )


def quarantine_records(found: Sequence[QuarantinedInBlock]) -> list[dict[str, Any]]:
    """The same in full, as data, under the names of `COLUMNS`; a reason that nobody noted is None."""
    return [
        {
            "block": one.block, "block_end": one.block_end, "partner": one.partner, "feed": one.feed,
            "reason": one.code, "rows": one.rows,
        }
        for one in found
    ]  # fmt: skip
