"""Quarantined rows to repair, as the front door hands them in: plain values, read from no database here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldExchange:
    """An exchange with held rows."""

    exchange_id: str
    partner: str
    feed: str
    file: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A held row as text; where `is_text` is False, it has escapes and cannot be edited here."""

    row: int
    text: str
    is_text: bool
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRows:
    """The first held rows of an exchange, and how many there are."""

    exchange: HeldExchange
    rows: tuple[HeldRow, ...]


class NotReadable(Exception):
    """Quarantined rows cannot be read; the message says why and what to do."""


#: Reads the exchanges with held rows, the newest first; raises NotReadable.
ListHeld: TypeAlias = "Callable[[], Sequence[HeldExchange]]"

#: Reads the first held rows of an exchange, by its id and the most rows; raises NotReadable.
ReadHeld: TypeAlias = "Callable[[str, int], HeldRows]"
