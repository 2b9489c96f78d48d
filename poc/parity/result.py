"""What a comparison found: counts of differences by field and cause, and examples of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The most examples of a cause.
MAX_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Example:
    """One difference: the numbers of the records on both sides, from 1, and the values; None for no value or record."""

    cause: str
    field: str
    left_record: int | None = None
    right_record: int | None = None
    left: str | None = None
    right: str | None = None
    key: tuple[str | None, ...] = ()


@dataclass(slots=True)
class Comparison:
    """What two sides have in common, and all differences, counted by field and cause.

    A difference of records, or of a field as a whole, counts once. `key` is empty where whole records are compared.
    """

    left_name: str
    right_name: str
    key: tuple[str, ...]
    left_records: int = 0
    right_records: int = 0
    equal_records: int = 0
    different_records: int = 0  #: pairs of records with the same key, or that differ in one field only
    left_unreadable: int = 0  #: rows that are no record; they are compared by their texts
    right_unreadable: int = 0
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)  #: by field and cause
    examples: dict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))  #: by cause

    def add(self, cause: str, name: str, count: int, examples: Sequence[Example] = ()) -> None:
        """Count differences of one field and cause, and keep their examples while there are few."""
        if count:
            self.differences[name, cause] += count
            kept = self.examples[cause]
            kept += examples[: MAX_EXAMPLES - len(kept)]

    def by_cause(self) -> dict[str, int]:
        """Return the number of differences of each cause that occurs."""
        counts: Counter[str] = Counter()
        for (_, cause), count in self.differences.items():
            counts[cause] += count
        return dict(counts)
