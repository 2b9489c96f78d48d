"""Configuration of prices: the table `[worth]` of `milepost.toml`."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import Field

from poc.config.strict import Strict

#: A price or a time above 0; a larger one is a typing error.
Amount: TypeAlias = Annotated[Decimal, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


class WorthSettings(Strict):
    """What work and machines cost, so that effort is valued: `[worth]` in `milepost.toml`. Without it, nothing is."""

    currency: str = Field(pattern=r"^\S{1,8}$", description='The currency, as people write it: `"EUR"`.')
    person_hour: Amount = Field(description="What an hour of a person costs.")
    touch_minutes: Amount = Field(
        description="How many minutes a person needs to step in once. An estimate that dominates every sum, so each is "
        "also shown at half and at double of it."
    )
    machine_hour: Amount = Field(description="What an hour of the machine costs.")
    since: date = Field(
        description="The day from which these prices hold. Other prices need a later day, and start a new series. A "
        "milestone may use only prices from before its start."
    )
