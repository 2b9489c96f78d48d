"""Record decisions and spending, appended and never changed, each decision with the evidence behind it.

A wrong entry is corrected by a further one: another decision, or the same amount with a minus sign.
"""

from __future__ import annotations

import json
import math
from datetime import date
from typing import TYPE_CHECKING

from metrics.store.database import write_transaction
from roadmap.errors import Refused
from roadmap.plan.milestones import MAX_AMOUNT
from roadmap.records.decisions import cost_entries, recorded_decisions
from roadmap.records.evaluations import evaluation_of
from roadmap.records.verdict_json import to_json
from roadmap.wording.dates import day
from roadmap.wording.decisions import DECIDED
from roadmap.wording.verdicts import advice_text

if TYPE_CHECKING:
    from sqlite_utils import Database

    from roadmap.model import Decision, Verdict
    from roadmap.plan.milestones import Milestone
    from roadmap.records.decisions import RecordedDecision


def record_decision(
    db: Database, milestone: Milestone, verdict: Verdict, choice: str, why: str, owner: str, until: date | None,
    now_us: int, seen: int | None = None,
) -> RecordedDecision:  # fmt: skip
    """Record a decision on a milestone as of its verdict's day, with that verdict frozen in it.

    `verdict` is the one that `evaluate` has just returned and recorded, or that of an earlier day, judged as of it.
    `seen` is how many decisions the person knew of; None where nobody says.

    Raises:
        Refused: somebody has decided since; the choice, a text or the day does not fit the present state.
    """
    today = verdict.as_of
    for name, text in (("why", why), ("owner", owner)):
        if not text.strip():
            raise Refused(f"--{name} is blank; a decision says {'why' if name == 'why' else 'who took it'}")
    number, sha256 = evaluation_of(db, milestone, verdict)
    row = {
        "code": milestone.code,
        "choice": choice,
        "advice": advice_text(verdict.advice.choice, verdict.advice.text),
        "owner": owner.strip(),
        "why": why.strip(),
        "until": until.isoformat() if until else "",
        "as_of": today.isoformat(),
        "evidence": json.dumps({"verdict": to_json(verdict), "evaluation_id": number, "evidence_sha256": sha256}),
        "recorded_at_us": now_us,
    }
    with write_transaction(db):  # insert first, then check: no other decision can come between
        _check_order(db, milestone.code, today)
        db.table("decision").insert(row)
        *earlier, recorded = recorded_decisions(db, milestone.code, today)
        _check_seen(milestone.code, "decision", len(earlier), seen)
        _check(milestone.code, earlier[-1].decision if earlier else None, today, choice, until)
    return recorded


def _check_seen(code: str, what: str, recorded: int, seen: int | None) -> None:
    """Check that nothing was recorded since a person looked. Raises Refused."""
    if seen is not None and seen != recorded:
        raise Refused(
            f"{code}: another {what} was recorded after this page was loaded. Nothing was recorded now. Load the page "
            "again in a moment, look at what is new, and record it then if it still holds"
        )


def _check_order(db: Database, code: str, today: date) -> None:
    """Check that no decision on a milestone is of a later day.

    Raises:
        Refused: there is one.
    """
    (last,) = db.execute("SELECT MAX(as_of) FROM decision WHERE code = ?", (code,)).fetchone()
    if last is not None and last > today.isoformat():
        raise Refused(
            f"{code}: --on {today} is before its last decision, of {day(date.fromisoformat(last))}; choose a day from "
            "then on"
        )


def _check(code: str, last: Decision | None, today: date, choice: str, until: date | None) -> None:
    """Check that a choice fits after the last decision.

    Raises:
        Refused: it does not.
    """
    if choice not in DECIDED:
        raise Refused(f"{code}: {choice!r} cannot be decided; choose one of {', '.join(DECIDED)}")
    if until is not None and choice != "pause":
        raise Refused(f"{code}: --until {until} goes with `pause` only; `{choice}` has no end")
    if until is not None and until <= today:
        raise Refused(f"{code}: --until {until} is not after {day(today)}, the day of the decision; choose a later one")
    if choice == "resume":
        if last is None or last.choice not in {"pause", "stop"}:
            raise Refused(f"{code}: is neither paused nor stopped, so there is nothing to resume")
        return
    if last is None or not last.holds(today):
        return
    since = f"{code}: is {DECIDED[last.choice]} since {day(last.as_of)}"
    if choice == last.choice == "pause" and until is not None and until.isoformat() != last.until:
        return
    if choice == last.choice:
        again = "; give another --until to move its end" if choice == "pause" else ""
        raise Refused(f"{since} already{again}")
    if choice != "stop":
        raise Refused(f"{since}; `resume` it first, then `{choice}`")


def record_spending(
    db: Database, milestone: Milestone, amount: float, note: str, as_of: date, now_us: int, seen: int | None = None
) -> float:  # fmt: skip
    """Record an amount spent on a milestone; a negative one corrects. Returns the total spent by then.

    `seen` is how many entries the person knew of; None where nobody says.

    Raises:
        Refused: somebody has recorded another since; the amount is 0, no number or beyond `MOST_MONEY`; or the note is
            blank.
    """
    if not math.isfinite(amount) or amount == 0:
        raise Refused(
            f"{milestone.code}: {amount:g} is not an amount; give one above 0, or below it to correct another"
        )
    if abs(amount) > MAX_AMOUNT:
        raise Refused(f"{milestone.code}: {amount:g} is too large; give at most {MAX_AMOUNT:,.0f}")
    if not note.strip():
        raise Refused("--note is blank; an entry says what it was spent on")
    row = {
        "code": milestone.code,
        "amount": float(amount),
        "note": note.strip(),
        "as_of": as_of.isoformat(),
        "recorded_at_us": now_us,
    }
    with write_transaction(db):
        _check_seen(milestone.code, "amount", len(cost_entries(db, milestone.code, as_of)), seen)
        db.table("cost_entry").insert(row)
    return sum(entry.amount for entry in cost_entries(db, milestone.code, as_of))
