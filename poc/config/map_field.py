"""Configuration of one field of the partner: an entry of `map` in a feed."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, TypeAlias

from pydantic import (
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    field_serializer,
    field_validator,
    model_validator,
)

from poc.config.hours import check_zone
from poc.config.strict import Strict

#: Directives of an output format: the date, the time of day, and others.
DATE_DIRECTIVES, TIME_DIRECTIVES, ZONE_DIRECTIVE = frozenset("YymdjbBaAGVu"), frozenset("HIMSpf"), "z"

#: A directive of an output format; numbers may be written without leading zeros, as in `%-d`.
DIRECTIVE = re.compile("%(-?)(.?)", re.DOTALL)
UNPADDED = frozenset("mdjHIMS")


def _dump_number(number: Decimal) -> dict[str, str]:
    """Dump a number with its own digits, and unlike a text with these digits."""
    return {"number": str(number)}


#: A value that stands in the partner file: a text, a number with its own digits, or a boolean.
Constant: TypeAlias = (
    StrictBool
    | StrictInt
    | Annotated[
        Decimal,
        WithJsonSchema({"type": "number"}),
        PlainSerializer(_dump_number, when_used="json"),
    ]
    | StrictStr
)


def _is_none(value: Any) -> bool:
    return value is None


def _is_empty(text: str) -> bool:
    return not text


class MapField(Strict):
    """One field that the partner receives, from a field of the contract (`from`), several (`join`), or none (`value`).

    Keys that came after the first release are left out of a dump where they are not set, so that the digest of
    unchanged settings stays the same.
    """

    to: str = Field(
        min_length=1, pattern=r"^[^_]", description="The partner's name of the field; it does not begin with `_`."
    )
    source: str | None = Field(default=None, alias="from", description="The field of the contract to copy.")
    join: tuple[str, ...] = Field(
        default=(),
        description="Instead of `from`: several fields, written one after the other. Where one of them is empty, the "
        "result is.",
    )
    separator: str = Field(
        default="", exclude_if=_is_empty, description="The text between two fields of `join`, such as `-`."
    )
    value: Constant | None = Field(
        default=None,
        exclude_if=_is_none,
        description="Instead of `from`: the same text, number or boolean in every row.",
    )
    times: Annotated[Decimal, WithJsonSchema({"type": "number"})] | None = Field(
        default=None,
        max_digits=30,
        decimal_places=20,
        description="Multiply the value of `from` by this number, exactly.",
    )
    decimals: int = Field(
        default=3,
        ge=0,
        le=9,
        description="Round the product to so many decimals, half to even; zeros at its end are not written. To round "
        "only, write `times = 1`.",
    )
    plus_minutes: str | None = Field(
        default=None, description="A field that holds minutes; add them to the datetime in `from`."
    )
    format: str | None = Field(
        default=None,
        exclude_if=_is_none,
        description="How a date, time or datetime is written, such as `%d.%m.%Y %H:%M`; ISO 8601 by default. A "
        "datetime that has a time zone is written in UTC, or in `zone`.",
    )
    zone: str | None = Field(
        default=None,
        exclude_if=_is_none,
        description="The time zone in which a datetime is written, such as `Europe/Berlin`. One without a time zone "
        "stays as it is.",
    )
    lookup: dict[str, str] | None = Field(
        default=None,
        min_length=1,
        exclude_if=_is_none,
        description='Replace each text of `from` or `join` by another one, such as `{ A = "1", B = "2" }`. A row '
        "whose text is not listed is quarantined.",
    )
    lookup_file: str | None = Field(
        default=None,
        pattern=r"^[^\x00]+$",
        exclude_if=_is_none,
        description="Instead of `lookup`: a CSV file in UTF-8 with a header and two columns, the text and its "
        "replacement. The path is relative to the workspace.",
    )
    lookup_default: str | None = Field(
        default=None,
        exclude_if=_is_none,
        description="What a text that is not listed is replaced by; the row is not quarantined then.",
    )
    default: Constant | None = Field(
        default=None,
        exclude_if=_is_none,
        description="What the partner gets where the result is empty; of the type that the field has otherwise.",
    )

    @field_serializer("times", when_used="json-unless-none")
    def _dump_times(self, times: Decimal) -> float | str:
        """Dump a number as earlier releases did, so that the digest of unchanged settings stays the same."""
        number = float(times)
        return number if Decimal(repr(number)) == times else str(times)

    @field_validator("value", "default", mode="before")
    @classmethod
    def _is_constant(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, str | int | float | Decimal):
            raise ValueError("must be a text, a number or a boolean; write a date in quotes")
        if isinstance(value, float | Decimal) and not isfinite(value):
            raise ValueError("must be a finite number, as JSON has no other; or write it in quotes, as a text")
        return value

    @field_validator("format")
    @classmethod
    def _has_known_directives(cls, text: str | None) -> str | None:
        directives = list(DIRECTIVE.finditer(text or ""))
        if text is not None and not any(match[2] != "%" for match in directives):
            raise ValueError("has no directive; write one like '%d.%m.%Y'")
        allowed = DATE_DIRECTIVES | TIME_DIRECTIVES | {ZONE_DIRECTIVE, "%"}
        for flag, letter in (match.groups() for match in directives):
            if letter not in (UNPADDED if flag else allowed):
                choices = [f"%{name}" for name in sorted(allowed, key=str.lower)] + ["%-d", "%-m", "%-H"]
                raise ValueError(f"`%{flag}{letter}` is not supported; there are {', '.join(choices)}")
        return text

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        return None if zone is None else check_zone(zone)

    @model_validator(mode="after")
    def _has_one_source(self) -> MapField:
        sources = [self.source is not None, bool(self.join), self.value is not None]
        if sum(sources) != 1:
            raise ValueError(f"field {self.to!r} needs one of `from`, `join` and `value`")
        if self.join and (self.times is not None or self.plus_minutes is not None):
            raise ValueError(f"field {self.to!r}: `times` and `plus_minutes` go with `from`, not with `join`")
        if self.times is not None and self.plus_minutes is not None:
            raise ValueError(f"field {self.to!r} has both `times` and `plus_minutes`; choose one")
        return self

    @model_validator(mode="after")
    def _keys_go_together(self) -> MapField:
        given = {
            "times": self.times,
            "plus_minutes": self.plus_minutes,
            "separator": self.separator or None,
            "format": self.format,
            "zone": self.zone,
            "lookup": self.lookup,
            "lookup_file": self.lookup_file,
            "default": self.default,
        }
        keys = [key for key, setting in given.items() if setting is not None]
        if self.value is not None and keys:
            raise ValueError(f"field {self.to!r}: `{keys[0]}` does not go with `value`")
        if self.separator and not self.join:
            raise ValueError(f"field {self.to!r}: `separator` goes with `join`")
        if self.join and (key := next((key for key in ("format", "zone") if key in keys), "")):
            raise ValueError(f"field {self.to!r}: `{key}` goes with `from`, not with `join`")
        both = [key for key in keys if key in {"times", "format", "zone", "lookup", "lookup_file"}]
        if len(both) > 1 and both != ["format", "zone"]:
            raise ValueError(f"field {self.to!r} has both `{both[0]}` and `{both[1]}`; choose one")
        if self.plus_minutes is not None and self.has_lookup:
            raise ValueError(f"field {self.to!r}: a look-up does not go with `plus_minutes`")
        if self.lookup_default is not None and not self.has_lookup:
            raise ValueError(f"field {self.to!r}: `lookup_default` goes with `lookup` or `lookup_file`")
        return self

    @property
    def has_lookup(self) -> bool:
        """Whether its texts are replaced."""
        return self.lookup is not None or self.lookup_file is not None

    @property
    def note(self) -> str:
        """What is valid and may mean something else than its author expects; empty if there is nothing."""
        if "decimals" in self.model_fields_set and self.times is None:
            return f"field {self.to!r} has `decimals` without `times` and is not rounded; add `times = 1`"
        return ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The contract fields that it reads."""
        return tuple(name for name in (self.source, *self.join, self.plus_minutes) if name)
