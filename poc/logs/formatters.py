"""The two forms of a log line: text for people, and JSON for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from metrics.terminal import escape_control_characters

#: The attribute of a log record that holds its fields.
FIELDS = "milepost_fields"


def with_fields(**fields: Any) -> dict[str, dict[str, Any]]:
    """Return the argument `extra` of a logging call that gives a line its fields."""
    return {FIELDS: fields}


def format_time(record: logging.LogRecord) -> str:
    """Return the time of a line in UTC, to the millisecond, as RFC 3339 writes it."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    """A line such as `2026-03-29T12:00:00.000Z INFO exchange AA/flights orders.csv (3f2a9c1b): done`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line; control characters are escaped."""
        event = getattr(record, FIELDS, {}).get("event", "message")
        return escape_control_characters(f"{format_time(record)} {record.levelname} {event} {record.getMessage()}")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `ts`, `level`, `event`, the fields of the event, and `message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line."""
        fields = {"event": "message", **getattr(record, FIELDS, {})}
        head = {"ts": format_time(record), "level": record.levelname.lower()}
        return json.dumps({**head, **fields, "message": record.getMessage()}, ensure_ascii=True, default=str)
