"""Change the plan of a milestone in its file: due date and budget, in place, with everything else as it was."""

from __future__ import annotations

import fcntl
import os
import re
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from roadmap.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: The line that begins a milestone, and one that begins any table.
MILESTONE, TABLE = re.compile(r"\s*\[\[\s*milestone\s*\]\]\s*(#.*)?"), re.compile(r"\s*\[")


@contextmanager
def locked_plan(path: Path) -> Iterator[None]:
    """Let nobody else change a milestone file by this module meanwhile. Raises PlanError."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise PlanError(f"{path}: cannot be changed: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def change_plan(path: Path, code: str, values: Mapping[str, Any], note: str) -> None:
    """Write values of a milestone into its file, which is replaced as a whole; `note` becomes a comment above them.

    Args:
        path: the milestone file.
        code: the milestone.
        values: dates and numbers by the key of the milestone file.
        note: one line, who changed the plan and why.

    Raises:
        PlanError: the file cannot be read or written, or is written in a way that this cannot change.
    """
    target = path.resolve()
    part = target.with_name(f".{target.name}.part")
    try:
        changed = changed_text(target.read_bytes().decode(), code, values, note)
        with part.open("wb") as file:
            file.write(changed.encode())
            file.flush()
            os.fsync(file.fileno())
        part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise PlanError(f"{path}: cannot be changed: {error.strerror}") from error
    except ValueError as error:
        raise PlanError(f"{path}: {code} cannot be changed here: {error}; change the file in an editor") from error


def changed_text(text: str, code: str, values: Mapping[str, Any], note: str) -> str:
    """Return the text of a milestone file with other values of one milestone. Raises ValueError."""
    lines = text.removesuffix("\n").split("\n")
    first, last = _keys_of(lines, code)
    comment = "# " + "".join(character if character.isprintable() else " " for character in note)
    for name, value in values.items():
        pattern = re.compile(rf"(\s*{name}\s*=\s*)([^#]*?)(\s*(?:#.*)?)")
        matches = {number: match for number in range(first, last) if (match := pattern.fullmatch(lines[number]))}
        if matches:
            place, match = next(iter(matches.items()))
            lines[place] = f"{match[1]}{value}{match[3]}"
        else:
            lines.insert(last, f"{name} = {value}")
            last += 1
    lines.insert(first, comment)
    changed = "\n".join(lines) + "\n"
    wanted = tomllib.loads(text)
    next(milestone for milestone in wanted["milestone"] if milestone["code"] == code).update(values)
    if tomllib.loads(changed) != wanted:
        raise ValueError("its keys are not one a line")
    return changed


def _keys_of(lines: list[str], code: str) -> tuple[int, int]:
    """Return the first line of the keys of a milestone, and the line after the last of them. Raises ValueError."""
    for start, line in enumerate(lines, 1):
        if not MILESTONE.fullmatch(line):
            continue
        end = next((number for number in range(start, len(lines)) if TABLE.match(lines[number])), len(lines))
        if tomllib.loads("\n".join(lines[start:end])).get("code") == code:
            while end > start and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
                end -= 1  # what stands above the next table belongs to it
            return start, end
    raise ValueError("it has no table `[[milestone]]` of its own")
