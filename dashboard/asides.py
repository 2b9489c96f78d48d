"""Rows that were set aside, as the page tells them: by feed and reason, and block by block."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard import figures, frames, runlist
from dashboard.charts import Chart, Column
from metrics.queries.run_filter import NO_ERROR_RECORDED as UNCODED
from roadmap.wording import dates, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metrics.queries.quarantined_rows import InBlock, Reason

#: What is said where nobody noted why.
UNTOLD = "reasons not recorded"

#: Lines of the chart: the most frequent reasons, and the rest in one.
ROLES = ("service", "target", "baseline")

#: Characters of a reason that stand beside its line; rows of the table.
LABEL, MOST = 18, 200
SHORTLY = {UNTOLD: "not recorded"}

COLUMNS = ("block", "block_end", "partner", "feed", "reason", "rows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Rows of one feed that were set aside for one reason, in words."""

    partner: str
    feed: str
    reason: str
    told: bool  #: whether anybody noted why
    rows: str
    exchanges: str
    last: str
    keys: Mapping[str, str]  #: of the list of exchanges that it is told of


def lines(reasons: Sequence[Reason], keys: Mapping[str, str]) -> tuple[Line, ...]:
    """Reasons in words; `keys` are those of the page's address."""
    return tuple(
        Line(
            partner=one.partner,
            feed=one.feed,
            reason=one.code or UNTOLD,
            told=one.code is not None,
            rows=numbers.count(one.rows),
            exchanges=numbers.count(one.runs),
            last=dates.day(date.fromisoformat(one.last_block), year=True),
            keys={**keys, "partner": one.partner, "feed": one.feed, "aside": one.code or UNCODED},
        )
        for one in reasons[:MOST]
    )


def chart(found: Sequence[InBlock], blocks: Sequence[tuple[str, str]], unit: str) -> Chart | None:
    """Rows set aside by block; None where none were. A block without any counts 0, one that is not there is a gap."""
    sums: dict[str, int] = {}
    for one in found:
        sums[one.code or UNTOLD] = sums.get(one.code or UNTOLD, 0) + one.rows
    if not sums:
        return None
    ranked = sorted(sums, key=lambda code: (-sums[code], code))
    alone = ranked if len(ranked) <= len(ROLES) else ranked[: len(ROLES) - 1]
    names = [*alone] if alone == ranked else [*alone, f"{len(ranked) - len(alone)} other reasons"]
    if untold := ranked == [UNTOLD]:
        names = ["rows"]
    by_block = {first: dict.fromkeys(range(len(names)), 0) for first, _ in blocks}
    for one in found:
        code = one.code or UNTOLD
        by_block[one.block][alone.index(code) if code in alone else len(alone)] += one.rows
    frame = pd.DataFrame(
        [
            {"block": date.fromisoformat(first), "block_end": date.fromisoformat(end), "milestone": ""}
            | {f"r{place}": float(rows) for place, rows in by_block[first].items()}
            for first, end in blocks
        ]
    )
    drawn = [
        (role, f"r{place}", escape(runlist.short(SHORTLY.get(name, name), LABEL)))
        for place, (role, name) in enumerate(zip(ROLES, names, strict=False))
    ]
    columns = (
        Column(name="block", label=f"{unit.capitalize()} from", words=True),
        Column(name="block_end", label="to", words=True),
        *(Column(name=f"r{place}", label=name) for place, name in enumerate(names)),
    )
    return Chart(
        name="aside",
        title=f"{numbers.plural(sums[UNTOLD], 'row')} set aside"
        if untold
        else f"Most often: {runlist.short(ranked[0], 60)}, {numbers.plural(sums[ranked[0]], 'row')}",
        what=f"Rows set aside by {unit}, {'' if untold else 'by reason, '}all feeds of the list together.",
        figure=figures.set_aside(frame, drawn),
        columns=columns,
        rows=frames.records(frame, [column.name for column in columns]),
        key=tuple((role, runlist.short(name, 40)) for role, name in zip(ROLES, names, strict=False)),
    )


def rows(found: Sequence[InBlock]) -> list[dict[str, Any]]:
    """The same in full, as data, under the names of `COLUMNS`; a reason that nobody noted is None."""
    return [
        {
            "block": one.block, "block_end": one.block_end, "partner": one.partner, "feed": one.feed,
            "reason": one.code, "rows": one.rows,
        }
        for one in found
    ]  # fmt: skip
