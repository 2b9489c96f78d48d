"""Compiled statements, and the changes that wait for a joined commit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from poc.errors import BadInput
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import sqlalchemy as sa


#: SQL, the names of its parameters in their order, and the values that the statement itself gives to some of them.
CompiledStatement: TypeAlias = "tuple[str, list[str], dict[str, object]]"


class Statements:
    """Compiled statements, which the connections of a process share."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[object, CompiledStatement] = {}

    def bind(
        self, statement: sa.ClauseElement, values: Sequence[Mapping[str, object]]
    ) -> tuple[str, list[list[object]]]:
        """Return the SQL of a statement, and its parameters for each of `values`, which all have the same keys."""
        key = (statement, *values[0])
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = self._compile(statement, values[0])
        text, names, fixed = compiled
        return text, [[given[name] if name in given else fixed[name] for name in names] for given in values]

    def _compile(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> CompiledStatement:
        # the columns of an INSERT or UPDATE are those that values are given for
        compiled = statement.compile(dialect=self._dialect, column_keys=list(values))
        names: list[str] = compiled.positiontup or []  # type: ignore[attr-defined] # of every compiled SQL statement
        return str(compiled), names, dict(compiled.params)


class WaitingChanges:
    """Changes that wait for the end of a joined commit, by statement. No two of them change the same row.

    The changes of a pass are the same few statements for each of its files: together they take a third of the time.
    """

    def __init__(self) -> None:
        self._values: dict[object, tuple[sa.ClauseElement, list[Mapping[str, object]]]] = {}

    def add(self, statement: sa.ClauseElement, values: Sequence[Mapping[str, object]]) -> None:
        """Add a change for each of `values`, which all have the same keys."""
        self._values.setdefault((statement, *values[0]), (statement, []))[1].extend(values)

    def take(self) -> list[tuple[sa.ClauseElement, list[Mapping[str, object]]]]:
        """Return the statements with the values of their changes; none wait from now on."""
        waiting = list(self._values.values())
        self._values.clear()
        return waiting


@contextmanager
def refuse_surrogates() -> Iterator[None]:
    """Raise BadInput for a text that no database takes: an argument of a command that is not UTF-8."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise BadInput(f"{truncate(error.object)!a} is not UTF-8") from None
