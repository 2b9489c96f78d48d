"""Cache of cells: texts of a column that were checked before, and what was made of them.

A text that satisfies every rule of its field does so in each file, and the partner gets the same for it. So a text is
checked and mapped once, by the contract and the map themselves, and looked up from then on. One that breaks a rule is
never cached.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from poc.batch import ROW
from poc.contract.datetime_formats import standard_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from poc.batch import Finding
    from poc.contract.contract import ContractField

#: An integer that is written as its value is, and fits into 64 bits.
PLAIN_INTEGER = re.compile("0|-?[1-9][0-9]{0,17}")

#: The most texts of one column that are cached, and the most characters of them, except for those of a single file.
MAX_TEXTS, MAX_CHARS = 4096, 1 << 20


class ValueMaker(NamedTuple):
    """Functions that make the values of the texts of a column.

    `of_typed` takes a frame of `_row` and the typed column, of any type. At a tenth of the cost, `of_plain` takes
    integers or strings, None for a missing value, and `of_times` takes standard datetimes, in seconds since 1970 and as
    texts. They return None if one of the values cannot be made.
    """

    of_typed: Callable[[pl.DataFrame], Sequence[Any] | None]
    of_plain: Callable[[list[Any]], Sequence[Any] | None] | None = None
    of_times: Callable[[list[int], list[str]], Sequence[Any]] | None = None


class CellCache:
    """The checked texts of one column.

    Args:
        field: the contract's field.
        missing: texts that mean a missing value in it.
        makers: make the values that are looked up.
        is_plain: whether its values are strings, or integers without options.

    Attributes:
        tells_apart: whether different texts of those that are cached have different values, or mean a missing one.
    """

    def __init__(
        self, field: ContractField, missing: frozenset[str], makers: Sequence[ValueMaker], *, is_plain: bool = False
    ) -> None:
        self._field = field
        self._missing = missing
        self._makers = tuple(makers)
        self.tells_apart = True
        self._chars = 0
        self._values: tuple[dict[str, Any], ...] = tuple({} for _ in makers)
        self._checked: set[str] = set()  # where no maker is
        is_datetime = field.type == "datetime" and field.format == "default" and not field.constraints
        of_times = [make.of_times for make in makers if make.of_times is not None]
        self._of_times = of_times if is_datetime and len(of_times) == len(makers) else None
        of_plain = [make.of_plain for make in makers if make.of_plain is not None]
        self._of_plain = of_plain if is_plain and len(of_plain) == len(makers) else None

    def look_up(self, texts: list[str]) -> list[Any] | None:
        """Return what the first maker made of each text, or the texts if there is no maker.

        Returns None if a text breaks the contract; else, `values` has what the other makers made of them.
        """
        if not self._values:
            return texts if self._checked.issuperset(texts) or self._add(texts) else None
        value_of = self._values[0].__getitem__
        try:
            return list(map(value_of, texts))
        except KeyError:
            return list(map(value_of, texts)) if self._add(texts) else None

    def values(self, maker: int, texts: list[str]) -> list[Any]:
        """Return what a maker made of each text. Raises KeyError for one that was not checked."""
        return list(map(self._values[maker].__getitem__, texts))

    def _add(self, texts: list[str]) -> bool:
        """Check and cache the texts that are new; return False if any of them breaks the contract."""
        cached: Collection[str] = self._values[0] if self._values else self._checked
        new = list(set(texts).difference(cached))
        chars = sum(map(len, new))
        if len(cached) + len(new) > MAX_TEXTS or self._chars + chars > MAX_CHARS:  # most are of other files
            new = list(set(texts))
            self._checked.clear()
            self._chars, chars = 0, sum(map(len, new))
            for values in self._values:
                values.clear()
        made = self._make_of_times(new) or self._make_of_plain(new)
        if made is None:
            self.tells_apart = False
            made = self._make(new)
        if made is None:
            return False
        if self._values:
            for values, of_maker in zip(self._values, made, strict=True):
                values.update(zip(new, of_maker, strict=True))
        else:
            self._checked.update(new)
        self._chars += chars
        return True

    def _make_of_times(self, new: list[str]) -> list[Sequence[Any]] | None:
        """Return the values of standard datetimes; None if a text is no such datetime, or a maker cannot take them."""
        if self._of_times is None or not self._missing.isdisjoint(new):
            return None
        seconds = [standard_seconds(text) for text in new]
        exact = [second for second in seconds if second is not None]
        return [make(exact, new) for make in self._of_times] if len(exact) == len(new) else None

    def _make_of_plain(self, new: list[str]) -> list[Sequence[Any]] | None:
        """Return the values of strings or plain integers; None if one is neither, or breaks the contract."""
        if self._of_plain is None:
            return None
        field, missing = self._field, self._missing
        present: list[Any] = [text for text in new if text not in missing]
        if field.required_code and len(present) < len(new):
            return None
        values: list[Any] = [None if text in missing else text for text in new]
        if field.type == "integer":
            if not all(map(PLAIN_INTEGER.fullmatch, present)):
                return None
            values = [None if text is None else int(text) for text in values]
            present = [value for value in values if value is not None]
        if not field.allows(present):
            return None
        made = [of_maker for make in self._of_plain if (of_maker := make(values)) is not None]
        return made if len(made) == len(self._of_plain) else None

    def _make(self, new: list[str]) -> list[Sequence[Any]] | None:
        """Return the values of texts, one sequence for each maker; None if one breaks the contract or has no value."""
        field = self._field
        numbers = pl.int_range(1, len(new) + 1, dtype=pl.get_index_type(), eager=True).alias(ROW)
        cells = pl.Series(field.name, [None if text in self._missing else text for text in new], dtype=pl.String)
        typed = field.parse(cells)
        findings: list[Finding] = []
        field.check(numbers, cells, typed, findings)
        if findings:
            return None
        frame = pl.DataFrame([numbers, typed])
        made = [values for make in self._makers if (values := make.of_typed(frame)) is not None]
        return made if len(made) == len(self._makers) else None
