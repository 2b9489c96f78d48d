"""One attempt at one exchange: counts what comes in and where it ends, and keeps the ledger in step with it."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from poc.batch import MAX_SHOWN_FINDINGS, Account, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from poc.batch import Batch, RowOutcome
    from poc.delivery.failure_policy import FailurePolicy
    from poc.ledger.ledger import ExchangeRecord, Ledger

#: Numbers of rows set aside that a receipt shows at the most; all are counted.
MAX_LISTED_ROWS = 1000

#: An attempt is called by the first of these in which some row ended: what still has to be done comes first.
OUTCOME_PRIORITY = ("failed", "due", "refused", "ambiguous")


class Attempt:
    """The account of an attempt while it runs.

    `base` is what an earlier attempt left: rows in, and where those ended that this attempt does not move.
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
    ) -> None:
        self.rows_in = 0
        self.settled: list[RowOutcome] = []
        self.findings: list[Finding] = []
        self.quarantined_rows: list[int] = []
        self.committed = self.whole = self.reserved = False
        self._ledger = ledger
        self._entry = entry
        self._size_bytes = size_bytes
        self._settings_digest = settings_digest
        self._honours_keys = honours_keys
        self._now_us = int(now.timestamp() * 1_000_000)
        self._began_ns = time.monotonic_ns()
        self._base: dict[str, int] = {}
        self._stood: Mapping[str, int] = {}

    def clock_us(self) -> int:
        """The time now: that which the attempt was given, and what has passed since."""
        return self._now_us + (time.monotonic_ns() - self._began_ns) // 1000

    def count_rows(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; their rows have come in."""
        for batch in batches:
            self.rows_in += batch.rows.height + len(batch.rejected)
            yield batch

    def consume(self, batches: Iterable[Batch]) -> None:
        """Run the line to its end, noting where rows ended."""
        for batch in batches:
            self.settled += batch.outcomes
            if batch.rejected or batch.notes:
                told = [*batch.notes, *(finding for bad in batch.rejected for finding in bad.findings)]
                self.findings += told[: MAX_SHOWN_FINDINGS - len(self.findings)]
                numbers = [rejected.row for rejected in batch.rejected]
                self.quarantined_rows += numbers[: MAX_LISTED_ROWS - len(self.quarantined_rows)]

    def resume(self, settled: Iterable[RowOutcome], reasons: Mapping[str, int]) -> None:
        """Take up an account where an earlier attempt left it: what was to be sent is settled anew.

        `reasons` are those of the rows that stand set aside.
        """
        self._stood = reasons
        rows = dict(self._entry.rows)
        self.rows_in, self.whole = rows.pop("in"), True
        self._base = {name: count for name, count in rows.items() if name not in {"due", "failed"}}
        for part in settled:
            self.settled.append(part)

    @property
    def reasons(self) -> dict[str, int]:
        """Rows that stand set aside, by the code of the first thing wrong with each; their sum is in the account."""
        found = Counter(self._stood)
        for part in self.settled:
            if part.outcome == "quarantined":
                found[part.code] += part.rows
        return dict(found)

    def restart(self) -> None:
        """Forget what was counted and take back what was written: the file is read once more."""
        self._ledger.roll_back()
        self.rows_in, self.settled, self.findings, self.quarantined_rows = 0, [], [], []

    def commit(self, *, whole: bool = False, reserved_to: int = -1) -> None:
        """Commit what is known so far; rows that have not ended are due. See `poc.policy.Seal`."""
        ended = self._ended()
        ended["due"] = ended.get("due", 0) + self.rows_in - sum(ended.values())
        rows = {f"rows_{name}": count for name, count in Account(self.rows_in, ended).as_dict().items()}
        self._write(
            {
                "whole": int(whole),
                "reserved_to": reserved_to,
                "agreed": self._settings_digest,
                "due_at_us": None,
                **rows,
            }
        )
        if whole and self._honours_keys:
            self._ledger.wait_for_disk(False)
        self.committed, self.whole, self.reserved = True, whole, reserved_to >= 0

    def close(self, policy: FailurePolicy) -> tuple[str, str, str, Account]:
        """Close the account and commit.

        Returns:
            The outcome, the code of what went wrong, the reason in words, and the account.

        Raises:
            Unbalanced: it does not add up; nothing was written.
        """
        account = Account.close(self.rows_in, self.settled, self._base)
        outcome, code, reason = self._judge(account)
        rows = {f"rows_{name}": count for name, count in account.as_dict().items()}
        values: dict[str, object] = {
            "outcome": outcome, "reason": reason, "closed_at_us": self.clock_us(), "failures": policy.failures,
            "due_at_us": policy.due_at_us if outcome == "due" else None, "attempt": self._entry.attempt,
            "whole": int(self.whole), **rows,
        }  # fmt: skip
        self._write(values)
        return outcome, code, reason, account

    def _write(self, values: Mapping[str, object]) -> None:
        if self.committed:
            self._ledger.update(self._entry, **values)
        else:
            self._ledger.record_attempt(self._entry, self._size_bytes, self._now_us, **values)
        self._ledger.commit()

    def _ended(self) -> dict[str, int]:
        ended = dict(self._base)
        for part in self.settled:
            ended[part.outcome] = ended.get(part.outcome, 0) + part.rows
        return ended

    def _judge(self, account: Account) -> tuple[str, str, str]:
        for outcome in OUTCOME_PRIORITY:
            part = next((part for part in self.settled if part.outcome == outcome), None)
            if part is not None and (account.rows_by_outcome[outcome] or outcome == "refused"):
                return outcome, part.code, part.reason  # a refused file may have no row that can be counted
            if account.rows_by_outcome[outcome]:
                return outcome, "", self._entry.reason
        return "done", "", ""
