"""One row of a log as a run: what the columns say, held against what can be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from metrics.events import RunEvent, RunKey, parse_subject
from metrics.importing.mapping import SIZE_UNITS, TIME_UNITS
from metrics.question import name_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metrics.importing.mapping import ColumnField, DurationField, LogMapping, NameField, SizeField, TimestampField

#: No log is older, and seconds read as milliseconds lie in 1970: 1 January 1990, in UTC microseconds.
EARLIEST_US = 631_152_000_000_000

#: The longest run that is believed; one that is longer is a mistake of units.
MAX_DURATION_NS = 366 * 24 * 3600 * 10**9

#: The largest count or size that is believed, far below what SQLite can hold.
MAX_COUNT = 10**15

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableRow(Exception):
    """A row that cannot be read as a run: why, in words that are the same for all such rows, and what stands there."""

    def __init__(self, reason: str, found: object = None) -> None:
        super().__init__(reason if found is None else f"{reason}: {found!r}"[:300])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RowParser:
    """Reads rows by a mapping; a start after `now_us` (UTC microseconds) is not believed."""

    mapping: LogMapping
    now_us: int

    def run(self, cells: Mapping[str, Any], otherwise_id: str) -> RunEvent:
        """A row as a run.

        Args:
            cells: by column.
            otherwise_id: what tells the row's exchange from others where the log has no id.

        Raises:
            UnreadableRow: it is none that can be counted.
        """
        mapping = self.mapping
        started_at_us = parse_timestamp(cells, mapping.started_at, "start")
        if started_at_us is None:
            raise UnreadableRow("no start")
        if started_at_us > self.now_us:
            raise UnreadableRow("start lies in the future", cells[mapping.started_at.column])
        if started_at_us < EARLIEST_US:
            raise UnreadableRow(
                "start lies before 1990; is the unit of `epoch` right?", cells[mapping.started_at.column]
            )
        due_at_us = parse_timestamp(cells, mapping.due_at, "due time") if mapping.due_at else None
        partner, feed = (_parse_name(cells, getattr(mapping, name), name) for name in ("partner", "feed"))
        try:
            system, level = parse_subject(_parse_name(cells, mapping.system, "system"))
        except ValueError as error:
            raise UnreadableRow(str(error)) from error
        number = _parse_text(cells, mapping.id)
        if mapping.id and not number:
            raise UnreadableRow("no id")
        outcome = self._outcome(cells)
        records = _parse_count(cells, mapping.records, "records")
        where = {"done": "delivered"}.get(outcome, outcome)
        day = (EPOCH + timedelta(microseconds=started_at_us)).date().isoformat()
        attempt = _parse_count(cells, mapping.attempt, "attempt")
        if attempt == 0:
            raise UnreadableRow("attempt is 0; the first is 1")
        return RunEvent(
            key=RunKey(
                system=system, level=level, mode="live", faults="real", series="", round=0,
                exchange_id=f"{partner}/{feed}/{number or otherwise_id}", attempt=attempt or 1,
            ),
            release="", partner=partner, feed=feed, file=_parse_text(cells, mapping.file), block=day, block_end=day,
            due_at_us=started_at_us if due_at_us is None else due_at_us, started_at_us=started_at_us,
            duration_ns=self._duration_ns(cells, started_at_us),
            cpu_ns=_parse_quantity(cells, mapping.cpu, TIME_UNITS, "cpu", MAX_DURATION_NS * 1000),
            peak_rss_bytes=_parse_quantity(cells, mapping.memory, SIZE_UNITS, "memory", MAX_COUNT),
            outcome=outcome, error=_parse_text(cells, mapping.error), records=records,
            rows={} if records is None else {"in": records, where: records},
            bytes_in=_parse_quantity(cells, mapping.bytes_in, SIZE_UNITS, "bytes_in", MAX_COUNT),
            bytes_out=_parse_quantity(cells, mapping.bytes_out, SIZE_UNITS, "bytes_out", MAX_COUNT),
            calls=None, operator_touch=None, source="imported",
        )  # fmt: skip

    def _duration_ns(self, cells: Mapping[str, Any], started_at_us: int) -> int:
        if self.mapping.ended_at is not None:
            ended_at_us = parse_timestamp(cells, self.mapping.ended_at, "end")
            if ended_at_us is None:
                raise UnreadableRow("no end")
            if ended_at_us < started_at_us:
                raise UnreadableRow("end lies before the start", cells[self.mapping.ended_at.column])
            if (ended_at_us - started_at_us) * 1000 > MAX_DURATION_NS:
                raise UnreadableRow("longer than a year", cells[self.mapping.ended_at.column])
            return (ended_at_us - started_at_us) * 1000
        found = _parse_quantity(cells, self.mapping.duration, TIME_UNITS, "duration", MAX_DURATION_NS)
        if found is None:
            raise UnreadableRow("no duration")
        return found

    def _outcome(self, cells: Mapping[str, Any]) -> str:
        asked = self.mapping.outcome
        if asked.column is None:
            return str(asked.value)
        text = _cell_text(cells.get(asked.column))
        if text not in asked.meaning:
            known = ", ".join(repr(value) for value in asked.meaning)
            raise UnreadableRow(f"unknown outcome (known: {known})", text)
        return asked.meaning[text]


def parse_timestamp(cells: Mapping[str, Any], place: TimestampField, what: str) -> int | None:
    """A point in time as UTC microseconds; None where the cell is empty.

    Of the hour that comes twice when clocks are set back, the first is meant. Raises UnreadableRow.
    """
    value = cells.get(place.column)
    if value is None or value == "":
        return None
    if place.epoch is not None:
        number = _parse_number(value, what)
        us = int(number * TIME_UNITS[place.epoch] / 1000)
    else:
        us = _parse_calendar_us(value, place, what)
    if not 0 <= us < 2**53:
        raise UnreadableRow(f"{what} lies before 1970 or far ahead", str(value))
    return us


def format_utc(stamp_us: int) -> str:
    """UTC microseconds as people and machines read them: 2013-01-31T05:00:00Z."""
    return (EPOCH + timedelta(microseconds=stamp_us)).isoformat().replace("+00:00", "Z")


def _parse_calendar_us(value: object, place: TimestampField, what: str) -> int:
    if isinstance(value, str):
        try:
            text = value.strip()
            found = datetime.strptime(text, place.format) if place.format else datetime.fromisoformat(text)  # noqa: DTZ007 (its zone comes next)
        except ValueError as error:
            wanted = f"of the form {place.format}" if place.format else "in ISO 8601"
            raise UnreadableRow(f"{what} is not {wanted}", value) from error
    elif isinstance(value, datetime):
        found = value
    else:
        raise UnreadableRow(f"{what} is neither text nor a time; `epoch` says what numbers are", value)
    try:
        if found.tzinfo is None:
            found = found.replace(tzinfo=place.tz)
            if found.astimezone(UTC).astimezone(place.tz).replace(tzinfo=None) != found.replace(tzinfo=None):
                raise UnreadableRow(f"{what} does not exist in {place.zone}, where clocks were set ahead", str(value))
        return (found.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    except OverflowError as error:
        raise UnreadableRow(f"{what} lies before 1970 or far ahead", str(value)) from error


def _parse_quantity(
    cells: Mapping[str, Any], place: DurationField | SizeField | None, units: Mapping[str, int], what: str, most: int
) -> int | None:
    """A length of time in ns, or a size in bytes; None where nothing is said."""
    value = cells.get(place.column) if place else None
    if place is None or value is None or value == "":
        return None
    if isinstance(value, timedelta):
        number, unit = Decimal(value // timedelta(microseconds=1)), TIME_UNITS["us"]
    else:
        number, unit = _parse_number(value, what), units[place.unit]
    if number < 0:
        raise UnreadableRow(f"negative {what}", str(value))
    if number * unit > most:
        raise UnreadableRow(f"{what} is larger than can be", str(value))
    return round(number * unit)


def _parse_count(cells: Mapping[str, Any], place: ColumnField | None, what: str) -> int | None:
    value = cells.get(place.column) if place else None
    if value is None or value == "":
        return None
    number = _parse_number(value, what)
    if number < 0:
        raise UnreadableRow(f"negative {what}", str(value))
    if number != int(number) or number > MAX_COUNT:
        raise UnreadableRow(f"{what} is not a whole number, or too large a one", str(value))
    return int(number)


def _parse_number(value: object, what: str) -> Decimal:
    """A finite number, exactly as it stands there."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise UnreadableRow(f"{what} is not a number", value)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise UnreadableRow(f"{what} is not a number", value) from error
    if not number.is_finite() or number.adjusted() > 40:
        raise UnreadableRow(f"{what} is not a number that can be", value)
    return number


def _parse_name(cells: Mapping[str, Any], place: NameField, what: str) -> str:
    text = place.value if place.column is None else _cell_text(cells.get(place.column))
    trouble = name_problem(text or "")
    if trouble:
        raise UnreadableRow(f"{what} {trouble}", text)
    return text or ""


def _parse_text(cells: Mapping[str, Any], place: ColumnField | None) -> str:
    text = _cell_text(cells.get(place.column)) if place else ""
    if not _is_text(text):
        raise UnreadableRow("not text in the encoding of the log; see `encoding`", text)
    return text[:2000]


def _cell_text(value: object) -> str:
    """A cell as text: JSON's true is "true", a whole number has no point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_COUNT:
        return str(int(value))
    return str(value)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
