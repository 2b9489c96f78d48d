"""One attempt at one exchange: counts rows in and their outcomes, and keeps the ledger in step with the counts."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.batch import MAX_SHOWN_FINDINGS, Account, FileRejected, Finding, RowOutcome, first_findings
from poc.formats.header import SchemaDrift
from poc.ledger.schema import EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from poc.batch import Batch
    from poc.errors import ContractBreach
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.retries.failure_policy import FailurePolicy

#: Numbers of quarantined rows listed in a receipt; all are counted.
MAX_LISTED_ROWS = 1000

#: An attempt takes its outcome from the first of these that some row has: what still has to be done comes first.
OUTCOME_PRIORITY = ("due", "failed", "refused", "ambiguous")


#: Counts rows of which the partner said that it had them already.
ADD_REPEATED = (
    sa.update(EXCHANGE)
    .where(EXCHANGE.c.id == sa.bindparam("key"))
    .values(rows_repeated=EXCHANGE.c.rows_repeated + sa.bindparam("more_rows"))
)


class Attempt:
    """The account of an attempt while it runs.

    `_base` holds the rows of an earlier attempt whose outcome this attempt does not change, by outcome. `before_commit`
    writes what belongs into the same transaction.
    """

    def __init__(
        self,
        ledger: Ledger,
        entry: ExchangeRecord,
        size_bytes: int,
        now: datetime,
        *,
        settings_digest: str,
        honours_keys: bool,
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self.rows_in = 0
        self.outcomes: list[RowOutcome] = []
        self.findings: list[Finding] = []
        self.quarantined_rows: list[int] = []
        self.committed = self.whole = self.reserved = False
        self._ledger = ledger
        self._entry = entry
        self._size_bytes = size_bytes
        self._settings_digest = settings_digest
        self._honours_keys = honours_keys
        self._before_commit = before_commit
        self._now_us = int(now.timestamp() * 1_000_000)
        self._began_ns = time.monotonic_ns()
        self._base: dict[str, int] = {}
        self._earlier_reasons: Mapping[str, int] = {}

    def clock_us(self) -> int:
        """Return the current time: the time given to the attempt, plus the time since then."""
        return self._now_us + (time.monotonic_ns() - self._began_ns) // 1000

    def count_rows(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the same batches, and count their rows as received."""
        for batch in batches:
            encoded_rows = 0 if batch.encoded is None else batch.encoded.count
            self.rows_in += batch.rows.height + len(batch.rejected) + encoded_rows
            yield batch

    def consume(self, batches: Iterable[Batch]) -> None:
        """Run the pipeline to its end, and record the outcomes of its rows."""
        for batch in batches:
            self.outcomes += batch.outcomes
            if batch.rejected or batch.notes:
                if batch.notes:  # they are in no other place, while rows are in quarantine
                    del self.findings[max(MAX_SHOWN_FINDINGS - len(batch.notes), 0) :]
                    self.findings += batch.notes[:MAX_SHOWN_FINDINGS]
                self.findings += first_findings(batch.rejected, MAX_SHOWN_FINDINGS - len(self.findings))
                listed = batch.rejected[: MAX_LISTED_ROWS - len(self.quarantined_rows)]
                self.quarantined_rows += [row.row for row in listed]

    def resume(self, outcomes: Iterable[RowOutcome], reasons: Mapping[str, int]) -> None:
        """Continue the account of an earlier attempt: rows that are in the outbox get new outcomes.

        `reasons` are those of the rows in quarantine. What is ambiguous is counted anew, as an attempt may have died
        between the commit that marked a request and the one that counted its rows.
        """
        self._earlier_reasons = reasons
        rows = dict(self._entry.rows)
        self.rows_in, self.whole = rows.pop("in"), True
        self._base = {name: count for name, count in rows.items() if name not in {"due", "failed", "ambiguous"}}
        for outcome in outcomes:
            self.outcomes.append(outcome)

    def restart(self) -> None:
        """Reset all counts and roll back the ledger: the file is read again."""
        self._ledger.roll_back()
        self.rows_in, self.outcomes, self.findings, self.quarantined_rows = 0, [], [], []

    def refuse(self, breach: ContractBreach, rows_in_file: int) -> None:
        """Give all rows of a file the outcome `refused`, except those that were sent before."""
        if not self.committed:
            self.restart()
        findings = breach.findings if isinstance(breach, FileRejected | SchemaDrift) else ()
        self.findings = list(findings) or [Finding(0, breach.code, "", str(breach))]
        settled_rows = sum(outcome.rows for outcome in self.outcomes)
        refused_rows = max(rows_in_file - settled_rows, 0)
        self.rows_in = refused_rows + settled_rows
        self.outcomes.append(RowOutcome("refused", refused_rows, breach.code, str(breach)))
        self.whole = self.reserved  # of what was sent early, the outbox holds all that is still to be sent

    @property
    def reasons(self) -> dict[str, int]:
        """Rows in quarantine by the code of the first finding of each; their sum is in the account."""
        counts = Counter(self._earlier_reasons)
        for outcome in self.outcomes:
            if outcome.outcome == "quarantined":
                counts[outcome.code] += outcome.rows
        return dict(counts)

    def commit(self, *, whole: bool = False, reserved_to: int = -1) -> None:
        """Commit the counts so far; rows without an outcome are due. See `poc.retries.failure_policy.CommitPoint`."""
        ended = self._ended()
        ended["due"] = ended.get("due", 0) + self.rows_in - sum(ended.values())
        rows = {f"rows_{name}": count for name, count in Account(self.rows_in, ended).as_dict().items()}
        values = {"whole": int(whole), "reserved_to": reserved_to, "agreed": self._settings_digest, "due_at_us": None}
        self._write({**values, **rows})
        if whole and self._honours_keys:
            self._ledger.wait_for_disk(False)
        self.committed, self.whole, self.reserved = True, whole, reserved_to >= 0

    def close(self, policy: FailurePolicy, repeated_rows: int = 0) -> tuple[str, str, str, Account]:
        """Close the account and commit; the partner said of `repeated_rows` that it had them already.

        Returns:
            The outcome, the code of the error, its reason as text, and the account.

        Raises:
            Unbalanced: the account does not add up; nothing was written.
        """
        account = Account.close(self.rows_in, self.outcomes, self._base)
        outcome, code, reason = self._overall_outcome(account)
        rows = {f"rows_{name}": count for name, count in account.as_dict().items()}
        values: dict[str, object] = {
            "outcome": outcome, "reason": reason, "closed_at_us": self.clock_us(), "failures": policy.failures,
            "due_at_us": policy.due_at_us if outcome == "due" else None, "attempt": self._entry.attempt,
            "whole": int(self.whole), **rows,
        }  # fmt: skip
        if repeated_rows:
            self._ledger.execute(ADD_REPEATED, {"key": self._entry.exchange_id, "more_rows": repeated_rows})
        self._write(values)
        return outcome, code, reason, account

    def _write(self, values: Mapping[str, object]) -> None:
        if self.committed:
            self._ledger.update(self._entry, **values)
        else:
            self._ledger.record_attempt(self._entry, self._size_bytes, self._now_us, **values)
        self._before_commit()
        self._ledger.commit()

    def _ended(self) -> dict[str, int]:
        ended = dict(self._base)
        for outcome in self.outcomes:
            ended[outcome.outcome] = ended.get(outcome.outcome, 0) + outcome.rows
        return ended

    def _overall_outcome(self, account: Account) -> tuple[str, str, str]:
        for name in OUTCOME_PRIORITY:
            part = next((outcome for outcome in self.outcomes if outcome.outcome == name), None)
            if part is not None and (account.rows_by_outcome[name] or name == "refused"):
                return (
                    name,
                    part.code,
                    part.reason + self._also_failed(name),
                )  # a refused file may have no row that can be counted
            if account.rows_by_outcome[name]:
                return name, "", self._entry.reason
        return "done", "", ""

    def _also_failed(self, outcome: str) -> str:
        """Return what a person should know of the rows that failed, where others are still due."""
        failed = [part for part in self.outcomes if part.outcome == "failed"]
        if outcome != "due" or not failed:
            return ""
        return f"; {sum(part.rows for part in failed):,} row(s) failed: {failed[0].reason}"
