"""The log line of each exchange: how an attempt ended, and what became of its rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from poc.logs.formatters import with_fields

if TYPE_CHECKING:
    from poc.exchanges.receipt import Receipt
    from poc.service.runner import RunResult

#: The level of an outcome; of any other, error.
LEVELS = {
    "done": logging.INFO,
    "already_received": logging.INFO,
    "due": logging.WARNING,
    "refused": logging.WARNING,
    "ambiguous": logging.ERROR,
    "failed": logging.ERROR,
}


class ExchangeLog:
    """Logs each result of a run or a service.

    Args:
        logger: where the lines go.
        run_id: names the process, in each line.
    """

    def __init__(self, logger: logging.Logger, run_id: str) -> None:
        self._logger, self.run_id = logger, run_id

    def result(self, result: RunResult, message: str) -> None:
        """Log one result; `message` says what went wrong and what to do, and is empty for a success."""
        receipt = result.receipt
        if receipt is None:
            where = {"partner": result.partner, "feed": result.feed, "file": result.path.name}
            text = f"{result.partner}/{result.feed} {result.path.name}: {message}"
            self._logger.warning("%s", text, extra=with_fields(event="problem", run_id=self.run_id, **where))
            return
        level = LEVELS.get(receipt.outcome, logging.ERROR)
        if not self._logger.isEnabledFor(level):
            return
        stage = "" if receipt.outcome == "done" else next(reversed([*receipt.stages_ns]), "")
        fields = with_fields(
            event="exchange",
            run_id=self.run_id,
            partner=result.partner,
            feed=result.feed,
            file=result.path.name,
            exchange_id=receipt.exchange_id,
            stage=stage,
            attempt=receipt.attempt,
            outcome=receipt.outcome,
            recovered=receipt.outcome == "done" and receipt.attempt > 1,
            rows={name: count for name, count in receipt.account.as_dict().items() if count},
            error=message,
        )
        self._logger.log(level, "%s", describe_result(result, receipt, message), extra=fields)

    def change(self, text: str) -> None:
        """Log a change of the workspace that the service goes on with."""
        self._logger.info("%s", text, extra=with_fields(event="workspace_changed", run_id=self.run_id))

    def problem(self, text: str) -> None:
        """Log a problem of the service itself."""
        self._logger.warning("%s", text, extra=with_fields(event="problem", run_id=self.run_id))


def describe_result(result: RunResult, receipt: Receipt, message: str) -> str:
    """Return how an exchange ended, as one sentence."""
    rows = receipt.account.as_dict()
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in rows.items() if count and name != "in")
    attempt = f" at attempt {receipt.attempt}" if receipt.attempt > 1 else ""
    head = f"{result.partner}/{result.feed} {result.path.name} ({receipt.exchange_id[:8]}): {receipt.outcome}{attempt}"
    return f"{head}; {rows.get('in', 0):,} rows in: {counts or 'none to deliver'}" + (f"; {message}" if message else "")
