"""The measures that a milestone may use, from their registry."""

from __future__ import annotations

from docs.generator.markdown import code, table
from metrics.measures.fine_print import FINE_PRINT, RANGES
from metrics.measures.registry import ALL, Measure

KINDS = {
    "census": "census: everything is counted, and the count itself is judged",
    "sampled": "sample: the measured runs stand for those not measured, so the number has a likely range",
}


def measures() -> str:
    """Return an overview and one section for each measure."""
    overview = table(
        ("Measure", "Title", "Better", "Unit"),
        (
            (f"[{code(m.name)}](#{m.name})", m.title, "more" if m.direction == "at_least" else "less", m.unit)
            for m in ALL
        ),
    )
    return "\n\n".join([overview, *map(section, ALL)])


def section(measure: Measure) -> str:
    """Return the section of one measure."""
    fine = FINE_PRINT[measure.name]
    unit = "share, 0 to 1" if measure.unit == "share" else measure.unit
    facts = [
        ("Target", f"{code(measure.direction)}; the best possible value is {measure.best:g}"),
        ("Unit", unit),
        ("Counted", KINDS[measure.kind]),
        ("Likely range", RANGES[fine.range]),
        ("Left out", fine.left_out),
        *([("Also needs", fine.least)] if fine.least else []),
    ]
    return "\n\n".join(
        [
            f"## {measure.name}",
            f"**{measure.title}.** {measure.definition}",
            f"```text\n{measure.formula}\n```",
            table(("", ""), facts),
        ]
    )
