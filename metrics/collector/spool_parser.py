"""Parse spool lines strictly and fast: a line that is not exactly an event is refused.

The fields and their types are those of `metrics.events`. The parser is a module of its own, so that a measured program
does not load it.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from datetime import date, timedelta
from functools import cache, lru_cache, reduce
from operator import attrgetter, or_
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, Struct, defstruct

from metrics.events import KINDS, RunEvent, RunKey

if TYPE_CHECKING:
    from collections.abc import Callable

#: Largest duration, size or count of a run: 104 days in nanoseconds, 9 PB, and the integers that every JSON reader
#: represents exactly. Only a thousand such runs of one feed in one block sum up to more than the store can hold.
MAX_AMOUNT = 2**53

#: First and last timestamp, in microseconds since 1970: years 828 to 6536, so that sums of timestamps stay in range.
FIRST_US, LAST_US = -(2**55), 2**57
FIRST_DAY, LAST_DAY = (date(1970, 1, 1) + timedelta(microseconds=end) for end in (FIRST_US, LAST_US))

#: A point in time; and an amount, which is never negative.
TimestampUs = Annotated[int, Meta(ge=FIRST_US, le=LAST_US)]
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]

#: Kinds of line about a run: one when it begins, one when it has ended.
RUN_KINDS = ("start", "run")

#: Fields that are days; every kind of event but one has those of a block.
_DAY_FIELDS = ("block", "block_end", "day")

#: Accepted types by a field's annotation. Strict: no text for a number, no bool for an int, no lone surrogate.
_TYPES: dict[str, Any] = {
    "str": str,
    "int": Amount,
    "int | None": Amount | None,
    "Mapping[str, int]": dict[str, Amount],
    "Mapping[str, int] | None": dict[str, Amount] | None,
}


def parse_line(line: bytes) -> tuple[str, Struct]:
    """Return the kind of a spool line (`start`, or one of `metrics.events.KINDS`), and a struct of its fields.

    Raises:
        ValueError: the line is not JSON, or of an unknown kind; a field is missing, unknown or of another type; a
            number or day is out of range; a block ends before it begins; or more rows have a quarantine reason than
            were quarantined.
    """
    decoder, kinds = _parser()
    try:
        event = decoder.decode(line)
    except (ValueError, RecursionError) as error:  # RecursionError: nested deeper than any event
        raise ValueError(f"not an event: {error}") from error
    kind, days = kinds[type(event)]
    if days and not (all(map(_is_day, days(event))) and event.block <= event.block_end):
        raise ValueError(
            f"not an event: one of {', '.join(days(event))} is not a day, or the block ends before it begins"
        )
    if kind in RUN_KINDS and event.aside and sum(event.aside.values()) > event.rows.get("quarantined", 0):
        raise ValueError("not an event: more rows have a quarantine reason than were quarantined")
    return kind, event


def _struct_of(cls: type, kind: str | None, **more: Any) -> type[Struct]:
    """Define a struct with the fields of a dataclass; `more` has other types for some fields, `kind` is its tag.

    Its instances have no reference cycles, so the garbage collector need not track them (`gc=False`).
    """
    struct_fields = [(part.name, more.get(part.name) or _type(part), *_default(part)) for part in fields(cls)]
    return defstruct(
        cls.__name__,
        struct_fields,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
        tag=kind,
        tag_field=kind and "kind",
    )


def _type(part: Field[Any]) -> Any:
    return TimestampUs if part.name.endswith("_at_us") else _TYPES[str(part.type)]


def _default(part: Field[Any]) -> tuple[Any, ...]:
    """Return the default of a field; empty if the field is required."""
    if part.default_factory is not MISSING:
        return (msgspec.field(default_factory=part.default_factory),)
    return () if part.default is MISSING else (part.default,)


def _is_day(text: str) -> bool:
    """Tell whether a text is an ISO day in the range of timestamps."""
    return len(text) == len("2013-01-01") and _is_calendar_day(text)


@lru_cache(maxsize=1000)
def _is_calendar_day(text: str) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    return day.isoformat() == text and FIRST_DAY <= day <= LAST_DAY


@cache
def _parser() -> tuple[msgspec.json.Decoder[Any], dict[type, tuple[str, Callable[[Any], tuple[str, ...]] | None]]]:
    """Return the decoder of lines; and for each struct its kind, and the getter of its days."""
    key = _struct_of(RunKey, None)
    structs = [(kind, _struct_of(RunEvent, kind, key=key)) for kind in RUN_KINDS]
    structs += [(kind, _struct_of(cls, kind)) for kind, cls in KINDS.items() if cls is not RunEvent]
    decoder = msgspec.json.Decoder(reduce(or_, [cls for _, cls in structs]))
    return decoder, {cls: (kind, _day_getter(cls)) for kind, cls in structs}


def _day_getter(cls: type[Struct]) -> Callable[[Any], tuple[str, ...]] | None:
    """Return the getter of the days of a struct; None if it has none (no struct has exactly one)."""
    names = [name for name in _DAY_FIELDS if name in cls.__struct_fields__]
    return attrgetter(*names) if names else None
