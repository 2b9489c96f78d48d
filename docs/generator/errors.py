"""The errors of each package with their exit codes, and the exit codes of the gate."""

from __future__ import annotations

import re
from inspect import getmembers, isclass
from typing import TYPE_CHECKING, Any, cast

from docs.generator.markdown import code, first_sentence, table

if TYPE_CHECKING:
    from types import ModuleType


def errors() -> str:
    """Return the table of all errors that end a command, by exit code."""
    import metrics.errors
    import poc.errors
    import roadmap.errors

    rows = sorted(
        {
            (
                cast("Any", error).exit_code,
                error.__module__,
                error.__name__,
                first_sentence(error.__doc__),
                advice(module, error),
            )
            for module in (poc.errors, metrics.errors, roadmap.errors)
            for _, error in getmembers(module, isclass)
            if issubclass(error, Exception) and error.__module__ == module.__name__ and advice(module, error)
        }
    )
    return table(
        ("Code", "Error", "Means", "What to do"),
        ((str(number), code(f"{where}.{name}"), means, todo) for number, where, name, means, todo in rows),
    )


def advice(module: ModuleType, error: type[Exception]) -> str:
    """Return what the module's docstring advises for an error; empty for a base class, which is never raised."""
    line = re.search(rf"^\W*{error.__name__}\s{{2,}}(.+?)(?: \(exit \d+\))?$", module.__doc__ or "", re.MULTILINE)
    return "" if line is None or line[1].startswith("base") else line[1]


def gate_codes() -> str:
    """Return what `milepost roadmap gate` says of its exit codes."""
    from roadmap.cli.main import gate

    text = " ".join((gate.help or "").split())
    codes = re.search(r"Exit codes: (.+?)\.$", text)
    if codes is None:
        raise ValueError("`milepost roadmap gate --help` names no exit codes at its end")
    rows = [tuple(part.strip().split(" ", 1)) for part in codes[1].split(";")]
    return table(("Code", "Means"), rows)
