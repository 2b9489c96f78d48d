"""Shares of a whole: the time of a pass, which exchanges several files together, for each of them."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def share(total: int, rows: Sequence[int]) -> list[int]:
    """Return the shares of files in a total, by their rows; one without rows counts as one. Their sum is the total."""
    weights = [max(count, 1) for count in rows]
    whole = sum(weights) or 1
    return [after - before for before, after in pairwise(total * part // whole for part in (0, *accumulate(weights)))]
