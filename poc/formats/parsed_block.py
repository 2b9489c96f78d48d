"""A parsed block of a file: its valid rows as text columns, and the faults of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from poc.batch import Finding

#: Error codes of a row that is not well-formed in its format, and of one whose bytes are not valid in its encoding.
BROKEN, UNDECODABLE = "source-error", "encoding-error"

#: Row of a block, from 0 -> (code, field, sentence) of each of its faults.
Faults = dict[int, list[tuple[str, str, str]]]


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """A parsed block: its valid rows as text columns, their indices (None: all rows are valid), and all faults."""

    frame: pl.DataFrame
    valid_rows: NDArray[np.int64] | None
    faults: Faults
    notes: tuple[Finding, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows of the block, valid or not."""
        return self.frame.height + len(self.faults)
