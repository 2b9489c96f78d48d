"""The trial of a proposal on its own sample, in a workspace that is removed afterwards."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poc.config.workspace import load_workspace
from poc.exchanges.trial import try_file
from poc.pipeline.levels import HIGHEST_LEVEL
from poc.pipeline.prepared_feed import prepare_feed
from poc.transports.http import new_session

if TYPE_CHECKING:
    from datetime import datetime

    from poc.exchanges.trial import Trial
    from poc.onboarding.proposal import Proposal

#: How often a proposal is loosened and tried again.
MAX_ROUNDS = 12

PARTNER = """\
schema = 1
id = "SAMPLE"
name = "Sample"
[endpoint]
folder = "out"
{feed}"""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of a sample under a proposal: the outcome, the rows by outcome, and why rows are bad."""

    outcome: str
    rows: dict[str, int]
    error: str
    findings: tuple[str, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether every row of the file would be delivered."""
        return self.outcome == "delivered" and self.rows["quarantined"] == 0

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return {"outcome": self.outcome, "rows": self.rows, "error": self.error, "findings": list(self.findings)}


def settle(proposal: Proposal, path: Path, now: datetime) -> tuple[Proposal, TrialResult]:
    """Try a proposal on the whole file, and give up each guess that a later row contradicts, until none is left."""
    trial = try_proposal(proposal, path, now, strict=False)
    for _ in range(MAX_ROUNDS):
        changed, done = proposal, set()
        for finding in trial.receipt.findings:
            note = f"row {finding.row:,}: {finding.note}"
            if (finding.field, finding.code) in done:
                continue
            done.add((finding.field, finding.code))
            changed = changed.loosened(finding.field, finding.code, note) or changed
        if changed is proposal:
            break
        proposal = changed
        trial = try_proposal(proposal, path, now, strict=False)
    if trial.receipt.account.rows_by_outcome["quarantined"]:
        trial = try_proposal(proposal, path, now, strict=True)  # a budget may refuse it
    receipt = trial.receipt
    outcome = "refused" if receipt.outcome == "refused" else "delivered"
    findings = tuple(f"{f'row {f.row:,}: ' if f.row else ''}{f.text()}" for f in receipt.findings)
    return proposal, TrialResult(outcome, receipt.account.as_dict(), receipt.error or "", findings)


def try_proposal(proposal: Proposal, path: Path, now: datetime, *, strict: bool) -> Trial:
    """Return what an exchange of the file would do; unless `strict`, any number of rows may be bad."""
    more = {} if strict else {"budget": {"share": 1, "rows": 0}}
    with tempfile.TemporaryDirectory(prefix="milepost-sample-") as folder, new_session() as session:
        root = Path(folder)
        for name in ("partners", "contracts", "out", "var"):
            (root / name).mkdir()
        (root / "milepost.toml").write_text('schema = 1\nname = "sample"\n', "utf-8")
        (root / "contracts" / proposal.contract).write_text(proposal.schema_text(), "utf-8")
        (root / "partners" / "SAMPLE.toml").write_text(PARTNER.format(feed=proposal.feed_text(more)), "utf-8")
        workspace = load_workspace(root)
        workspace.get_feed("SAMPLE", proposal.feed_id)  # raises what is wrong with the proposal
        prepared = prepare_feed(workspace, "SAMPLE", proposal.feed_id, HIGHEST_LEVEL, session, environ={})
        return try_file(prepared, path, now, workspace.ledger, 0)
