"""Read a milestone file strictly; an error names the place, the value and the choices."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ValidationError,
)

from roadmap.errors import PlanError
from roadmap.plan.milestones import BLOCK_DAYS, EvidenceRules, Milestone, Plan, Target

if TYPE_CHECKING:
    from pathlib import Path


def load_plan(path: Path, block_days: int = BLOCK_DAYS) -> Plan:
    """Read a milestone file; `block_days` is how long a block of evidence is: 7 in a replay, 1 in production.

    Raises:
        PlanError: it is missing, not TOML, or says something that cannot be; one line, saying how to mend it.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = "there is no such file; `milepost init` makes one" if not path.exists() else str(error.strerror)
        raise PlanError(f"{path}: {reason}") from error
    try:
        data = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: not TOML: {error}") from error
    if "sha256" in data:
        raise PlanError(f"{path}: unknown key `sha256`; choose from schema, milestone")
    try:
        plan = Plan.model_validate(data, context={"block_days": block_days})
    except ValidationError as error:
        raise PlanError(f"{path}: {_explain(error, data)}") from error
    codes = [milestone.code for milestone in plan.milestones]
    for code in codes:
        if codes.count(code) > 1:
            raise PlanError(f"{path}: milestone {code} is there twice; give each a code of its own")
    return plan.model_copy(update={"sha256": hashlib.sha256(raw).hexdigest()})


def _explain(error: ValidationError, data: dict[str, Any]) -> str:
    """The first thing that is wrong, with its place, value and choices, and how many more there are."""
    # A key misspelt shows as one unknown and one missing; the unknown one is what people can mend.
    found = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    # A list counts as too short once what stands in it was refused; only an empty one is meant.
    found = [one for one in found if one["type"] != "too_short" or not one["input"]]
    first = found[0]
    place, key = _place(first["loc"], data), str(first["loc"][-1]) if first["loc"] else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{place}{_message(first['type'], first['msg'], key, first.get('input'), first['loc'])}{more}"


def _message(kind: str, message: str, key: str, value: object, loc: tuple[int | str, ...]) -> str:
    if kind == "extra_forbidden" and key in {"status", "result", "results"}:
        return f"`{key}` is computed from measurements, never written; delete the line"
    if kind == "extra_forbidden":
        return f"unknown key `{key}`; choose from {', '.join(_choices(loc))}"
    if kind == "missing":
        return f"`{key}` is missing"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    message = (message[:1].lower() + message[1:]).replace("tuple", "list")
    return f"`{key}` = {value if isinstance(value, bool | int | float | date) else repr(value)}: {message}"


def _choices(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where an unknown one does."""
    inside: dict[str, type[BaseModel]]
    inside = {"metric": Target, "guardrail": Target, "evidence": EvidenceRules, "milestone": Milestone}
    model: type[BaseModel] = Plan
    for part in loc[:-1]:
        model = inside.get(str(part), model)
    return [field.alias or name for name, field in model.model_fields.items() if name != "sha256"]


def _place(loc: tuple[int | str, ...], data: dict[str, Any]) -> str:
    """`milestone M2, metric busy_time_saved: `, as far as the file gives names."""
    words: list[str] = []
    here: Any = data
    for part in loc:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(part, int) and isinstance(here, dict):
            words[-1] += f" {here.get('code') or here.get('name') or part + 1}"
        elif part in {"milestone", "metric", "guardrail", "evidence"}:
            words.append(str(part))
    return f"{', '.join(words)}: " if words else ""
