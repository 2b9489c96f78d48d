"""Words and numbers of the method: statuses, verdicts, grades, standard faults, size bands, widths of the bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.presenters import glossary, method
from docs.generator.markdown import code, table
from metrics.store.rows import BAND_ENDS

if TYPE_CHECKING:
    from collections.abc import Iterable


def statuses() -> str:
    """Return the statuses of a milestone in the order in which they are tried."""
    return rules("Status", glossary.status_entries())


def verdicts() -> str:
    """Return the verdicts on a target."""
    return rules("Verdict", glossary.verdict_entries(block_days=7))


def grades() -> str:
    """Return the grades of evidence, the strongest first."""
    return table(("Grade", "When"), ((f"**{entry.name}**", entry.rule) for entry in glossary.grade_entries()))


def rules(head: str, entries: Iterable[glossary.GlossaryEntry]) -> str:
    """Return words with their names in JSON and their rules."""
    return table((head, "In JSON", "When"), ((f"**{entry.label}**", code(entry.name), entry.rule) for entry in entries))


def standard_faults() -> str:
    """Return the faults of both sets and how often they happen."""
    return table(("Fault", "Standard", "Stress"), method.fault_table())


def size_bands() -> str:
    """Return the size bands of files, by their records."""
    starts = (0, *(end + 1 for end in BAND_ENDS))
    ranges = [f"{first:,} to {last:,}" for first, last in zip(starts[:-1], BAND_ENDS, strict=True)]
    rows = enumerate([*ranges, f"{starts[-1]:,} and more"])
    return table(("Band", "Records in the file"), ((str(number), words) for number, words in rows))


def bound_widths() -> str:
    """Return how wide the anytime-valid bound is after some numbers of blocks, in standard errors."""
    return table(
        ("Blocks", "Half width, in standard errors"), ((str(n), width) for n, width in method.bound_facts()["widths"])
    )
