"""The measures that a milestone may use, from their registry."""

from __future__ import annotations

from docs.generator.markdown import code, table
from metrics.measures.registry import MEASURES, Measure

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
            for m in MEASURES.values()
        ),
    )
    return "\n\n".join([overview, *map(section, MEASURES.values())])


def section(measure: Measure) -> str:
    """Return the section of one measure."""
    unit = "share, 0 to 1" if measure.unit == "share" else measure.unit
    facts = [
        ("Target", f"{code(measure.direction)}; the best possible value is {measure.best:g}"),
        ("Unit", unit),
        ("Counted", KINDS[measure.kind]),
        ("Likely range", measure.range_text),
        ("Left out", measure.exclusions),
        *([("Also needs", measure.minimum)] if measure.minimum else []),
    ]
    return "\n\n".join(
        [
            f"## {measure.name}",
            f"**{measure.title}.** {measure.definition}",
            f"```text\n{measure.formula}\n```",
            table(("", ""), facts),
        ]
    )
