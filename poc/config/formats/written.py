"""Settings of files that are written: the columns of fixed-width lines, and header and trailer lines."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from poc.config.formats.fixed_width import MAX_LINE_CHARS
from poc.config.strict import Strict

#: What a trailer may name: the number of rows, or the sum of a field, with the zeros before it.
PLACEHOLDER = re.compile(r"\{(?:(rows)|sum\.([^{}:]+))(?::(0?[0-9]{1,3}))?\}")


class OutColumn(Strict):
    """One column of the lines that the partner gets; columns stand in the order of `map`."""

    width: int = Field(
        ge=1,
        le=MAX_LINE_CHARS,
        description="The number of characters. A row with a longer value is quarantined; nothing is cut off.",
    )
    align: Literal["left", "right"] = Field(default="left", description="On which side of its column a value stands.")
    fill: str = Field(
        default=" ",
        min_length=1,
        max_length=1,
        description="What fills the rest, such as `0` before a number; a minus stands before the zeros.",
    )


def check_template(template: str, names: list[str]) -> None:
    """Check a trailer that is written. Raises ValueError."""
    rest = PLACEHOLDER.sub("", template)
    if "{" in rest or "}" in rest or "\n" in rest or "\r" in rest:
        raise ValueError(f"out_trailer {template!r}: choose of {{rows}}, {{rows:06}} and {{sum.FIELD}}, in one line")
    for match in PLACEHOLDER.finditer(template):
        if match[2] and match[2] not in names:
            raise ValueError(f"out_trailer names {match[2]!r}, which the map does not write; it has {', '.join(names)}")
