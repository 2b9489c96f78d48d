"""Time of attempts that counted no record: it is shared out, for leaving it out would flatter.

An attempt that fails before any record is counted, or finds that its file came before, falls into no size band (-1),
where no other side has anything to compare it with. Only production has such attempts: in a replay the size of every
file is known from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from metrics.question import Stratum

    Floats = NDArray[np.float64]

#: The band of files whose records nobody counted.
UNSIZED = -1


def distribute_unsized_time(busy: Floats, held: Floats, strata: Sequence[Stratum]) -> Floats:
    """Busy time (strata x blocks) with that of unsized attempts given to the sized strata of the same feed and block.

    Each gets a share in proportion to its own busy time. An unsized cell delivered nothing where it holds no record
    (0); where its records are not known (nan) its time stays where it is, as its records do. So does the time of
    a block in which the feed has nothing else: there is nothing to share it among.
    """
    found = busy.copy()
    for row, (partner, feed, band) in enumerate(strata):
        if band != UNSIZED:
            continue
        others = [i for i, other in enumerate(strata) if other[:2] == (partner, feed) and other[2] != UNSIZED]
        own = np.where(np.isnan(busy[others]) | np.isnan(held[others]), 0.0, busy[others])
        total = own.sum(axis=0)
        moves = (held[row] == 0) & (busy[row] > 0) & (total > 0)
        found[np.ix_(others, moves)] += busy[row, moves] * own[:, moves] / total[moves]
        found[row, moves] = 0.0
    return found
