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
from roadmap.plan.milestones import BLOCK_DAYS, Milestone, Plan
from roadmap.plan.targets import CheckinRules, EvidenceRules, Target

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails


def load_plan(path: Path, block_days: int = BLOCK_DAYS) -> Plan:
    """Read a milestone file; `block_days` is the length of a block: 7 in a replay, 1 in production.

    Raises:
        PlanError: it is missing, not TOML, or invalid; one line that says how to correct it.
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
        mistakes = [f"{path}: {text}" for text in _explain(error, data)]
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        raise PlanError(f"{mistakes[0]}{more}", mistakes) from error
    codes = [milestone.code for milestone in plan.milestones]
    for code in codes:
        if codes.count(code) > 1:
            raise PlanError(f"{path}: milestone {code} occurs twice; give each milestone its own code")
    return plan.model_copy(update={"sha256": hashlib.sha256(raw).hexdigest()})


def _explain(error: ValidationError, data: dict[str, Any]) -> list[str]:
    """Return each error with its place, value and choices."""
    # a misspelt key gives two errors, one unknown and one missing key; the unknown key is the one to correct
    errors = sorted(error.errors(include_url=False), key=lambda detail: detail["type"] != "extra_forbidden")
    # pydantic calls a list too short once its items were refused; only an empty list is too short
    errors = [detail for detail in errors if detail["type"] != "too_short" or not detail["input"]]
    return [_explain_detail(detail, data) for detail in errors]


def _explain_detail(detail: ErrorDetails, data: dict[str, Any]) -> str:
    place, key = _place(detail["loc"], data), str(detail["loc"][-1]) if detail["loc"] else ""
    return f"{place}{_message(detail['type'], detail['msg'], key, detail.get('input'), detail['loc'])}"


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
    """Return the keys that are valid in the place of an unknown one."""
    inside: dict[str, type[BaseModel]]
    inside = {"metric": Target, "guardrail": Target, "evidence": EvidenceRules, "milestone": Milestone}
    inside["checkin"] = CheckinRules
    model: type[BaseModel] = Plan
    for part in loc[:-1]:
        model = inside.get(str(part), model)
    return [field.alias or name for name, field in model.model_fields.items() if name != "sha256"]


def _place(loc: tuple[int | str, ...], data: dict[str, Any]) -> str:
    """Return a place as `milestone M2, metric busy_time_saved: `, as far as the file gives names."""
    words: list[str] = []
    value: Any = data
    for part in loc:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            break
        if isinstance(part, int) and isinstance(value, dict):
            words[-1] += f" {value.get('code') or value.get('name') or part + 1}"
        elif part in {"milestone", "metric", "guardrail", "evidence", "checkin"}:
            words.append(str(part))
    return f"{', '.join(words)}: " if words else ""
