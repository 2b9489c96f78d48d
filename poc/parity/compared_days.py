"""Comparisons of files added up by feed and day, for pages, which are about many files at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.ledger.tables.parity import PARITY_DIFFERENCE, PARITY_FILE
from poc.parity.state import ParityState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from poc.ledger.ledger import Ledger
    from poc.parity.dispositions import Dispositions

DAY_US = 86_400_000_000

_F, _D = PARITY_FILE.c, PARITY_DIFFERENCE.c
#: The number is part of the text: PostgreSQL groups by an expression only where its parameters are the same ones.
_DAY = (_F.compared_at_us // sa.literal_column(str(DAY_US), sa.Integer)).label("day")
_OF_FEED = sa.and_(_F.partner == sa.bindparam("of_partner"), _F.feed == sa.bindparam("of_feed"))
SELECT_DAYS = (
    sa.select(_DAY, sa.func.count(), sa.func.sum(_F.left_records + _F.right_records), sa.func.max(_F.compared_at_us))
    .where(_OF_FEED)
    .group_by(_DAY)
    .order_by(_DAY)
)
SELECT_DIFFERENCES = (
    sa.select(_DAY, _D.field, _D.cause, sa.func.sum(_D.differences))
    .join_from(
        PARITY_FILE,
        PARITY_DIFFERENCE,
        sa.and_(_F.partner == _D.partner, _F.feed == _D.feed, _F.sha256 == _D.sha256),
    )
    .where(_OF_FEED)
    .group_by(_DAY, _D.field, _D.cause)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDay:
    """The files of a feed that were compared on one day. `differences` are counted by field and cause."""

    day: date
    files: int
    records: int  #: that either side sent; a pair of records counts once
    newest_at_us: int
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)


def compared_days(ledger: Ledger, partner: str, feed: str) -> list[ComparedDay]:
    """Return the days on which files of a feed were compared, in order. Raises TryLater, LedgerDamaged."""
    values = {"of_partner": partner, "of_feed": feed}
    differences: dict[int, Counter[tuple[str, str]]] = {}
    for number, name, cause, count in ledger.execute(SELECT_DIFFERENCES, values):
        differences.setdefault(number, Counter())[name, cause] += count
    days = []
    for number, files, records, newest_at_us in ledger.execute(SELECT_DAYS, values):
        found = differences.get(number, Counter())
        single = sum(count for (_, cause), count in found.items() if cause.startswith("row-"))
        day = datetime.fromtimestamp(number * DAY_US / 1_000_000, UTC).date()
        days.append(
            ComparedDay(
                day=day, files=files, records=(records + single) // 2, newest_at_us=newest_at_us, differences=found
            )
        )
    return days


def state_of_days(days: Iterable[ComparedDay], feed: str, dispositions: Dispositions, today: date) -> ParityState:
    """Return what the comparisons of some days say together; the files with a difference are not counted."""
    listed = list(days)
    differences: Counter[tuple[str, str]] = Counter()
    for day in listed:
        differences.update(day.differences)
    judgement = dispositions.judge(feed, differences, today)
    return ParityState(
        files_compared=sum(day.files for day in listed),
        records_compared=sum(day.records for day in listed),
        unexplained=judgement.unexplained.total(),
        accepted=judgement.accepted.total(),
        to_fix=judgement.to_fix.total(),
        by_cause=judgement.unexplained_by_cause(),
        newest_at_us=max((day.newest_at_us for day in listed), default=None),
    )
