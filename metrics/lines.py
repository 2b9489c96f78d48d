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

#: The most that a run can take, move or count: 104 days in nanoseconds, 9 PB, and whole numbers that any reader of JSON
#: has exactly. It takes a thousand such runs of one feed in one block to sum up to more than the store can hold.
MOST = 2**53

#: How far a calendar goes, in microseconds from 1970: from the year 828 to 6536, so that any sum of stamps is one.
FIRST_US, LAST_US = -(2**55), 2**57

#: A time on a calendar; and how much there is of anything, which is never less than nothing.
Stamp = Annotated[int, Field(ge=FIRST_US, le=LAST_US)]
Amount = Annotated[int, Field(ge=0, le=MOST)]

#: What a field's annotation lets in. Strict: no text for a number, no bool for an int, no lone surrogate.
_TYPES: dict[str, Any] = {
    "str": str,
    "int": Amount,
    "int | None": Amount | None,
    "Mapping[str, int]": dict[str, Amount],
    "Mapping[str, int] | None": dict[str, Amount] | None,
}


def from_line(line: bytes) -> tuple[str, BaseModel]:
    """The kind of a spool line (`start`, or one of `metrics.events.KINDS`), and what it tells under the event's names.

    Raises:
        ValueError: the line is not JSON, of no known kind, or has a field missing, unknown or of another type, a number
            that nothing has, or reasons for more rows set aside than were.
    """
    try:
        told = _adapter().validate_json(line)
    except ValidationError as error:
        raise ValueError(f"not an event: {error.errors(include_url=False)[0]['msg']}") from error
    aside = getattr(told, "aside", None)
    if aside and sum(aside.values()) > told.rows.get("quarantined", 0):
        raise ValueError("not an event: it has reasons for more rows set aside than were")
    return str(told.kind), told


def _model(cls: type, **more: Any) -> Any:
    """A model with the fields of a dataclass, and `more` besides."""
    wanted: dict[str, Any] = dict(more)
    for part in fields(cls):
        own = Stamp if part.name.endswith("_at_us") else _TYPES.get(str(part.type))
        kind = more.get(part.name, (own,))[0]
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
