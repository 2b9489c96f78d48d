"""Durations in settings: a number and a unit, such as `"90s"`, `"15m"`, `"24h"` or `"14d"`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, TypeAlias

from pydantic import Field

#: A setting that holds a duration; `parse_duration` returns its length.
Duration: TypeAlias = Annotated[str, Field(pattern="^[1-9][0-9]{0,4}[smhd]$")]

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Return the length of a duration that its model has checked."""
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
