"""A part of a window: some of its strata, to ask of one partner or feed what is asked of all.

The rollups of a question are read once, and cut; asking the store anew for each would read them as often as there are
partners.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.measures.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence


class Part(Window):
    """A window of some strata. It is shown and not kept, so that what it rests on need not be hashed."""

    __slots__ = ()

    def sha256(self, *names: str) -> str:
        """Nothing."""
        del names
        return ""


def part(window: Window, places: Sequence[int]) -> Part:
    """The strata of a window that stand at these places."""
    rows = np.array(places, dtype=np.intp)
    whole: dict[str, Any] = {one.name: getattr(window, one.name) for one in fields(window)}
    grids = {
        name: {column: values[rows] for column, values in whole[name].items()}
        for name in ("subject", "control", "history")
    }
    sides = {name: tuple(cells.of(rows) for cells in whole[name]) for name in ("both", "apart")}
    own = {name: whole[name][rows] for name in ("weights", "imported", "same_inputs")}
    return Part(**(whole | grids | sides | own | {"strata": tuple(window.strata[place] for place in places)}))
