"""Dispositions: what was decided about a class of differences, in `parity/<partner>.toml`, reviewed like code.

A disposition matches differences by feed, field and cause. The first that matches and has not expired explains them;
what none explains is unexplained. One that has expired explains nothing.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from metrics.private_files import open_private
from poc.config.strict import Strict
from poc.config.workspace import explain_validation_error, parse_toml
from poc.errors import BadInput
from poc.parity.causes.names import CAUSES, RECORD_CAUSES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: What may be decided. Only `accept` says that a difference may stay.
DECISIONS = ("accept", "fix-here", "fix-there", "ask-partner")


class Disposition(Strict):
    """What was decided about some differences: one table `[[disposition]]`."""

    feed: str = Field(default="*", min_length=1, description="The feeds that it is about, as a pattern such as `ord*`.")
    field: str = Field(
        default="*",
        min_length=1,
        description="The partner's fields that it is about, as a pattern. `*` is also about differences of records, "
        "which have no field.",
    )
    cause: str = Field(description="The cause of the differences, such as `rounding`.")
    decision: Literal["accept", "fix-here", "fix-there", "ask-partner"] = Field(
        description="`accept`: the difference may stay. `fix-here`: the service is wrong. `fix-there`: the monolith is "
        "wrong. `ask-partner`: the partner has to say."
    )
    reason: str = Field(min_length=1, description="Why, for the next person who reads it.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    until: date | None = Field(
        default=None,
        description="The last day on which it explains anything; `accept` has one.",
    )

    @field_validator("cause")
    @classmethod
    def _is_a_cause(cls, cause: str) -> str:
        if cause not in CAUSES:
            raise ValueError(f"unknown cause {cause!r}; choose one of {', '.join(CAUSES)}")
        return cause

    @field_validator("reason", "owner")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("is blank")
        return text

    @model_validator(mode="after")
    def _ends(self) -> Disposition:
        if self.decision == "accept" and self.until is None:
            raise ValueError("an accepted difference needs a last day: add `until`, such as `until = 2027-03-31`")
        return self

    def explains(self, feed: str, name: str, cause: str, today: date) -> bool:
        """Return whether it explains a difference of a feed on a day."""
        return (
            cause == self.cause
            and fnmatchcase(feed, self.feed)
            and fnmatchcase(name, self.field)
            and not self.has_expired(today)
        )

    def has_expired(self, today: date) -> bool:
        """Return whether its last day is over."""
        return self.until is not None and today > self.until


class Dispositions(Strict):
    """The dispositions of one partner: `parity/<partner>.toml`."""

    version: Literal[1] = Field(alias="schema", description="Version of this file's format.")
    disposition: tuple[Disposition, ...] = Field(default=(), description="One table `[[disposition]]` for each.")

    def find(self, feed: str, name: str, cause: str, today: date) -> Disposition | None:
        """Return the disposition that explains a difference, None for one that is unexplained."""
        return next((each for each in self.disposition if each.explains(feed, name, cause, today)), None)

    def judge(self, feed: str, differences: Mapping[tuple[str, str], int], today: date) -> Judgement:
        """Return which of a feed's differences, counted by field and cause, are explained on a day."""
        judgement = Judgement(single_records(differences))
        for (name, cause), count in differences.items():
            found = self.find(feed, name, cause, today)
            if found is None:
                judgement.unexplained[name, cause] += count
            elif found.decision == "accept":
                judgement.accepted[name, cause] += count
            else:
                judgement.to_fix[name, cause] += count
        return judgement


def single_records(differences: Mapping[tuple[str, str], int]) -> int:
    """Return how many records have no partner on the other side."""
    return sum(count for (_, cause), count in differences.items() if cause in RECORD_CAUSES)


class Judgement:
    """Differences by field and cause: unexplained, accepted, and to be fixed."""

    def __init__(self, single_records: int) -> None:
        self.single_records = single_records  #: records that only one side has, or has once more
        self.unexplained: Counter[tuple[str, str]] = Counter()
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.to_fix: Counter[tuple[str, str]] = Counter()

    def unexplained_by_cause(self) -> dict[str, int]:
        """Return the number of unexplained differences of each cause, in the order of the causes."""
        counts: Counter[str] = Counter()
        for (_, cause), count in self.unexplained.items():
            counts[cause] += count
        return {cause: counts[cause] for cause in CAUSES if counts[cause]}


def dispositions_file(root: Path, partner: str) -> Path:
    """Return the file of a partner's dispositions."""
    return root / "parity" / f"{partner}.toml"


def load_dispositions(root: Path, partner: str) -> Dispositions:
    """Load the dispositions of a partner; none where there is no file.

    Raises:
        BadInput: the file cannot be used; the message names the key and the choices.
    """
    path = dispositions_file(root, partner)
    return parse_toml(Dispositions, path) if path.exists() else Dispositions(schema=1)


def disposition_problems(root: Path) -> list[str]:
    """Return all mistakes in the files of dispositions of a workspace."""
    problems: list[str] = []
    for path in sorted((root / "parity").glob("*.toml")):
        try:
            load_dispositions(root, path.stem)
        except BadInput as error:
            problems += error.mistakes
    return problems


def make_disposition(**values: object) -> Disposition:
    """Return a disposition. Raises BadInput, which names what is wrong and the choices."""
    try:
        return Disposition.model_validate(values)
    except ValidationError as error:
        mistake = error.errors()[0]
        place = ".".join(map(str, mistake["loc"]))
        raise BadInput(f"{f'--{place}: ' if place else ''}{mistake['msg'].removeprefix('Value error, ')}") from error


def add_disposition(root: Path, partner: str, new: Disposition) -> Path:
    """Append a disposition to the partner's file, whose other lines stay as they are, and return the file.

    Raises:
        BadInput: the file cannot be used as it is; nothing was changed.
    """
    path = dispositions_file(root, partner)
    load_dispositions(root, partner)
    before = path.read_text("utf-8") if path.exists() else "schema = 1\n"
    lines = [f"{name} = {toml_value(value)}" for name, value in new.model_dump(exclude_none=True).items()]
    text = before.rstrip("\n") + "\n\n[[disposition]]\n" + "\n".join(lines) + "\n"
    try:
        Dispositions.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise BadInput(explain_validation_error(path, Dispositions, error)[0]) from error
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    with open(unfinished, "w", encoding="utf-8", opener=open_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return path


def toml_value(value: object) -> str:
    """Return a text or a day as TOML."""
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
