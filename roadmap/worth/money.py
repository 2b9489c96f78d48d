"""Money beside a gain: what a point of it cost, and in how many months it pays back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from roadmap.wording.numbers import count
from roadmap.wording.verdicts import spent_text

if TYPE_CHECKING:
    from metrics.measures.reading import Reading
    from roadmap.model import Verdict
    from roadmap.worth.figures import WorthFigures

#: Beyond this many months, a payback is not named.
MAX_MONTHS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBeside:
    """The money of a milestone, in words; "" where it cannot be given."""

    code: str
    spent: str  #: against the plan
    per_point: str  #: cost of a point of time saved
    payback: str  #: in production, with prices


def money_beside(verdict: Verdict, figures: WorthFigures | None = None) -> MoneyBeside:
    """Return the money of a milestone, in words. `figures` are those of its own question."""
    saved = next((c.reading for c in verdict.criteria if c.name == "busy_time_saved" and c.reading), None)
    return MoneyBeside(
        code=verdict.code,
        spent=spent_text(verdict.spent, verdict.budget),
        per_point=cost_per_point(verdict.spent, saved),
        payback=payback_text(verdict.spent, figures) if figures else "",
    )


def money_line(money: MoneyBeside) -> str:
    """Return the money of a milestone as a line; "" where there is nothing but the spending, which stands elsewhere."""
    parts = [part for part in (money.per_point, money.payback) if part]
    return f"{money.code}: {money.spent}; {', '.join(parts)}" if parts else ""


def cost_per_point(spent: float | None, saved: Reading | None) -> str:
    """Return what each point of time saved cost: "1,500 a point of time saved, likely 1,300 to 1,800"."""
    if spent is None or spent <= 0 or saved is None or saved.estimate is None:
        return ""
    if saved.estimate <= 0:
        return f"{count(spent)} spent, and no time saved"
    text = f"{_price(spent / (saved.estimate * 100))} a point of time saved"
    if saved.low is None or saved.high is None:
        return f"{text}, no range yet"
    dearest = _price(spent / (saved.low * 100)) if saved.low > 0 else "no limit"
    return f"{text}, likely {_price(spent / (saved.high * 100))} to {dearest}"


def _price(amount: float) -> str:
    """Format what a point cost: a small amount has a decimal."""
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:,.1f}"


def payback_text(spent: float | None, figures: WorthFigures) -> str:
    """Return in how many months the effort saved pays for what was spent; only in production, with prices."""
    month, effort = figures.month, figures.effort
    if spent is None or spent <= 0 or month is None or effort is None or effort.estimate is None:
        return ""
    if figures.mode != "live" or not month.same_records_money:
        return ""
    base = month.same_records_money
    if effort.low is None or effort.high is None:
        return "pays back: no range yet"
    soonest, latest = (_months(spent, gain * base) for gain in (effort.high, effort.low))
    if soonest is None:
        return "does not pay back"
    if latest is None:
        return f"pays back in {soonest:,.1f} months at best, or never"
    return f"pays back in {soonest:,.1f} to {latest:,.1f} months"


def _months(spent: float, a_month: float) -> float | None:
    """Return the months after which a monthly saving has paid for what was spent; None: not within sight."""
    return spent / a_month if a_month > 0 and spent / a_month <= MAX_MONTHS else None
