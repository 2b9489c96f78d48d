"""Events of replayed weeks, for tests of measures."""

from __future__ import annotations

from datetime import date, timedelta

from metrics.events import AnswerEvent, HoldingEvent, RunEvent, RunKey
from metrics.question import Question
from metrics.store.writer import insert_events

ASKED = Question(subject="service@1", start=date(2013, 1, 7), end=date(2013, 12, 29), min_blocks=3)


def week(number, side="service", busy_s=4.0, held=100, partner="AA", **changes):
    """Return the events of one exchange of a week (from 0), with what the partner then holds."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    system, level = ("service", 1) if side == "service" else (side, 0)
    same = {"mode": "replay", "faults": "standard", "series": "s1", "round": 1} | changes.pop("key", {})
    where = {"partner": partner, "feed": "flights", "file": f"{number}.csv"}
    block = {"block": first.isoformat(), "block_end": (first + timedelta(days=6)).isoformat()}
    run = {
        "key": RunKey(system=system, level=level, exchange_id=f"{partner}{number}", attempt=1, **same),
        "release": "1",
        "due_at_us": 0,
        "started_at_us": 0,
        "duration_ns": int(busy_s * 1e9),
        "outcome": "done",
        "records": 100,
        "rows": {"in": 100, "delivered": held},
    }
    counts = {"due": 100, "held": held, "twice": 0, "lost": 0, "foreign": 0}
    run |= {name: changes.pop(name) for name in list(changes) if name not in counts}
    holding = HoldingEvent(system=system, level=level, **same, **where, **block, **(counts | changes))
    return [("run", RunEvent(**run, **where, **block)), ("holding", holding)]


def answer(number, compared, equal):
    """Return the event that compares what both partners held in a week (from 0)."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    event = AnswerEvent(
        system="service", level=1, control="monolith", mode="replay", faults="standard", series="s1", round=1,
        partner="AA", feed="flights", block=first.isoformat(), block_end=(first + timedelta(days=6)).isoformat(),
        compared=compared, equal=equal,
    )  # fmt: skip
    return ("answer", event)


def insert(db, *lists):
    """Insert several lists of events."""
    with db.atomic():
        insert_events(db, [event for events in lists for event in events])


def both(db, weeks, saved=0.6):
    """Insert weeks of a control at 10 s and of a service that saves a share."""
    for number in range(weeks):
        insert(db, week(number, "monolith", 10 + number % 2), week(number, busy_s=(10 + number % 2) * (1 - saved)))
