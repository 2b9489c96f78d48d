"""Put recorded decisions into words."""

from __future__ import annotations

from datetime import date

from roadmap.wording.dates import day

#: What can be decided, with its past participle.
DECIDED = {"continue": "continued", "change": "changed", "pause": "paused", "stop": "stopped", "resume": "resumed"}


def until_text(until: str) -> str:
    """Return the end of a decision, to follow other words: " until 30 Jun 2013"; "" where it has none.

    `until` is an ISO date, or any other words that an older release recorded.
    """
    try:
        return f" until {day(date.fromisoformat(until))}"
    except ValueError:
        return f" until {until}" if until else ""


def decision_text(
    choice: str, owner: str, *, until: str = "", as_of: date | None = None, why: str = "", advised: str = ""
) -> str:
    """Return a decision in words: "paused on 5 May 2013 by Ada until 30 Jun 2013 (advised: change): no data yet"."""
    on = f" on {day(as_of)}" if as_of else ""
    other = f" (advised: {advised})" if advised else ""
    return f"{DECIDED.get(choice, choice)}{on} by {owner}{until_text(until)}{other}" + (f": {why}" if why else "")
