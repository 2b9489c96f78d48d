"""Running hashes of what a window holds, so that a look at an earlier day need not hash it all again.

A milestone is looked at once a block. The hash of a column as of block `k` is the hash as of `k - 1` with block `k`
added, so all of them together cost one pass. A cell without a row adds nothing: strata that show only later, or on a
later day, do not change what an earlier day's hash was.
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
    """The running hashes of one side's columns; `present` says which cells (strata x blocks) have a row."""

    def __init__(
        self,
        columns: Mapping[str, NDArray[Any]],
        present: NDArray[np.bool_],
        blocks: Sequence[tuple[str, str]],
        strata: Sequence[Stratum],
    ) -> None:
        self._columns, self._present, self._blocks, self._strata = columns, present, blocks, strata
        self._kept: dict[str, tuple[bytes, ...]] = {}

    def at(self, column: str, blocks: int) -> bytes:
        """Hash of a column of the first `blocks` blocks."""
        if column not in self._kept:
            self._kept[column] = self._run(self._columns[column])
        return self._kept[column][blocks]

    def cells(self, blocks: int) -> bytes:
        """Hash of which strata the first `blocks` blocks have, and of their days."""
        if "" not in self._kept:
            names = [repr(stratum).encode() for stratum in self._strata]
            told = [
                repr(days).encode() + b"".join(names[i] for i in np.flatnonzero(self._present[:, b]))
                for b, days in enumerate(self._blocks)
            ]
            self._kept[""] = _running_hashes(told)
        return self._kept[""][blocks]

    def everything(self, blocks: int) -> bytes:
        """Hash of all columns of the first `blocks` blocks, in one pass."""
        if "*" not in self._kept:
            across = np.stack([np.asarray(values, dtype=float) for values in self._columns.values()]).transpose(2, 1, 0)
            there = np.ascontiguousarray(self._present.T)
            cells = np.ascontiguousarray(across)  # blocks x strata x columns
            self._kept["*"] = _running_hashes([row[has].tobytes() for row, has in zip(cells, there, strict=True)])
        return self._kept["*"][blocks]

    def _run(self, values: NDArray[Any]) -> tuple[bytes, ...]:
        across, there = np.ascontiguousarray(values.T), np.ascontiguousarray(self._present.T)
        return _running_hashes([row[has].tobytes() for row, has in zip(across, there, strict=True)])


def _running_hashes(parts: Sequence[bytes]) -> tuple[bytes, ...]:
    digest, found = hashlib.sha256(), [b""]
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
        found.append(digest.digest())
    return tuple(found)
