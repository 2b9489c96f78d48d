"""The names of the causes, in the order in which they are tried."""

from __future__ import annotations

#: Causes of a difference between two values of the same field of the same record.
VALUE_CAUSES = (
    "whitespace", "case", "null-or-blank", "leading-zeros", "number-format", "rounding", "date-format", "time-zone",
    "unicode-form", "order", "encoding",
)  # fmt: skip

#: Causes of a difference of fields, and of records. Missing: only the left side has it; extra: only the right one.
FIELD_CAUSES = ("field-missing", "field-extra")
RECORD_CAUSES = ("row-missing", "row-extra", "row-twice")

#: The first cause that explains a difference is its cause; `value` is that of a difference that no other one explains.
CAUSES = (*VALUE_CAUSES, *FIELD_CAUSES, *RECORD_CAUSES, "value")

#: The cause of the same difference with the sides exchanged, where it is another one.
SWAPPED = {
    "field-missing": "field-extra",
    "field-extra": "field-missing",
    "row-missing": "row-extra",
    "row-extra": "row-missing",
}
