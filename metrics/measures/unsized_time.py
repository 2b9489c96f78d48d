"""Distribute the busy time of attempts without a record count over the sized strata of the same feed and block.

An attempt that fails before a record is counted, or finds that its file was already received, has no size band (-1),
in which the other side has nothing to compare with. To leave its time out would flatter the side. Only production has
such attempts: in a replay the size of every file is known from the workload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from metrics.question import Stratum

    Floats = NDArray[np.float64]

#: The size band of files whose records were not counted.
UNSIZED = -1


def distribute_unsized_time(busy: Floats, held: Floats, strata: Sequence[Stratum]) -> Floats:
    """Return busy time (strata x blocks) with that of unsized attempts moved to sized strata of their feed and block.

    Each sized stratum receives a share in proportion to its own busy time. Time moves only from cells that delivered
    nothing (0 records held). Where the records are unknown (nan), time and records stay where they are; so does the
    time of a block in which the feed has no sized stratum.
    """
    moved = busy.copy()
    for row, (partner, feed, band) in enumerate(strata):
        if band != UNSIZED:
            continue
        others = [i for i, other in enumerate(strata) if other[:2] == (partner, feed) and other[2] != UNSIZED]
        own = np.where(np.isnan(busy[others]) | np.isnan(held[others]), 0.0, busy[others])
        total = own.sum(axis=0)
        moves = (held[row] == 0) & (busy[row] > 0) & (total > 0)
        moved[np.ix_(others, moves)] += busy[row, moves] * own[:, moves] / total[moves]
        moved[row, moves] = 0.0
    return moved
