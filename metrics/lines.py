"""Spool lines read back, strictly and fast: what does not say exactly what an event says is refused.

The fields and their types are those of `metrics.events`; this module stands beside it, so that what is measured need
not carry the parser.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from metrics.events import KINDS, RunEvent, RunKey

#: A whole number that the store can hold.
Count = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]

#: What a field's annotation lets in. Strict: no text for a number, no bool for an int, no lone surrogate.
_TYPES: dict[str, Any] = {
    "str": str,
    "int": Count,
    "int | None": Count | None,
    "Mapping[str, int]": dict[str, Count],
    "Mapping[str, int] | None": dict[str, Count] | None,
}


def from_line(line: bytes) -> tuple[str, BaseModel]:
    """The kind of a spool line (`start`, or one of `metrics.events.KINDS`), and what it tells under the event's names.

    Raises:
        ValueError: the line is not JSON, of no known kind, or has a field missing, unknown or of another type.
    """
    try:
        told = _adapter().validate_json(line)
    except ValidationError as error:
        raise ValueError(f"not an event: {error.errors(include_url=False)[0]['msg']}") from error
    return str(told.kind), told


def _model(cls: type, **more: Any) -> Any:
    """A model with the fields of a dataclass, and `more` besides."""
    wanted: dict[str, Any] = dict(more)
    for part in fields(cls):
        kind = more.get(part.name, (_TYPES.get(str(part.type)),))[0]
        if part.default_factory is not MISSING:
            wanted[part.name] = (kind, Field(default_factory=part.default_factory))
        else:
            wanted[part.name] = (kind, ... if part.default is MISSING else part.default)
    return create_model(cls.__name__, __config__=ConfigDict(strict=True, extra="forbid"), **wanted)


@cache
def _adapter() -> TypeAdapter[Any]:
    run = _model(RunEvent, kind=(Literal["run", "start"], ...), key=(_model(RunKey), ...))
    others = (_model(cls, kind=(Literal[name], ...)) for name, cls in KINDS.items() if cls is not RunEvent)
    told: Any = Union[(run, *others)]
    return TypeAdapter(Annotated[told, Field(discriminator="kind")])
