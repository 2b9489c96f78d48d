"""The state of each partner for people: whether requests are sent to it, until when not, and why."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from poc.config.partner import RetrySchedule
from poc.errors import BadInput
from poc.ledger.queries import circuit_breakers, exchange_totals, unfinished_counts
from poc.retries.circuit_breaker import CircuitBreaker, longest_wait_us
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.config.partner import Partner
    from poc.ledger.ledger import Ledger

#: The outcomes that are counted for each partner.
WAITING = ("due", "failed", "ambiguous")


def breaker_states(ledger: Ledger, partners: Mapping[str, Partner], now_us: int) -> list[dict[str, Any]]:
    """Return the circuit breakers in the ledger, each with its state at a time and the end of that state as text."""
    default = RetrySchedule()
    rows = circuit_breakers(ledger)
    for row in rows:
        breaker = CircuitBreaker(**{part.name: row[part.name] for part in fields(CircuitBreaker)})
        name = row["partner"].partition("/")[0]
        retry = partners[name].retry if name in partners else default
        row["state"] = breaker.state(now_us, longest_wait_us(retry))
        row["until"] = None if breaker.until_us is None else format_utc(breaker.until_us)
    return rows


def partner_states(ledger: Ledger, partners: Mapping[str, Partner], now_us: int) -> list[dict[str, Any]]:
    """Return one row for each partner, and one for each feed whose address fails (named PARTNER/FEED).

    Partners that are no longer configured are listed while something waits for them.
    """
    breakers = {row["partner"]: row for row in breaker_states(ledger, partners, now_us)}
    counts: dict[str, dict[str, int]] = {}
    for row in unfinished_counts(ledger):
        if row["outcome"] in WAITING:
            for name in (row["partner"], f"{row['partner']}/{row['feed']}"):
                count = counts.setdefault(name, dict.fromkeys(WAITING, 0))
                count[row["outcome"]] += row["exchanges"]
    waiting = {name for name in counts if "/" not in name}
    return [
        {
            "partner": name,
            "state": breakers[name]["state"] if name in breakers else "closed",
            "until": breakers[name]["until"] if name in breakers else None,
            "why": breakers[name]["why"] if name in breakers else "",
            "failures": breakers[name]["failures"] if name in breakers else 0,
            **counts.get(name, dict.fromkeys(WAITING, 0)),
        }
        for name in sorted(partners.keys() | breakers.keys() | waiting)
    ]


def check_partner(ledger: Ledger, partners: Mapping[str, Partner], name: str) -> None:
    """Raise BadInput where no partner has a name, neither in the configuration nor in the ledger."""
    choices = sorted({*partners, *(row["partner"] for row in exchange_totals(ledger))})
    if name not in choices:
        raise BadInput(f"unknown partner {name!r}; choose one of {', '.join(choices) or 'none yet'}")
