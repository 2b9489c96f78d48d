"""Configuration of alerts: the table `[alerts]` of `milepost.toml`."""

from __future__ import annotations

from pydantic import Field

from poc.config.strict import Strict
from poc.duration import Duration


class AlertSettings(Strict):
    """From when on a problem is an alert: `[alerts]` in `milepost.toml`."""

    due_after: Duration = Field(
        default="1h",
        description="How long a file may be under way, retries included, before it is late.",
    )
    stuck_after: Duration = Field(
        default="30m",
        description="How long a complete file may wait in an inbox before the feed is stuck.",
    )
    quarantine_after: Duration = Field(
        default="24h", description="How long rows may be in quarantine before they need attention."
    )
    expires_within: Duration = Field(
        default="14d",
        description="How long before its end a client certificate needs to be renewed; in the last tenth of that time "
        "it is critical.",
    )
    disk_free: str = Field(
        default="5%",
        pattern=r"^[1-9]?[0-9](\.[0-9])?%$",
        description="The share of a disk that must be free; with less than a fifth of it, it is critical.",
    )

    @property
    def disk_free_share(self) -> float:
        """`disk_free` as a share, 0 to 1."""
        return float(self.disk_free.removesuffix("%")) / 100
