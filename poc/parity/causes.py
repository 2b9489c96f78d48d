"""The causes of a difference, in the order in which they are tried."""

from __future__ import annotations

#: The first cause that explains a difference is its cause. A difference of records has no field.
CAUSES = (
    "whitespace", "case", "null-or-blank", "leading-zeros", "number-format", "rounding", "date-format", "time-zone",
    "unicode-form", "order", "encoding", "field-missing", "field-extra", "row-missing", "row-extra", "row-twice",
    "value",
)  # fmt: skip
