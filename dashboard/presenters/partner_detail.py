"""Failures and quarantined rows of one partner in the recent days.

Indexes find these few rows however many runs there are; the costly figures are in `dashboard.queries.partners`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.presenters.failure_groups import FailureGroupRow, failure_group_rows
from dashboard.presenters.quarantine_list import ReasonRow, reason_rows
from dashboard.queries.partners import SHOWN_FAULTS, first_recent_day
from metrics.queries import failure_groups, quarantined_rows
from metrics.queries.run_filter import RunFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.presenters.feed_rows import FeedRow

#: Failure groups, and reasons, on a partner's page; all are on the pages of failures and quarantine.
MAX_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFacts:
    """Failures and quarantined rows of a partner; `keys` are the query keys of the runs that they come from."""

    keys: Mapping[str, Any]
    failures: tuple[FailureGroupRow, ...] = ()
    has_more_failures: bool = False
    reasons: tuple[ReasonRow, ...] = ()
    has_more_reasons: bool = False
    quarantined: int = 0  #: rows


def shown_sides(rows: Iterable[FeedRow]) -> tuple[str, ...]:
    """Return the sides whose failures the rows of some feeds count."""
    return tuple(sorted({row.failed_keys["side"] for row in rows if row.failed_keys}))


def partner_facts(db: Database, view: View, partner: str, sides: tuple[str, ...]) -> PartnerFacts:
    """Return failures and quarantined rows of a partner in the recent days, on these sides."""
    first, last, faults = first_recent_day(view.today), view.today, SHOWN_FAULTS[view.mode]
    keys = {"side": sides, "partner": partner, "faults": faults, "from_": first, "to": last}
    if not sides:
        return PartnerFacts(keys=keys)
    run_filter = RunFilter(
        sides=sides, partners=(partner,), faults=(faults,), first=first, last=last, known_by=view.as_of
    )  # fmt: skip
    groups = failure_groups.group_failures(db, run_filter, limit=MAX_ROWS + 1)
    reasons = quarantined_rows.rows_by_reason(db, run_filter)
    return PartnerFacts(
        keys=keys,
        failures=failure_group_rows(groups[:MAX_ROWS], keys),
        has_more_failures=len(groups) > MAX_ROWS,
        reasons=reason_rows(reasons[:MAX_ROWS], keys),
        has_more_reasons=len(reasons) > MAX_ROWS,
        quarantined=sum(reason.rows for reason in reasons),
    )
