"""Configuration of how long what is settled is kept: `[keep]` in `milepost.toml`."""

from __future__ import annotations

from pydantic import Field

from poc.config.strict import Strict
from poc.duration import Duration


class KeepSettings(Strict):
    """How long what is settled is kept: `[keep]` in `milepost.toml`. Without a key, it is kept for ever.

    `milepost tidy` removes it, and `milepost serve` once a day. Nothing that is owed is ever removed.
    """

    archive: Duration | None = Field(
        default=None,
        description="How long files stay in `var/archive` after their exchange has ended. One whose rows are in "
        "quarantine stays, as it is needed to repair them.",
    )
    refused: Duration | None = Field(
        default=None, description="How long refused files stay that were replaced by a mended one, or discarded."
    )
    quarantine: Duration | None = Field(
        default=None, description="How long rows stay that have left quarantine, replayed or discarded."
    )
    spool: Duration | None = Field(
        default=None, description="How long lines of the spool stay that are no events, and were saved apart."
    )
    metrics: Duration | None = Field(
        default=None,
        description="How long single runs stay in the metrics store. What milestones are judged by is computed from "
        "them day by day, and stays.",
    )
    capture: Duration | None = Field(
        default=None,
        description="How long the requests of monoliths stay in `var/capture`, where `milepost capture` keeps them, "
        "and those that the service did not send, in `var/shadow`.",
    )
    history: Duration | None = Field(
        default=None,
        description="How long the ledger knows exchanges that are done. After that, the same bytes are a new file: a "
        "repeat is no longer recognised.",
    )
