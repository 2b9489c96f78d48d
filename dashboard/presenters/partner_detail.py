"""What the page of one partner asks of the store when it is read: what its failures have in common, what stands aside.

These are few rows found by indices, however many runs there are; what is dear is in `dashboard.partners`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from dashboard import labels
from dashboard.queries.partners import SHOWN_FAULTS, first_recent_day
from metrics.queries import failure_groups, quarantined_rows
from metrics.queries.run_filter import NO_ERROR_RECORDED, RunFilter
from roadmap.wording import dates, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from dashboard.presenters.feed_rows import FeedRow

#: How many kinds of failures, and reasons, a partner's page names; the rest is on the pages of failures and quarantine.
NAMED = 10

#: Characters of an error that are shown.
LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Failures that have an error in common."""

    error: str
    runs: int
    feeds: str
    last: str
    example: int  #: number of the newest run
    keys: Mapping[str, Any]  #: what picks exactly these runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """Rows of one feed set aside for one reason."""

    feed: str
    code: str
    rows: int
    exchanges: int
    last: str
    keys: Mapping[str, Any]  #: what picks exactly these exchanges


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFacts:
    """What is known of one partner in the last days, and what picks the runs that it is known from."""

    keys: Mapping[str, Any]
    kinds: tuple[Kind, ...] = ()
    more_kinds: bool = False
    asides: tuple[Aside, ...] = ()
    more_asides: bool = False
    rows_aside: int = 0


def partner_facts(db: Database, seen: View, partner: str, rows: Iterable[FeedRow]) -> PartnerFacts:
    """Failures and rows set aside of a partner in the last days, at the sides that its feeds are shown of."""
    sides = tuple(sorted({row.failed_keys["side"] for row in rows if row.failed_keys}))
    first, last = first_recent_day(seen.today), seen.today
    keys = {"side": sides, "partner": partner, "faults": SHOWN_FAULTS[seen.mode], "from_": first, "to": last}
    if not sides:
        return PartnerFacts(keys=keys)
    picked = RunFilter(
        sides=sides, partners=(partner,), faults=(SHOWN_FAULTS[seen.mode],), first=first, last=last, known_by=seen.as_of
    )  # fmt: skip
    kinds = failure_groups.group_failures(db, picked, limit=NAMED + 1)
    asides = quarantined_rows.rows_by_reason(db, picked)
    return PartnerFacts(
        keys=keys,
        kinds=tuple(_kind(kind, keys) for kind in kinds[:NAMED]),
        more_kinds=len(kinds) > NAMED,
        asides=tuple(
            Aside(
                feed=one.feed,
                code=one.code or "reason not recorded",
                rows=one.rows,
                exchanges=one.runs,
                last=dates.day(date.fromisoformat(one.last_block)),
                keys={**keys, "feed": one.feed, "aside": one.code or NO_ERROR_RECORDED},
            )
            for one in asides[:NAMED]
        ),
        more_asides=len(asides) > NAMED,
        rows_aside=sum(one.rows for one in asides),
    )


def _kind(kind: failure_groups.FailureGroup, keys: Mapping[str, Any]) -> Kind:
    said = ": ".join(part for part in (labels.error_label(kind.error_type), kind.example) if part)
    return Kind(
        error=said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…",
        runs=kind.runs,
        feeds=numbers.plural(len(kind.feeds), "feed"),
        last=dates.day(datetime.fromtimestamp(kind.last_at_us / 1e6, UTC).date()),
        example=kind.example_run_id,
        keys={**keys, "state": "failed", "fingerprint": kind.fingerprint},
    )
