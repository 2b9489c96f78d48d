"""Parse one row of a log as a run, and refuse impossible values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from metrics.events import RunEvent, RunKey, parse_subject
from metrics.importing.mapping import SIZE_UNITS, TIME_UNITS
from metrics.question import name_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metrics.importing.mapping import ColumnField, DurationField, LogMapping, NameField, SizeField, TimestampField

#: Earliest start, 1 January 1990 in UTC microseconds: no log is older, and a wrong `epoch` unit gives times in 1970.
EARLIEST_US = 631_152_000_000_000

#: Longest accepted duration; a longer one is a wrong unit.
MAX_DURATION_NS = 366 * 24 * 3600 * 10**9

#: Largest accepted count or size, far below the limit of SQLite.
MAX_COUNT = 10**15

#: A number as text; Python itself would also read `1_000`, and the digits of other alphabets.
NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnreadableRow(Exception):
    """A row that cannot be read as a run: a reason with the same text for all such rows, and the value of this row."""

    def __init__(self, reason: str, value: object = None) -> None:
        super().__init__(reason if value is None else f"{reason}: {value!r}"[:300])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RowParser:
    """Parser of rows by a mapping; a start after `now_us` (UTC microseconds) is refused."""

    mapping: LogMapping
    now_us: int
    #: columns with a time that has no zone of its own, where the mapping names none either; it is taken as UTC
    utc_columns: set[str] = field(default_factory=set)

    def parse_run(self, cells: Mapping[str, Any], fallback_id: str) -> RunEvent:
        """Parse a row as a run.

        Args:
            cells: the cells by column.
            fallback_id: the id of the row's exchange if the log has no ids.

        Raises:
            UnreadableRow: a value is missing or impossible.
        """
        mapping = self.mapping
        started_at_us = parse_timestamp(cells, mapping.started_at, "start", self.utc_columns)
        if started_at_us is None:
            raise UnreadableRow("no start")
        if started_at_us > self.now_us:
            raise UnreadableRow("start is in the future", cells[mapping.started_at.column])
        if started_at_us < EARLIEST_US:
            raise UnreadableRow("start is before 1990; is the unit of `epoch` right?", cells[mapping.started_at.column])
        due_at_us = parse_timestamp(cells, mapping.due_at, "due time", self.utc_columns) if mapping.due_at else None
        partner, feed = (_parse_name(cells, getattr(mapping, name), name) for name in ("partner", "feed"))
        try:
            system, level = parse_subject(_parse_name(cells, mapping.system, "system"))
        except ValueError as error:
            raise UnreadableRow(str(error)) from error
        exchange_id = _parse_text(cells, mapping.id)
        if mapping.id and not exchange_id:
            raise UnreadableRow("no id")
        outcome = self._outcome(cells)
        records = _parse_count(cells, mapping.records, "records")
        row_outcome = {"done": "delivered"}.get(outcome, outcome)
        day = (EPOCH + timedelta(microseconds=started_at_us)).date().isoformat()
        attempt = _parse_count(cells, mapping.attempt, "attempt")
        if attempt == 0:
            raise UnreadableRow("attempt is 0; the first is 1")
        return RunEvent(
            key=RunKey(
                system=system, level=level, mode="live", faults="real", series="", round=0,
                exchange_id=f"{partner}/{feed}/{exchange_id or fallback_id}", attempt=attempt or 1,
            ),
            release="", partner=partner, feed=feed, file=_parse_text(cells, mapping.file), block=day, block_end=day,
            due_at_us=started_at_us if due_at_us is None else due_at_us, started_at_us=started_at_us,
            duration_ns=self._duration_ns(cells, started_at_us),
            cpu_ns=_parse_quantity(cells, mapping.cpu, TIME_UNITS, "cpu", MAX_DURATION_NS * 1000),
            peak_rss_bytes=_parse_quantity(cells, mapping.memory, SIZE_UNITS, "memory", MAX_COUNT),
            outcome=outcome, error=_parse_text(cells, mapping.error), records=records,
            rows={} if records is None else {"in": records, row_outcome: records},
            bytes_in=_parse_quantity(cells, mapping.bytes_in, SIZE_UNITS, "bytes_in", MAX_COUNT),
            bytes_out=_parse_quantity(cells, mapping.bytes_out, SIZE_UNITS, "bytes_out", MAX_COUNT),
            calls=None, operator_touch=None, source="imported",
        )  # fmt: skip

    def _duration_ns(self, cells: Mapping[str, Any], started_at_us: int) -> int:
        if self.mapping.ended_at is not None:
            ended_at_us = parse_timestamp(cells, self.mapping.ended_at, "end", self.utc_columns)
            if ended_at_us is None:
                raise UnreadableRow("no end")
            if ended_at_us < started_at_us:
                raise UnreadableRow("end is before the start", cells[self.mapping.ended_at.column])
            if (ended_at_us - started_at_us) * 1000 > MAX_DURATION_NS:
                raise UnreadableRow("longer than a year", cells[self.mapping.ended_at.column])
            return (ended_at_us - started_at_us) * 1000
        duration_ns = _parse_quantity(cells, self.mapping.duration, TIME_UNITS, "duration", MAX_DURATION_NS)
        if duration_ns is None:
            raise UnreadableRow("no duration")
        return duration_ns

    def _outcome(self, cells: Mapping[str, Any]) -> str:
        source = self.mapping.outcome
        if source.column is None:
            return str(source.value)
        text = _cell_text(cells.get(source.column))
        if text not in source.meaning:
            choices = ", ".join(repr(value) for value in source.meaning)
            raise UnreadableRow(f"unknown outcome (known: {choices})", text)
        return source.meaning[text]


def parse_timestamp(cells: Mapping[str, Any], source: TimestampField, what: str, utc_columns: set[str]) -> int | None:
    """Parse a point in time as UTC microseconds; None for an empty cell.

    A time of which no zone is known is taken as UTC, and its column is added to `utc_columns`. In the hour that comes
    twice when clocks are set back, the first time is taken. Raises UnreadableRow.
    """
    value = cells.get(source.column)
    if value is None or value == "":
        return None
    if source.epoch is not None:
        number = _parse_number(value, what)
        us = int(number * TIME_UNITS[source.epoch] / 1000)
    else:
        us = _parse_calendar_us(value, source, what, utc_columns)
    if not 0 <= us < 2**53:
        raise UnreadableRow(f"{what} is before 1970 or far in the future", str(value))
    return us


def format_utc(stamp_us: int) -> str:
    """Format UTC microseconds as ISO 8601: 2013-01-31T05:00:00Z."""
    return (EPOCH + timedelta(microseconds=stamp_us)).isoformat().replace("+00:00", "Z")


def _parse_calendar_us(value: object, source: TimestampField, what: str, utc_columns: set[str]) -> int:
    if isinstance(value, str):
        text = value.strip()
        if any(char.isdigit() and not char.isascii() for char in text):
            raise UnreadableRow(f"{what} has digits that are not 0 to 9", value)
        try:
            parsed = datetime.strptime(text, source.format) if source.format else datetime.fromisoformat(text)  # noqa: DTZ007 (its zone is set below)
        except ValueError as error:
            expected = f"in the format {source.format}" if source.format else "in ISO 8601"
            raise UnreadableRow(f"{what} is not {expected}", value) from error
    elif isinstance(value, datetime):
        parsed = value
    else:
        raise UnreadableRow(f"{what} is neither text nor a time; `epoch` gives the unit of numbers", value)
    try:
        if parsed.tzinfo is None:
            if source.zone is None:
                utc_columns.add(source.column)
            parsed = parsed.replace(tzinfo=source.tz)
            if parsed.astimezone(UTC).astimezone(source.tz).replace(tzinfo=None) != parsed.replace(tzinfo=None):
                zone = source.tz.key
                raise UnreadableRow(f"{what} does not exist in {zone}, where clocks were set ahead", str(value))
        return (parsed.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
    except OverflowError as error:
        raise UnreadableRow(f"{what} is before 1970 or far in the future", str(value)) from error


def _parse_quantity(
    cells: Mapping[str, Any],
    source: DurationField | SizeField | None,
    units: Mapping[str, int],
    what: str,
    maximum: int,
) -> int | None:
    """Parse a duration in ns, or a size in bytes; None for an empty cell."""
    value = cells.get(source.column) if source else None
    if source is None or value is None or value == "":
        return None
    if isinstance(value, timedelta):
        number, unit = Decimal(value // timedelta(microseconds=1)), TIME_UNITS["us"]
    else:
        number, unit = _parse_number(value, what), units[source.unit]
    if number < 0:
        raise UnreadableRow(f"negative {what}", str(value))
    if number * unit > maximum:
        raise UnreadableRow(f"{what} is impossibly large", str(value))
    return round(number * unit)


def _parse_count(cells: Mapping[str, Any], source: ColumnField | None, what: str) -> int | None:
    value = cells.get(source.column) if source else None
    if value is None or value == "":
        return None
    number = _parse_number(value, what)
    if number < 0:
        raise UnreadableRow(f"negative {what}", str(value))
    if number != int(number) or number > MAX_COUNT:
        raise UnreadableRow(f"{what} is not a whole number, or too large", str(value))
    return int(number)


def _parse_number(value: object, what: str) -> Decimal:
    """Parse a number exactly: digits of ASCII with a decimal point, and nothing between thousands."""
    text = str(value).strip()
    if isinstance(value, bool) or not NUMBER.fullmatch(text):
        raise UnreadableRow(f"{what} is not a number", value)
    try:
        number = Decimal(text)
    except InvalidOperation as error:  # an exponent of more digits than the machine can count
        raise UnreadableRow(f"{what} is an impossible number", value) from error
    if not number.is_finite() or number.adjusted() > 40:
        raise UnreadableRow(f"{what} is an impossible number", value)
    return number


def _parse_name(cells: Mapping[str, Any], source: NameField, what: str) -> str:
    text = source.value if source.column is None else _cell_text(cells.get(source.column))
    problem = name_problem(text or "")
    if problem:
        raise UnreadableRow(f"{what} {problem}", text)
    return text or ""


def _parse_text(cells: Mapping[str, Any], source: ColumnField | None) -> str:
    text = _cell_text(cells.get(source.column)) if source else ""
    if not _is_text(text):
        raise UnreadableRow("not text in the encoding of the log; see `encoding`", text)
    return text[:2000]


def _cell_text(value: object) -> str:
    """Return a cell as text: JSON's true is "true", a whole number has no decimal point."""
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
