"""The table of the printed page: a row a milestone, as many as there is room for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadmap import words
from roadmap.answers import day, digits_for, less, plural, span, tight
from roadmap.paper import PRESSING
from roadmap.report import title

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from roadmap.criteria import Criterion
    from roadmap.verdict import Verdict

#: Up to so many milestones have room for a reason each; up to so many for type of an ordinary size; no more have room.
ROOMY, DENSE, MOST = 4, 8, 12

#: Characters of a title and of a reason, by how full the page is.
TITLES = {"roomy": 60, "close": 48, "dense": 40}
REASONS = {"roomy": 110, "close": 0, "dense": 0}

#: What gives way first where there is no room for all, the last first; what presses never does before it.
LAST = ("proven", "not_started")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One milestone in words; what is not known is said so."""

    code: str
    title: str
    why: str  #: "" where there is no room for it
    status: str  #: a key of `words.STATUS`, for the icon
    said: str
    gain: str
    range: str
    target: str
    due: str
    slip: str
    end: str  #: when it was proven, or what is foreseen
    spent: str


def rows(verdicts: Sequence[Verdict], today: date, fill: str) -> tuple[tuple[Row, ...], str]:
    """The rows that there is room for, in the plan's order, and a sentence on the others.

    Args:
        verdicts: all milestones.
        today: the day that the page is as of.
        fill: how full the page is: "roomy", "close" or "dense".
    """
    order = sorted(range(len(verdicts)), key=lambda n: (_weight(verdicts[n].status), n))
    shown = set(order[:MOST])
    left = Counter(words.STATUS[v.status] for n, v in enumerate(verdicts) if n not in shown)
    told = ", ".join(f"{many:,} {status}" for status, many in left.items())
    more = f"And {left.total():,} more in the dashboard: {told}." if left else ""
    return tuple(_row(v, today, fill) for n, v in enumerate(verdicts) if n in shown), more


def shortened(text: str, most: int) -> str:
    """A text on one line and no longer than that, cut between words where it can be; "" for no room at all."""
    line = tight(" ".join(text.split()))
    if len(line) <= most:
        return line
    head = line[: max(most - 1, 0)]
    cut = head.rpartition(" ")[0]
    return f"{(cut if len(cut) > most // 2 else head).rstrip(' ,;:')}…" if head else ""


def _weight(status: str) -> int:
    if status in PRESSING:
        return 0
    return 2 + LAST.index(status) if status in LAST else 1


def _row(v: Verdict, today: date, fill: str) -> Row:
    timed = next((c for c in v.criteria if c.name == "busy_time_saved"), None)
    gain, likely = _gain(timed)
    return Row(
        code=shortened(v.code, 14),
        title=shortened(v.title, TITLES[fill]),
        why=_why(v, REASONS[fill]),
        status=v.status,
        said=title(v),
        gain=gain,
        range=likely,
        target="none set" if timed is None else tight(words.target(timed.direction, timed.target, timed.unit)),
        due=day(v.due, year=True),
        slip=_slip(v, today),
        end=_end(v, today),
        spent=words.spent(v.spent, v.budget),
    )


def _why(v: Verdict, most: int) -> str:
    """The first reason; whether it is a fact or a forecast is left to the full report."""
    if not v.reasons:
        return ""
    text = v.reasons[0].text.removeprefix("fact: ").removeprefix("forecast: ")
    return shortened(text[:1].upper() + text[1:], most)


def _gain(timed: Criterion | None) -> tuple[str, str]:
    """The time saved and its likely range, in words."""
    reading = timed.reading if timed else None
    if timed is None or reading is None or reading.estimate is None:
        return "not measured", ""
    if reading.low is None or reading.high is None:
        return less(reading.estimate), "no range yet"
    digits = digits_for(reading.low, reading.high, timed.target)
    return less(reading.estimate, digits), f"likely {span(reading.low, reading.high, timed.target)}"


def _slip(v: Verdict, today: date) -> str:
    """Against the first plan, and overdue; "" where all is as planned."""
    moved = v.slip_days
    said = [f"{plural(abs(moved), 'day')} {'later' if moved > 0 else 'earlier'} than first planned"] if moved else []
    if v.proven_on is None and today > v.due:
        said.append(f"{plural((today - v.due).days, 'day')} overdue")
    return ", ".join(said)


def _end(v: Verdict, today: date) -> str:
    if v.proven_on is not None:
        return f"proven {day(v.proven_on, year=True)}"
    if today < v.start:
        return f"starts {day(v.start, year=True)}"
    wanted = [one for one in v.forecasts if one.role == "metric"]
    odds = [one.odds for one in wanted if one.odds is not None]
    if odds:
        return f"not yet; {tight(words.odds(min(odds)))} by then"
    days = [one.expected_on for one in wanted if one.expected_on is not None]
    return f"not yet; expected around {day(max(days), year=True)}" if days else "not yet; no forecast"
