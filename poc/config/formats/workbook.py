"""Settings of Excel workbooks: which cells are the rows."""

from __future__ import annotations

from pydantic import Field

from poc.config.strict import Strict


class Workbook(Strict):
    """Where in an Excel workbook (.xlsx) the rows are."""

    sheet: str = Field(
        default="", description="The name of the sheet; by default the only one, and a file with several is refused."
    )
    header_row: int | None = Field(
        default=None,
        ge=0,
        le=1_048_576,
        description="The row of the sheet that has the names of the columns, counted from 1; by default the first row "
        "that is not empty. With 0 there is none, and the columns are those of the contract, in order.",
    )
    range: str = Field(
        default="",
        pattern=r"^([A-Z]{1,3}[1-9][0-9]{0,6}:[A-Z]{1,3}([1-9][0-9]{0,6})?)?$",
        description="The cells that are read, such as `B3:H200`, or `B3:H` down to the last row; by default all.",
    )
