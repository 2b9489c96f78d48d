"""Spool lines read back, strictly and fast: what does not say exactly what an event says is refused.

The fields and their types are those of `metrics.events`; this module stands beside it, so that what is measured need
not carry the parser.
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

#: The most that a run can take, move or count: 104 days in nanoseconds, 9 PB, and whole numbers that any reader of JSON
#: has exactly. It takes a thousand such runs of one feed in one block to sum up to more than the store can hold.
MAX_AMOUNT = 2**53

#: How far a calendar goes, in microseconds from 1970: from the year 828 to 6536, so that any sum of stamps is one.
FIRST_US, LAST_US = -(2**55), 2**57
FIRST_DAY, LAST_DAY = (date(1970, 1, 1) + timedelta(microseconds=end) for end in (FIRST_US, LAST_US))

#: A time on a calendar; and how much there is of anything, which is never less than nothing.
TimestampUs = Annotated[int, Meta(ge=FIRST_US, le=LAST_US)]
Amount = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]

#: The kinds of line that tell of a run: one when it begins, one when it has ended.
RUN_KINDS = ("start", "run")

#: The fields that are a day; those of a block stand in every kind but one.
_DAY_FIELDS = ("block", "block_end", "day")

#: What a field's annotation lets in. Strict: no text for a number, no bool for an int, no lone surrogate.
_TYPES: dict[str, Any] = {
    "str": str,
    "int": Amount,
    "int | None": Amount | None,
    "Mapping[str, int]": dict[str, Amount],
    "Mapping[str, int] | None": dict[str, Amount] | None,
}


def parse_line(line: bytes) -> tuple[str, Struct]:
    """The kind of a spool line (`start`, or one of `metrics.events.KINDS`), and what it tells under the event's names.

    Raises:
        ValueError: the line is not JSON, of no known kind, or has a field missing, unknown or of another type, a number
            that nothing has, a day that no calendar has, a block that ends before it begins, or reasons for more rows
            set aside than were.
    """
    decoder, kinds = _parser()
    try:
        told = decoder.decode(line)
    except (ValueError, RecursionError) as error:  # the second: more nested than anything that we write
        raise ValueError(f"not an event: {error}") from error
    kind, days = kinds[type(told)]
    if days and not (all(map(_is_day, days(told))) and told.block <= told.block_end):
        raise ValueError(f"not an event: of {', '.join(days(told))} one is no day, or the block ends before it begins")
    if kind in RUN_KINDS and told.aside and sum(told.aside.values()) > told.rows.get("quarantined", 0):
        raise ValueError("not an event: it has reasons for more rows set aside than were")
    return kind, told


def _struct_of(cls: type, kind: str | None, **more: Any) -> type[Struct]:
    """A struct with the fields of a dataclass, of which `more` are of other types; `kind` tells it from the others.

    It never refers to itself, so that nobody has to look through thousands of them for what can be thrown away.
    """
    wanted = [(part.name, more.get(part.name) or _type(part), *_default(part)) for part in fields(cls)]
    return defstruct(
        cls.__name__, wanted, kw_only=True, forbid_unknown_fields=True, gc=False, tag=kind, tag_field=kind and "kind"
    )


def _type(part: Field[Any]) -> Any:
    return TimestampUs if part.name.endswith("_at_us") else _TYPES[str(part.type)]


def _default(part: Field[Any]) -> tuple[Any, ...]:
    """What stands for a field that is not there; nothing where it has to be."""
    if part.default_factory is not MISSING:
        return (msgspec.field(default_factory=part.default_factory),)
    return () if part.default is MISSING else (part.default,)


def _is_day(text: str) -> bool:
    """Whether a text is a day as events tell one, of a calendar on which there are times."""
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
    """What reads a line, and of what kind each of its results is, with what tells its days."""
    key = _struct_of(RunKey, None)
    made = [(kind, _struct_of(RunEvent, kind, key=key)) for kind in RUN_KINDS]
    made += [(kind, _struct_of(cls, kind)) for kind, cls in KINDS.items() if cls is not RunEvent]
    decoder = msgspec.json.Decoder(reduce(or_, [cls for _, cls in made]))
    return decoder, {cls: (kind, _day_getter(cls)) for kind, cls in made}


def _day_getter(cls: type[Struct]) -> Callable[[Any], tuple[str, ...]] | None:
    """What tells the days of a struct; None where it has none, and none has just one."""
    names = [name for name in _DAY_FIELDS if name in cls.__struct_fields__]
    return attrgetter(*names) if names else None
