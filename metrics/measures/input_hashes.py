"""Running hashes of the data of a window, so that a window cut at an earlier day is not hashed again.

A milestone is evaluated once per block. The hash of a column up to block `k` is the hash up to `k - 1` with block `k`
added, so all of them together cost one pass. A cell without a row adds nothing: strata and days that appear later do
not change the hash of an earlier day.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from metrics.question import Stratum


class RunningHashes:
    """The running hashes of one side's columns; `present` marks the cells (strata x blocks) that have a row."""

    def __init__(
        self,
        columns: Mapping[str, NDArray[Any]],
        present: NDArray[np.bool_],
        blocks: Sequence[tuple[str, str]],
        strata: Sequence[Stratum],
    ) -> None:
        self._columns, self._present, self._blocks, self._strata = columns, present, blocks, strata
        self._hashes: dict[str, tuple[bytes, ...]] = {}

    def of_column(self, column: str, blocks: int) -> bytes:
        """Return the hash of the values of one column of this side in the first `blocks` blocks."""
        if column not in self._hashes:
            self._hashes[column] = self._hash_column(self._columns[column])
        return self._hashes[column][blocks]

    def of_cells(self, blocks: int) -> bytes:
        """Return the hash of the days of the first `blocks` blocks and of the strata that they have."""
        if "" not in self._hashes:
            names = [repr(stratum).encode() for stratum in self._strata]
            parts = [
                repr(days).encode() + b"".join(names[i] for i in np.flatnonzero(self._present[:, b]))
                for b, days in enumerate(self._blocks)
            ]
            self._hashes[""] = _running_hashes(parts)
        return self._hashes[""][blocks]

    def of_all_columns(self, blocks: int) -> bytes:
        """Return the hash of all columns over the first `blocks` blocks, computed in one pass."""
        if "*" not in self._hashes:
            across = np.stack([np.asarray(values, dtype=float) for values in self._columns.values()]).transpose(2, 1, 0)
            present = np.ascontiguousarray(self._present.T)
            cells = np.ascontiguousarray(across)  # blocks x strata x columns
            self._hashes["*"] = _running_hashes([row[has].tobytes() for row, has in zip(cells, present, strict=True)])
        return self._hashes["*"][blocks]

    def _hash_column(self, values: NDArray[Any]) -> tuple[bytes, ...]:
        across, present = np.ascontiguousarray(values.T), np.ascontiguousarray(self._present.T)
        return _running_hashes([row[has].tobytes() for row, has in zip(across, present, strict=True)])


def _running_hashes(parts: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return the hash after each part; each part is hashed with its length in front."""
    digest, hashes = hashlib.sha256(), [b""]
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
        hashes.append(digest.digest())
    return tuple(hashes)
