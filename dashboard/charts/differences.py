"""Chart: differences between what both sides send, by day and cause."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.charts import weekly_figures
from dashboard.charts.chart import Chart, ChartColumn
from dashboard.queries import weekly
from roadmap.wording import dates, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts.layout import MarkedDay
    from dashboard.migration_state import ComparedDay, DayDifferences

#: Roles of the lines: the most frequent causes, and all others in one line.
LINE_ROLES = ("service", "target", "baseline")


def differences_chart(
    found: Sequence[DayDifferences], compared: Sequence[ComparedDay], marks: Sequence[MarkedDay] = ()
) -> Chart | None:
    """Return differences by day and cause; None before files were compared.

    A day on which files were compared without a difference counts 0; one without any comparison is left out.
    """
    if not compared:
        return None
    sums: Counter[str] = Counter()
    for row in found:
        sums[row.cause] += row.differences
    ranked = [cause for cause, _ in sums.most_common()] or ["differences"]
    named = ranked if len(ranked) <= len(LINE_ROLES) else ranked[: len(LINE_ROLES) - 1]
    names = [*named] if named == ranked else [*named, f"{len(ranked) - len(named)} other causes"]
    by_day = {day: [0.0] * len(names) for day in sorted({row.day for row in compared} | {row.day for row in found})}
    for row in found:
        by_day[row.day][named.index(row.cause) if row.cause in named else len(named)] += row.differences
    frame = pd.DataFrame(
        [
            {"block": day, "block_end": day, "milestone": ""} | {f"c{place}": count for place, count in enumerate(row)}
            for day, row in by_day.items()
        ]
    )
    columns = (
        ChartColumn(name="block", label="Day", words=True),
        *(ChartColumn(name=f"c{place}", label=name) for place, name in enumerate(names)),
    )
    roles = list(zip(LINE_ROLES, names, strict=False))
    lines = [(role, f"c{place}", escape(name)) for place, (role, name) in enumerate(roles)]
    total = sums.total()
    last = dates.day(max(by_day))
    title = (
        f"Most often: {ranked[0]}, {numbers.plural(sums[ranked[0]], 'difference')}"
        if total
        else (f"No difference in files compared until {last}")
    )
    return Chart(
        name="differences",
        title=title,
        what="Differences between what both sides send, by the day of comparison and by cause, explained ones too.",
        figure=weekly_figures.draw_differences(frame, lines, marks),
        columns=columns,
        rows=weekly.plain_rows(frame, [column.name for column in columns]),
        key=tuple(roles),
        size="aside",
    )
