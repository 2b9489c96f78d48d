"""Chart: rows set aside by block and reason."""

from __future__ import annotations

from datetime import date
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.charts import weekly_figures
from dashboard.charts.chart import Chart, ChartColumn
from dashboard.labels import NO_REASON
from dashboard.queries import weekly
from roadmap.wording import numbers, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metrics.queries.quarantined_rows import QuarantinedInBlock


#: Lines of the chart: the most frequent reasons, and the rest in one.
LINE_ROLES = ("service", "target", "baseline")


#: Characters of a reason that stand beside its line.
MAX_LABEL_CHARS = 18

#: How a reason is called beside its line.
SHORT_LABELS = {NO_REASON: "not recorded"}


def quarantine_chart(found: Sequence[QuarantinedInBlock], blocks: Sequence[tuple[str, str]], unit: str) -> Chart | None:
    """Rows set aside by block; None where none were. A block without any counts 0, one that is not there is a gap."""
    sums: dict[str, int] = {}
    for one in found:
        sums[one.code or NO_REASON] = sums.get(one.code or NO_REASON, 0) + one.rows
    if not sums:
        return None
    ranked = sorted(sums, key=lambda code: (-sums[code], code))
    alone = ranked if len(ranked) <= len(LINE_ROLES) else ranked[: len(LINE_ROLES) - 1]
    names = [*alone] if alone == ranked else [*alone, f"{len(ranked) - len(alone)} other reasons"]
    if untold := ranked == [NO_REASON]:
        names = ["rows"]
    by_block = {first: dict.fromkeys(range(len(names)), 0) for first, _ in blocks}
    for one in found:
        code = one.code or NO_REASON
        by_block[one.block][alone.index(code) if code in alone else len(alone)] += one.rows
    frame = pd.DataFrame(
        [
            {"block": date.fromisoformat(first), "block_end": date.fromisoformat(end), "milestone": ""}
            | {f"r{place}": float(rows) for place, rows in by_block[first].items()}
            for first, end in blocks
        ]
    )
    drawn = [
        (role, f"r{place}", escape(text.shortened(SHORT_LABELS.get(name, name), MAX_LABEL_CHARS)))
        for place, (role, name) in enumerate(zip(LINE_ROLES, names, strict=False))
    ]
    columns = (
        ChartColumn(name="block", label=f"{unit.capitalize()} from", words=True),
        ChartColumn(name="block_end", label="to", words=True),
        *(ChartColumn(name=f"r{place}", label=name) for place, name in enumerate(names)),
    )
    return Chart(
        name="aside",
        title=f"{numbers.plural(sums[NO_REASON], 'row')} set aside"
        if untold
        else f"Most often: {text.shortened(ranked[0], 60)}, {numbers.plural(sums[ranked[0]], 'row')}",
        what=f"Rows set aside by {unit}, {'' if untold else 'by reason, '}all feeds of the list together.",
        figure=weekly_figures.draw_quarantined(frame, drawn),
        columns=columns,
        rows=weekly.plain_rows(frame, [column.name for column in columns]),
        key=tuple((role, text.shortened(name, 40)) for role, name in zip(LINE_ROLES, names, strict=False)),
    )
