"""Chart: quarantined rows by block and reason."""

from __future__ import annotations

from datetime import date
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.charts import weekly_figures
from dashboard.charts.chart import Chart, ChartColumn
from dashboard.labels import NO_REASON
from dashboard.queries import weekly
from roadmap.wording import numbers, sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metrics.queries.quarantined_rows import QuarantinedInBlock


#: Roles of the lines: the most frequent reasons, and all others in one line.
LINE_ROLES = ("service", "target", "baseline")


#: Characters of a reason in the label of its line.
MAX_LABEL_CHARS = 18

#: Labels of lines, where they are shorter than the reason.
SHORT_LABELS = {NO_REASON: "not recorded"}


def quarantine_chart(rows: Sequence[QuarantinedInBlock], blocks: Sequence[tuple[str, str]], unit: str) -> Chart | None:
    """Return quarantined rows by block; None without any. A block without any counts 0, a missing block is a gap."""
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.code or NO_REASON] = sums.get(row.code or NO_REASON, 0) + row.rows
    if not sums:
        return None
    ranked = sorted(sums, key=lambda code: (-sums[code], code))
    named = ranked if len(ranked) <= len(LINE_ROLES) else ranked[: len(LINE_ROLES) - 1]
    names = [*named] if named == ranked else [*named, f"{len(ranked) - len(named)} other reasons"]
    if is_unrecorded := ranked == [NO_REASON]:
        names = ["rows"]
    by_block = {first: dict.fromkeys(range(len(names)), 0) for first, _ in blocks}
    for row in rows:
        code = row.code or NO_REASON
        by_block[row.block][named.index(code) if code in named else len(named)] += row.rows
    frame = pd.DataFrame(
        [
            {"block": date.fromisoformat(first), "block_end": date.fromisoformat(end), "milestone": ""}
            | {f"r{place}": float(rows) for place, rows in by_block[first].items()}
            for first, end in blocks
        ]
    )
    drawn = [
        (role, f"r{place}", escape(sentences.shortened(SHORT_LABELS.get(name, name), MAX_LABEL_CHARS)))
        for place, (role, name) in enumerate(zip(LINE_ROLES, names, strict=False))
    ]
    columns = (
        ChartColumn(name="block", label=f"{unit.capitalize()} from", words=True),
        ChartColumn(name="block_end", label="to", words=True),
        *(ChartColumn(name=f"r{place}", label=name) for place, name in enumerate(names)),
    )
    return Chart(
        name="aside",
        title=f"{numbers.plural(sums[NO_REASON], 'row')} quarantined"
        if is_unrecorded
        else f"Most often: {sentences.shortened(ranked[0], 60)}, {numbers.plural(sums[ranked[0]], 'row')}",
        what=f"Quarantined rows by {unit}, {'' if is_unrecorded else 'by reason, '}all feeds of the list together.",
        figure=weekly_figures.draw_quarantined(frame, drawn),
        columns=columns,
        rows=weekly.plain_rows(frame, [column.name for column in columns]),
        key=tuple((role, sentences.shortened(name, 40)) for role, name in zip(LINE_ROLES, names, strict=False)),
    )
